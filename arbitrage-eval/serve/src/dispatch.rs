//! The router of a server: each sequence by the policy of its request.

use std::sync::Arc;

use arbitrage_core::router::Rsd;
use arbitrage_core::{
    AdvantageRouter, Author, BoxError, Candidate, Decision, Prefix, Route, ScoreError, SequenceId, StepScorer,
};
use arbitrage_router::Policy;

use super::choice::{Choice, Policies};
use super::queue::Queue;

/// Decides on each step by the policy that its request has chosen. Trained routers and scorers are loaded once and asked once a
/// turn about all sequences that are theirs; a request's threshold changes what their estimates are compared with.
///
/// It never asks for the target's step before it decides, so the target writes escalated steps only; and policies that need
/// no draft, as a spent budget, decide before one is written.
pub struct Dispatch {
    queue: Arc<Queue>,
    usual: Choice,
    learned: Option<Box<dyn AdvantageRouter>>,
    rsd: Option<Rsd<Box<dyn StepScorer>>>,
}

impl Dispatch {
    pub(super) fn new(policies: Policies, queue: Arc<Queue>) -> Self {
        let usual = Choice { policy: policies.usual, budget: policies.budget };
        Self { queue, usual, learned: policies.learned, rsd: policies.rsd }
    }

    /// What was chosen for a sequence. One that did not come over the queue is treated as usual.
    fn choice(&self, id: SequenceId) -> Choice {
        self.queue.choice(id).unwrap_or(self.usual)
    }

    /// Has the router of `kind` decide on the candidates at these places, in one call.
    fn shared(&mut self, kind: Kind, of: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let answers = match (kind, &mut self.learned, &mut self.rsd) {
            (Kind::Learned, Some(learned), _) => learned.route_batch(of),
            (Kind::Rsd, _, Some(rsd)) => rsd.route_batch(of),
            // A choice is checked before it comes here; without a router there is no decision.
            _ => Vec::new(),
        };
        let found = answers.len();
        if found == of.len() {
            return answers;
        }
        of.iter().map(|_| Err(ScoreError::Count { expected: of.len(), found }.into())).collect()
    }
}

/// Who decides.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Learned,
    Rsd,
    /// A policy without state, made for the decision.
    Plain,
}

fn kind(policy: Policy) -> Kind {
    match policy {
        Policy::Learned(_) => Kind::Learned,
        Policy::Rsd(_) => Kind::Rsd,
        _ => Kind::Plain,
    }
}

/// The decision under the request's own threshold.
fn under(policy: Policy, mut decision: Decision) -> Decision {
    match (policy, decision.estimate) {
        (Policy::Learned(Some(tau)), Some(estimate)) => decision.route = Route::escalate_if(estimate > tau),
        (Policy::Rsd(tau), Some(score)) => decision.route = Route::escalate_if(score <= tau),
        _ => {}
    }
    decision
}

impl AdvantageRouter for Dispatch {
    fn name(&self) -> String {
        format!("dispatch(usual={})", self.usual.policy)
    }

    fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
        let Choice { policy, budget } = self.choice(prefix.id);
        if budget.is_some_and(|most| prefix.written_by(Author::Target) >= most) {
            return Some(Route::Accept.into());
        }
        match policy {
            Policy::Learned(_) => self.learned.as_mut()?.before_draft(prefix),
            Policy::Draft => Some(Route::Accept.into()),
            Policy::Target => Some(Route::Escalate.into()),
            _ => None,
        }
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let policy = self.choice(candidate.prefix.id).policy;
        match kind(policy) {
            Kind::Plain => alone(policy, candidate),
            shared => {
                let answer = self.shared(shared, std::slice::from_ref(candidate)).pop();
                Ok(under(policy, answer.ok_or(ScoreError::Count { expected: 1, found: 0 })??))
            }
        }
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let policies: Vec<_> = candidates.iter().map(|candidate| self.choice(candidate.prefix.id).policy).collect();
        let mut answers: Vec<(usize, Result<Decision, BoxError>)> = Vec::with_capacity(candidates.len());
        for shared in [Kind::Learned, Kind::Rsd] {
            let places: Vec<usize> = (0..candidates.len()).filter(|&at| kind(policies[at]) == shared).collect();
            if places.is_empty() {
                continue;
            }
            let of: Vec<_> = places.iter().map(|&at| candidates[at]).collect();
            let decided = self.shared(shared, &of);
            answers.extend(
                places
                    .into_iter()
                    .zip(decided)
                    .map(|(at, answer)| (at, answer.map(|decision| under(policies[at], decision)))),
            );
        }
        let plain = (0..candidates.len()).filter(|&at| kind(policies[at]) == Kind::Plain);
        answers.extend(plain.map(|at| (at, alone(policies[at], &candidates[at]))));
        answers.sort_by_key(|(at, _)| *at);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    fn release(&mut self, id: SequenceId) {
        if let Some(learned) = &mut self.learned {
            learned.release(id);
        }
        if let Some(rsd) = &mut self.rsd {
            rsd.release(id);
        }
    }
}

fn alone(policy: Policy, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
    policy.router(None)?.route(candidate)
}
