//! Several samples of the target's step.

use super::both::{ScoreBoth, Scores, score_samples};
use crate::drafter::draft_each;
use crate::segmenter::BlankLine;
use crate::{
    BoxError, Candidate, ConfigError, Drafter, Limits, Prefix, Problem, SequenceId, Step, StepRule, StepScorer,
    StepSegmenter,
};

/// Scores the target's step by the mean over several samples of it, as the paper may (§4.2): what one sample says of
/// `Δ = s_t − s_d` is as much luck as merit where the target is sampled.
///
/// The first sample is the step that the engine got from its verifier and commits if it escalates. The others are written here,
/// by a second handle of the target, each under a seed of its own that follows from the problem's, the step's place and the
/// sample's number: neither order nor batch changes a score. The handle has to sample; at temperature 0 all samples are one.
/// Segmenter and length of a step have to be the engine's.
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

impl<S: StepScorer, D: Drafter> TargetSamples<S, D> {
    /// Scores with `scorer`, by `samples` samples of the target's step, of which `target` writes all but the first. Steps end at
    /// blank lines and by the default [`Limits`].
    ///
    /// # Errors
    /// [`ConfigError::Limit`] for no sample.
    pub fn new(scorer: S, target: D, samples: usize) -> Result<Self, ConfigError> {
        if samples == 0 {
            return Err(ConfigError::Limit { name: "samples", least: 1, found: samples });
        }
        let step_tokens = Limits::default().step_tokens;
        Ok(Self { scorer, target, samples, segmenter: Box::new(BlankLine::new()), step_tokens })
    }

    /// Cuts steps by another rule.
    pub fn with_segmenter(mut self, segmenter: impl StepSegmenter + 'static) -> Self {
        self.segmenter = Box::new(segmenter);
        self
    }

    /// Sets the most tokens a step, at least 1.
    pub fn with_step_tokens(mut self, tokens: usize) -> Self {
        self.step_tokens = tokens;
        self
    }

    /// All samples but the first of every candidate that has the first.
    fn further(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Vec<Step>, BoxError>> {
        let mut written: Vec<Result<Vec<Step>, BoxError>> = candidates.iter().map(|_| Ok(Vec::new())).collect();
        for number in 1..self.samples {
            let open = |at: &usize| written[*at].is_ok() && candidates[*at].target.is_some();
            let open: Vec<usize> = (0..candidates.len()).filter(open).collect();
            if open.is_empty() {
                break;
            }
            let prefixes: Vec<_> = open.iter().map(|&at| candidates[at].prefix).collect();
            for (at, step) in open.into_iter().zip(self.sample(&prefixes, number)) {
                match (step, &mut written[at]) {
                    (Ok(step), Ok(steps)) => steps.push(step),
                    (Err(error), place) => *place = Err(error),
                    (Ok(_), Err(_)) => {}
                }
            }
        }
        written
    }

    /// Sample `number` of each prefix. Samples of one prefix come one after the other under the sequence's own id, so that they
    /// share a cache.
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

    fn score_both(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Scores, BoxError>> {
        let further = self.further(candidates);
        score_samples(&mut self.scorer, candidates, further)
    }

    fn release(&mut self, id: SequenceId) {
        self.scorer.release(id);
        self.target.release(id);
    }
}
