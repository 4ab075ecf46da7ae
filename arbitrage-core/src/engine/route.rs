//! The second half of an iteration: the router decides on the drafts, and the target rewrites the escalated ones.

use std::time::Instant;

use super::sequence::ActiveSequence;
use super::step_state::{BatchCall, OnRouterError, StepState, select};
use crate::{AdvantageRouter, Candidate, ChooseBy, Evidence, Rewrite, Role, StepRule, Verifier};

/// The verifier and the router. They are kept apart from the drafter, which may work on another thread at the same time.
pub(super) struct RouteStage<V, R> {
    pub(super) verifier: V,
    pub(super) router: R,
    pub(super) on_router_error: OnRouterError,
    /// What the best of several drafts is chosen by; `None` for one draft.
    pub(super) chooser: Option<ChooseBy>,
}

impl<V: Verifier, R: AdvantageRouter> RouteStage<V, R> {
    /// Begins a step of every sequence, and lets routers decide that need no draft.
    pub(super) fn begin_steps(&mut self, active: &mut [ActiveSequence]) -> Vec<StepState> {
        let begin = |sequence: &mut ActiveSequence| {
            let is_open = sequence.end.is_none();
            let decision = if is_open { self.router.before_draft(&sequence.prefix()) } else { None };
            sequence.begin_step(decision)
        };
        active.iter_mut().map(begin).collect()
    }

    /// Decides on the drafts, and has the target write the escalated steps. A router that needs both models' steps gets the
    /// target's first.
    pub(super) fn run(&mut self, active: &[ActiveSequence], states: &mut [StepState], rule: &StepRule<'_>) {
        if self.router.evidence() == Evidence::Both {
            self.rewrite(active, states, rule, |state| state.decision.is_none());
        }
        self.route(active, states);
        self.rewrite(active, states, rule, |state| state.is_escalated() && state.target.is_none());
    }

    fn rewrite(
        &mut self,
        active: &[ActiveSequence],
        states: &mut [StepState],
        rule: &StepRule<'_>,
        condition: impl Fn(&StepState) -> bool,
    ) {
        let selected = select(active, states, condition);
        if selected.is_empty() {
            return;
        }
        let start = Instant::now();
        let request =
            |&index: &usize| Rewrite { prefix: active[index].prefix(), rejected: states[index].draft.as_ref() };
        let requests: Vec<_> = selected.iter().map(request).collect();
        let answers = self.verifier.rewrite(&requests, rule);
        let seconds = start.elapsed().as_secs_f64();
        let call = BatchCall { active, selected: &selected, role: Role::Verifier, name: self.verifier.name(), seconds };
        call.store_targets(states, answers, rule);
    }

    fn route(&mut self, active: &[ActiveSequence], states: &mut [StepState]) {
        let selected = select(active, states, |state| state.decision.is_none());
        let start = Instant::now();
        let candidate = |&index: &usize| {
            let StepState { draft, target, .. } = &states[index];
            Some(Candidate { prefix: active[index].prefix(), draft: draft.as_ref()?, target: target.as_ref() })
        };
        let candidates: Vec<_> = selected.iter().filter_map(candidate).collect();
        if candidates.is_empty() {
            return;
        }
        let answers = self.router.route_batch(&candidates);
        let seconds = start.elapsed().as_secs_f64();
        let name = self.router.name();
        let call = BatchCall { active, selected: &selected, role: Role::Router, name: &name, seconds };
        call.store_decisions(states, answers, self.on_router_error);
    }
}
