//! The paper's oracle: both steps are written and scored, the better one is kept.

use super::{AdvantageRouter, threshold};
use crate::error::ScoreError;
use crate::scorer::score_each;
use crate::{BoxError, Candidate, ConfigError, Decision, Evidence, Route, SequenceId, StepScorer};

/// Escalates iff the advantage `Δ = s_t − s_d` is greater than τ (paper, §3.3). Greedy routing by `Δ` is the best that a
/// myopic router can do (Theorem B.1).
///
/// It calls the target for every step, so it shows what routing could gain and no speed-up. With a trace sink it is also
/// the collector of a router's training data. Both steps of all sequences are scored in one call; when that call fails,
/// they are scored one by one.
///
/// ```
/// use arbitrage_core::{router::Oracle, scorer::scorer_fn};
/// assert!(Oracle::new(scorer_fn(|_, _| 0.5), -1.0).is_ok());
/// assert!(Oracle::new(scorer_fn(|_, _| 0.5), 1.5).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Oracle<S> {
    scorer: S,
    tau: f32,
}

impl<S: StepScorer> Oracle<S> {
    /// Escalates where `scorer` puts the target's step more than `tau` above the draft's.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `tau` is within ± the width of the scorer's range.
    pub fn new(scorer: S, tau: f32) -> Result<Self, ConfigError> {
        let (low, high) = scorer.range();
        let tau = threshold::check("oracle", tau, (low - high, high - low))?;
        Ok(Self { scorer, tau })
    }

    fn decide(&self, draft: f32, target: f32) -> Decision {
        let advantage = target - draft;
        Decision::new(Route::escalate_if(advantage > self.tau))
            .with_estimate(advantage)
            .with_draft_score(draft)
            .with_target_score(target)
    }
}

impl<S: StepScorer> AdvantageRouter for Oracle<S> {
    fn name(&self) -> String {
        format!("oracle({}, τ={})", self.scorer.name(), self.tau)
    }

    fn evidence(&self) -> Evidence {
        Evidence::Both
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        super::only(self.route_batch(std::slice::from_ref(candidate)))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let both = |c: &Candidate<'_>| c.target.is_some();
        let pairs = candidates.iter().filter_map(|c| Some([(c.prefix, c.draft), (c.prefix, c.target?)]));
        let steps: Vec<_> = pairs.flatten().collect();
        let mut scores = score_each(&mut self.scorer, &steps).into_iter();
        let mut next = || scores.next().unwrap_or_else(|| Err(ScoreError::Count { expected: 2, found: 0 }.into()));
        let decide = |candidate| {
            if !both(candidate) {
                return Err(ScoreError::Evidence { asked: Evidence::Both }.into());
            }
            let (draft, target) = (next(), next());
            Ok(self.decide(draft?, target?))
        };
        candidates.iter().map(decide).collect()
    }

    fn release(&mut self, id: SequenceId) {
        self.scorer.release(id);
    }
}
