//! Scores of both steps.

use crate::error::ScoreError;
use crate::scorer::score_each;
use crate::{BoxError, Candidate, Decision, Evidence, SequenceId, Step, StepScorer};

/// Scores the steps of both models from one prefix, whose difference is the advantage. Every [`StepScorer`] does so with one
/// step of each model; [`TargetSamples`](super::TargetSamples) takes the mean over several steps of the target.
pub trait ScoreBoth: Send {
    /// Name, for traces.
    fn name(&self) -> String;

    /// Least and greatest score.
    fn range(&self) -> (f32, f32);

    /// The scores of each candidate, in order. A candidate without the target's step is an error, the others are scored.
    fn score_both(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<StepScores, BoxError>>;

    /// The sequence is finished, and whatever is kept for it can be dropped.
    fn release(&mut self, id: SequenceId);
}

/// The scores of both models' steps from one prefix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepScores {
    /// Score of the drafted step, `s_d`.
    pub draft: f32,
    /// Score of the target's step, `s_t`: the mean, where it was sampled several times.
    pub target: f32,
    /// Standard deviation over the target's samples; `None` for a single one.
    pub target_spread: Option<f32>,
}

impl StepScores {
    /// From the drafted step's score and the scores of the target's samples, `expected` numbers in all, at least 2.
    fn new(found: &[f32], expected: usize) -> Result<Self, ScoreError> {
        let (Some((draft, targets)), true) = (found.split_first(), found.len() == expected) else {
            return Err(ScoreError::Count { expected, found: found.len() });
        };
        let count = targets.len() as f64;
        let mean = targets.iter().map(|score| f64::from(*score)).sum::<f64>() / count;
        let squares: f64 = targets.iter().map(|score| (f64::from(*score) - mean).powi(2)).sum();
        let spread = (targets.len() > 1).then(|| (squares / (count - 1.0)).sqrt() as f32);
        Ok(Self { draft: *draft, target: mean as f32, target_spread: spread })
    }

    /// The decision with these scores added to it.
    pub(super) fn record_in(self, decision: Decision) -> Decision {
        let decision = decision.with_draft_score(self.draft).with_target_score(self.target);
        self.target_spread.into_iter().fold(decision, Decision::with_target_spread)
    }
}

impl<S: StepScorer> ScoreBoth for S {
    fn name(&self) -> String {
        StepScorer::name(self)
    }

    fn range(&self) -> (f32, f32) {
        StepScorer::range(self)
    }

    fn score_both(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<StepScores, BoxError>> {
        score_samples(self, candidates, candidates.iter().map(|_| Ok(Vec::new())).collect())
    }

    fn release(&mut self, id: SequenceId) {
        StepScorer::release(self, id);
    }
}

/// Does what [`ScoreBoth::score_both`] does with `further` samples of the target's step for each candidate. All steps are
/// scored in one call.
pub(super) fn score_samples<S: StepScorer>(
    scorer: &mut S,
    candidates: &[Candidate<'_>],
    further: Vec<Result<Vec<Step>, BoxError>>,
) -> Vec<Result<StepScores, BoxError>> {
    let whole = candidates.iter().zip(&further);
    let whole = whole.filter_map(|(c, further)| Some((c.prefix, [c.draft, c.target?], further.as_ref().ok()?)));
    let steps: Vec<_> = whole
        .flat_map(|(prefix, both, further)| both.into_iter().chain(further).map(move |step| (prefix, step)))
        .collect();
    let mut scores = score_each(scorer, &steps).into_iter();
    let both = |(candidate, further): (&Candidate<'_>, Result<Vec<Step>, BoxError>)| {
        candidate.target.ok_or(ScoreError::Evidence { asked: Evidence::Both })?;
        let expected = 2 + further?.len();
        // Takes this candidate's scores even where one of them is an error, since what follows belongs to the next one.
        let found: Vec<_> = scores.by_ref().take(expected).collect();
        Ok(StepScores::new(&found.into_iter().collect::<Result<Vec<f32>, _>>()?, expected)?)
    };
    candidates.iter().zip(further).map(both).collect()
}
