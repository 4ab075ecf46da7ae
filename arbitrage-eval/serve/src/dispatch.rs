//! The router of a server, which applies the policy of each request.

use std::fmt;
use std::sync::Arc;

use arbitrage_core::router::Rsd;
use arbitrage_core::{
    AdvantageRouter, Author, BoxError, Candidate, Decision, Prefix, Route, ScoreError, SequenceId, StepScorer,
};
use arbitrage_router::Policy;

use super::policies::{Policies, PolicyChoice};
use super::queue::RequestQueue;

/// Routes each step by the policy that its request has chosen. Trained routers and scorers are loaded once, and called once for all
/// sequences of a batch that use them. A request's threshold only changes the value that their estimates are compared with.
///
/// Decisions never need the target's step, so the target writes escalated steps only. Policies that need no draft, requests whose budget
/// is spent, and steps that are handed over to the target, are decided before a draft is written.
pub struct Dispatch {
    queue: Arc<RequestQueue>,
    default_choice: PolicyChoice,
    learned: Option<Box<dyn AdvantageRouter>>,
    rsd: Option<Rsd<Box<dyn StepScorer>>>,
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch").field("default_choice", &self.default_choice).finish_non_exhaustive()
    }
}

impl Dispatch {
    pub(super) fn new(policies: Policies, queue: Arc<RequestQueue>) -> Self {
        let default_choice =
            PolicyChoice { policy: policies.default_policy, budget: policies.budget, handover: policies.handover };
        Self { queue, default_choice, learned: policies.learned, rsd: policies.rsd }
    }

    /// The choice of a sequence, or the default for a sequence that is not from the queue.
    fn choice(&self, id: SequenceId) -> PolicyChoice {
        self.queue.choice(id).unwrap_or(self.default_choice)
    }

    /// Has a shared router decide on all candidates in one call.
    fn route_shared(&mut self, router: SharedRouter, of: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let answers = match (router, &mut self.learned, &mut self.rsd) {
            (SharedRouter::Learned, Some(learned), _) => learned.route_batch(of),
            (SharedRouter::Rsd, _, Some(rsd)) => rsd.route_batch(of),
            // Choices are checked before requests are queued. Without a router there are no decisions, which is an error below.
            _ => Vec::new(),
        };
        let found = answers.len();
        if found == of.len() {
            return answers;
        }
        of.iter().map(|_| Err(ScoreError::Count { expected: of.len(), found }.into())).collect()
    }
}

/// A router that is loaded once and decides for all requests.
#[derive(Clone, Copy, PartialEq)]
enum SharedRouter {
    Learned,
    Rsd,
}

/// The shared router that a policy needs; `None` for policies whose router has no state and is created for each decision.
fn shared_router(policy: Policy) -> Option<SharedRouter> {
    match policy {
        Policy::Learned(_) => Some(SharedRouter::Learned),
        Policy::Rsd(_) => Some(SharedRouter::Rsd),
        Policy::Draft
        | Policy::Target
        | Policy::Random(_)
        | Policy::MeanLogprob(_)
        | Policy::FirstTokenEntropy(_)
        | Policy::Oracle(_)
        | Policy::Custom { .. } => None,
    }
}

/// The decision under the request's threshold. Without one, as for a learned policy with the threshold of its card, the decision of
/// the shared router stands.
fn apply_threshold(policy: Policy, mut decision: Decision) -> Decision {
    if let (Some(rule), Some(tau), Some(estimate)) = (policy.rule(), policy.threshold(), decision.estimate) {
        decision.route = rule.decide(estimate, tau);
    }
    decision
}

impl AdvantageRouter for Dispatch {
    fn name(&self) -> String {
        format!("dispatch(usual={})", self.default_choice.policy)
    }

    fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
        let PolicyChoice { policy, budget, handover } = self.choice(prefix.id);
        if budget.is_some_and(|budget| prefix.written_by(Author::Target) >= budget) {
            return Some(Route::Accept.into());
        }
        if handover.is_some_and(|rule| rule.is_handed_over(prefix.steps.iter().map(|accepted| accepted.author))) {
            return Some(Route::Escalate.into());
        }
        match policy {
            Policy::Learned(_) => self.learned.as_mut()?.before_draft(prefix),
            Policy::Draft => Some(Route::Accept.into()),
            Policy::Target => Some(Route::Escalate.into()),
            Policy::Random(_)
            | Policy::MeanLogprob(_)
            | Policy::FirstTokenEntropy(_)
            | Policy::Rsd(_)
            | Policy::Oracle(_)
            | Policy::Custom { .. } => None,
        }
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let answer = self.route_batch(std::slice::from_ref(candidate)).pop();
        answer.ok_or(ScoreError::Count { expected: 1, found: 0 })?
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let policies: Vec<_> = candidates.iter().map(|candidate| self.choice(candidate.prefix.id).policy).collect();
        let mut answers: Vec<(usize, Result<Decision, BoxError>)> = Vec::with_capacity(candidates.len());
        for shared in [SharedRouter::Learned, SharedRouter::Rsd] {
            let indices: Vec<usize> =
                (0..candidates.len()).filter(|&at| shared_router(policies[at]) == Some(shared)).collect();
            if indices.is_empty() {
                continue;
            }
            let of: Vec<_> = indices.iter().map(|&at| candidates[at]).collect();
            let decided = self.route_shared(shared, &of);
            answers.extend(
                indices
                    .into_iter()
                    .zip(decided)
                    .map(|(at, answer)| (at, answer.map(|decision| apply_threshold(policies[at], decision)))),
            );
        }
        let stateless = (0..candidates.len()).filter(|&at| shared_router(policies[at]).is_none());
        answers.extend(stateless.map(|at| (at, route_stateless(policies[at], &candidates[at]))));
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

fn route_stateless(policy: Policy, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
    policy.router(None)?.route(candidate)
}
