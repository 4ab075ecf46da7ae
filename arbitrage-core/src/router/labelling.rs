//! Any router's decisions, with both steps scored.

use super::{AdvantageRouter, ScoreBoth};
use crate::error::ScoreError;
use crate::{BoxError, Candidate, Decision, Evidence, SequenceId};

/// Decides as another router does and adds the scores of both steps, so that training data is collected along the
/// trajectories of any policy.
///
/// The paper collects along the oracle's trajectory (§4.2), which a trained router leaves where it is wrong. Like
/// [`Oracle`](super::Oracle), it calls the target for every step.
///
/// ```
/// use arbitrage_core::{AdvantageRouter, Evidence, router::{Labelling, Random}, scorer::scorer_fn};
/// let router = Labelling::new(scorer_fn(|_, _| 0.5), Random::new(0.3)?);
/// assert_eq!(router.evidence(), Evidence::Both);
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Labelling<S, R> {
    scorer: S,
    router: R,
}

impl<S: ScoreBoth, R: AdvantageRouter> Labelling<S, R> {
    /// Scores with `scorer`, decides as `router`.
    pub fn new(scorer: S, router: R) -> Self {
        Self { scorer, router }
    }

    /// What the router decides where the engine would call it: before the draft, or on the draft without the target's step.
    fn decisions(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let is_lazy = self.router.evidence() == Evidence::DraftOnly;
        let visible: Vec<_> =
            candidates.iter().map(|c| Candidate { target: c.target.filter(|_| !is_lazy), ..*c }).collect();
        let early: Vec<_> = visible.iter().map(|candidate| self.router.before_draft(&candidate.prefix)).collect();
        let undecided: Vec<_> =
            visible.iter().zip(&early).filter(|(_, early)| early.is_none()).map(|(c, _)| *c).collect();
        let mut late = self.router.route_batch(&undecided).into_iter();
        let missing = || Err(ScoreError::Count { expected: 1, found: 0 }.into());
        early.into_iter().map(|early| early.map_or_else(|| late.next().unwrap_or_else(missing), Ok)).collect()
    }
}

impl<S: ScoreBoth, R: AdvantageRouter> AdvantageRouter for Labelling<S, R> {
    fn name(&self) -> String {
        format!("labelling({}, {})", self.scorer.name(), self.router.name())
    }

    fn evidence(&self) -> Evidence {
        Evidence::Both
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        super::single(self.route_batch(std::slice::from_ref(candidate)))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let decisions = self.decisions(candidates);
        let scores = self.scorer.score_both(candidates);
        let labelled = decisions.into_iter().zip(scores).map(|(decision, both)| {
            let decision = decision?;
            Ok(both?.record_in(decision))
        });
        labelled.collect()
    }

    fn release(&mut self, id: SequenceId) {
        self.scorer.release(id);
        self.router.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{AlwaysTarget, Budget, MeanLogprob, Random, Rsd};
    use crate::testing::{CallLog, Scripted, TableScorer};
    use crate::{Author, Engine, Limits, Problem};

    fn scorer() -> TableScorer {
        TableScorer::new([("bad\n\n", 0.25), ("good\n\n", 0.75), ("end", 0.5)])
    }

    fn run(router: impl AdvantageRouter) -> crate::Solution {
        let (draft, target) = (Scripted::new("d", ["bad\n\n", "end"]), Scripted::new("t", ["good\n\n", "end"]));
        Engine::new(draft, target, router).with_limits(Limits::default()).solve(&Problem::new("?")).unwrap()
    }

    #[test]
    fn the_route_is_the_inner_routers_and_both_steps_are_scored() {
        let plain = run(Rsd::new(scorer(), 0.3).unwrap());
        let labelled = run(Labelling::new(scorer(), Rsd::new(scorer(), 0.3).unwrap()));
        let authors = |solution: &crate::Solution| solution.steps.iter().map(|s| s.author).collect::<Vec<_>>();
        assert_eq!(authors(&plain), authors(&labelled));
        assert_eq!(plain.text(), labelled.text());
        let first = labelled.records[0].decision;
        assert_eq!((first.draft_score, first.target_score), (Some(0.25), Some(0.75)));
    }

    #[test]
    fn routers_that_need_no_draft_get_labels_too() {
        let solution = run(Labelling::new(scorer(), AlwaysTarget));
        assert!(solution.steps.iter().all(|step| step.author == Author::Target));
        assert!(solution.records.iter().all(|record| record.draft.is_some() && record.decision.draft_score.is_some()));
        let solution = run(Labelling::new(scorer(), Budget::new(Random::new(1.0).unwrap(), 1)));
        assert_eq!(solution.steps.iter().filter(|step| step.author == Author::Target).count(), 1);
    }

    #[test]
    fn scorer_and_router_are_told_to_release_a_finished_sequence() {
        let log = CallLog::new();
        let (scorer, router) = (log.record(scorer()), log.record(AlwaysTarget));
        run(Labelling::new(scorer, router));
        assert_eq!(log.released().len(), 2, "{:?}", log.released());
    }

    #[test]
    fn a_failing_router_or_a_nan_score_fails_the_step() {
        let silent = Labelling::new(scorer(), MeanLogprob::new(-0.1).unwrap());
        let (draft, target) = (Scripted::new("d", ["bad\n\n"]), Scripted::new("t", ["good\n\n"]));
        assert!(Engine::new(draft, target, silent).solve(&Problem::new("?")).is_err());
        let (draft, target) = (Scripted::new("d", ["unknown"]), Scripted::new("t", ["good\n\n"]));
        let labelled = Labelling::new(scorer().with_default(f32::NAN), AlwaysTarget);
        assert!(Engine::new(draft, target, labelled).solve(&Problem::new("?")).is_err());
    }
}
