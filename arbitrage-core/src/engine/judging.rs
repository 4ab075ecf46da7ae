//! What happens to a draft: the router and the target.

use std::time::Instant;

use super::live::Live;
use super::turn::{self, Part, Turn, choose};
use crate::{AdvantageRouter, Candidate, Evidence, Rewrite, Role, StepRule, Verifier};

/// The router and the verifier: everything that may run while the drafter writes ahead.
pub(super) struct Judging<V, R> {
    pub verifier: V,
    pub router: R,
    pub escalate_on_error: bool,
}

impl<V: Verifier, R: AdvantageRouter> Judging<V, R> {
    /// Opens the turns; routers that need no draft decide.
    pub fn decide_early(&mut self, live: &mut [Live]) -> Vec<Turn> {
        let open = |sequence: &mut Live| {
            let decision = if sequence.error.is_none() { self.router.before_draft(&sequence.prefix()) } else { None };
            sequence.open(decision)
        };
        live.iter_mut().map(open).collect()
    }

    /// Decides on the drafts and has the escalated steps written.
    pub fn judge(&mut self, live: &[Live], turns: &mut [Turn], rule: &StepRule<'_>) {
        if self.router.evidence() == Evidence::Both {
            self.rewrite(live, turns, rule, |turn| turn.decision.is_none());
        }
        self.route(live, turns);
        self.rewrite(live, turns, rule, |turn| turn.is_escalated() && turn.target.is_none());
    }

    fn rewrite(&mut self, live: &[Live], turns: &mut [Turn], rule: &StepRule<'_>, wanted: impl Fn(&Turn) -> bool) {
        let chosen = choose(turns, wanted);
        if chosen.is_empty() {
            return;
        }
        let start = Instant::now();
        let request = |at: &usize| Rewrite { prefix: live[*at].prefix(), rejected: turns[*at].draft.as_ref() };
        let requests: Vec<_> = chosen.iter().map(request).collect();
        let steps = self.verifier.rewrite(&requests, rule);
        let seconds = start.elapsed().as_secs_f64();
        let part = Part { role: Role::Verifier, name: self.verifier.name() };
        turn::store_steps(live, turns, &chosen, steps, seconds, part, |turn| &mut turn.target);
    }

    fn route(&mut self, live: &[Live], turns: &mut [Turn]) {
        let chosen = choose(turns, |turn| turn.decision.is_none());
        let start = Instant::now();
        let candidate = |&at: &usize| {
            let Turn { draft, target, .. } = &turns[at];
            Some(Candidate { prefix: live[at].prefix(), draft: draft.as_ref()?, target: target.as_ref() })
        };
        let candidates: Vec<_> = chosen.iter().filter_map(candidate).collect();
        if candidates.is_empty() {
            return;
        }
        let decisions = self.router.route_batch(&candidates);
        let seconds = start.elapsed().as_secs_f64();
        let part = Part { role: Role::Router, name: &self.router.name() };
        turn::store_decisions(live, turns, &chosen, decisions, seconds, part, self.escalate_on_error);
    }
}
