//! Several samples of the target's step.

use std::fmt;

use super::both::{ScoreBoth, StepScores, score_samples};
use crate::drafter::draft_each;
use crate::segmenter::BlankLine;
use crate::{
    BoxError, Candidate, ConfigError, Drafter, Limits, Prefix, Problem, SequenceId, Step, StepRule, StepScorer,
    StepSegmenter,
};

/// Scores the target's step by the mean over several samples of it (paper, §4.2). Where the target samples its text, the
/// advantage `Δ = s_t − s_d` of a single sample is noisy.
///
/// The first sample is the step that the engine got from its verifier and commits if it escalates. The others are written here
/// by a second handle of the target, each under a seed that follows from the problem's seed, the step's index and the sample's
/// number, so that neither order nor batch changes a score. The handle has to sample; at temperature 0 all samples are the
/// same. Segmenter and step length have to be those of the engine.
///
/// ```
/// use arbitrage_core::router::{Oracle, TargetSamples};
/// use arbitrage_core::{Engine, Problem, Target, scorer::scorer_fn, testing::Babbler, Author};
///
/// let model = |author, seed| Babbler::new("babbler", author, seed);
/// let target = model(Author::Target, 2);
/// let scorer = scorer_fn(|_, step| 1.0 / (1.0 + step.text.len() as f32));
/// let router = Oracle::new(TargetSamples::new(scorer, target.clone(), 4)?, 0.0)?;
/// let solution = Engine::new(model(Author::Draft, 1), target, router).solve(&Problem::new("Say something."))?;
/// assert!(solution.records[0].decision.target_spread.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TargetSamples<S, D> {
    scorer: S,
    target: D,
    samples: usize,
    segmenter: Box<dyn StepSegmenter>,
    step_tokens: usize,
}

impl<S: fmt::Debug, D: fmt::Debug> fmt::Debug for TargetSamples<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("TargetSamples");
        fields.field("scorer", &self.scorer).field("target", &self.target).field("samples", &self.samples);
        fields.finish_non_exhaustive()
    }
}

impl<S: StepScorer, D: Drafter> TargetSamples<S, D> {
    /// Scores with `scorer`, by `samples` samples of the target's step, of which `target` writes all but the first. Steps end at
    /// blank lines and by the default [`Limits`].
    ///
    /// # Errors
    /// [`ConfigError::Limit`] for 0 samples.
    pub fn new(scorer: S, target: D, samples: usize) -> Result<Self, ConfigError> {
        if samples == 0 {
            return Err(ConfigError::Limit { name: "samples", least: 1, found: samples });
        }
        let step_tokens = Limits::default().step_tokens;
        Ok(Self { scorer, target, samples, segmenter: Box::new(BlankLine::new()), step_tokens })
    }

    /// Cuts steps with another segmenter.
    pub fn with_segmenter(mut self, segmenter: impl StepSegmenter + 'static) -> Self {
        self.segmenter = Box::new(segmenter);
        self
    }

    /// Sets the maximum number of tokens a step, at least 1.
    pub fn with_step_tokens(mut self, tokens: usize) -> Self {
        self.step_tokens = tokens;
        self
    }

    /// All samples but the first, for every candidate that has the first.
    fn further(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Vec<Step>, BoxError>> {
        let mut written: Vec<Result<Vec<Step>, BoxError>> = candidates.iter().map(|_| Ok(Vec::new())).collect();
        for number in 1..self.samples {
            let has_first = |at: &usize| written[*at].is_ok() && candidates[*at].target.is_some();
            let open: Vec<usize> = (0..candidates.len()).filter(has_first).collect();
            if open.is_empty() {
                break;
            }
            let prefixes: Vec<_> = open.iter().map(|&at| candidates[at].prefix).collect();
            for (at, step) in open.into_iter().zip(self.sample(&prefixes, number)) {
                match (step, &mut written[at]) {
                    (Ok(step), Ok(steps)) => steps.push(step),
                    (Err(error), samples) => *samples = Err(error),
                    (Ok(_), Err(_)) => {}
                }
            }
        }
        written
    }

    /// Sample `number` of each prefix. The samples of one prefix are written one after the other under the sequence's own id,
    /// so that they share a cache.
    fn sample(&mut self, prefixes: &[Prefix<'_>], number: usize) -> Vec<Result<Step, BoxError>> {
        let reseeded = |prefix: &Prefix<'_>| prefix.problem.clone().with_seed(prefix.sample_seed(number));
        let problems: Vec<Problem> = prefixes.iter().map(reseeded).collect();
        let prefixes: Vec<_> =
            prefixes.iter().zip(&problems).map(|(prefix, problem)| Prefix { problem, ..*prefix }).collect();
        draft_each(&mut self.target, &prefixes, &StepRule::new(&self.segmenter, self.step_tokens))
    }
}

impl<S: StepScorer, D: Drafter> ScoreBoth for TargetSamples<S, D> {
    fn name(&self) -> String {
        format!("{}, {} target samples", self.scorer.name(), self.samples)
    }

    fn range(&self) -> (f32, f32) {
        self.scorer.range()
    }

    fn score_both(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<StepScores, BoxError>> {
        let further = self.further(candidates);
        score_samples(&mut self.scorer, candidates, further)
    }

    fn release(&mut self, id: SequenceId) {
        self.scorer.release(id);
        self.target.release(id);
    }
}
