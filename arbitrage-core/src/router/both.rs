//! Scores of both steps.

use crate::error::ScoreError;
use crate::scorer::score_each;
use crate::{BoxError, Candidate, Evidence, StepScorer};

/// `s_d` and `s_t` of each candidate, all scored in one call. A candidate without the target's step is an error of its own.
pub(super) fn score_both<S: StepScorer>(
    scorer: &mut S,
    candidates: &[Candidate<'_>],
) -> Vec<Result<[f32; 2], BoxError>> {
    let pairs = candidates.iter().filter_map(|c| Some([(c.prefix, c.draft), (c.prefix, c.target?)]));
    let steps: Vec<_> = pairs.flatten().collect();
    let mut scores = score_each(scorer, &steps).into_iter();
    let mut next = || scores.next().unwrap_or_else(|| Err(ScoreError::Count { expected: 2, found: 0 }.into()));
    let both = |candidate: &Candidate<'_>| {
        if candidate.target.is_none() {
            return Err(ScoreError::Evidence { asked: Evidence::Both }.into());
        }
        let (draft, target) = (next(), next());
        Ok([draft?, target?])
    };
    candidates.iter().map(both).collect()
}
