//! Predicts whether solutions are right from the scores of their steps.

use arbitrage_core::text::fnv1a;
use arbitrage_core::{Author, Draw};
use arbitrage_router::calibrate::Isotonic;

use super::{PairedSolution, PairedTrace, StepPair};

/// Number of samples of a random policy's decisions per problem.
const DECISION_SAMPLES: u32 = 64;

/// Probability that a solution is right, from the product of its steps' scores. The [module](super) says why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AccuracyModel {
    probability: Isotonic,
    max_score: f32,
}

impl AccuracyModel {
    /// Fits the graded solutions as they were collected; `None` unless some are right and some wrong.
    pub(crate) fn fit(trace: &PairedTrace) -> Option<Self> {
        let graded = trace.problems.iter().filter_map(|problem| {
            let right = problem.outcome?.is_right()?;
            Some((score_product(problem, trace.max_score, |pair| pair.author == Author::Target), right))
        });
        let (products, right): (Vec<f32>, Vec<bool>) = graded.unzip();
        Isotonic::fit(&products, &right).ok().map(|probability| Self { probability, max_score: trace.max_score })
    }

    /// The expected probability over the decisions. Decisions of a random policy are sampled, seeded by the problem's id, since the mean of
    /// a step function is not its value at the mean.
    pub(crate) fn right(&self, problem: &PairedSolution, escalations: &[f64]) -> f64 {
        if escalations.iter().all(|escalation| *escalation == 0.0 || *escalation == 1.0) {
            return self.sample(problem, escalations, || 0.5);
        }
        let mut draw = Draw::new(fnv1a(problem.id.bytes()));
        let sum: f64 = (0..DECISION_SAMPLES).map(|_| self.sample(problem, escalations, || draw.uniform())).sum();
        sum / f64::from(DECISION_SAMPLES)
    }

    fn sample(&self, problem: &PairedSolution, escalations: &[f64], mut uniform: impl FnMut() -> f64) -> f64 {
        let mut escalates = escalations.iter().map(|escalation| uniform() < *escalation);
        let product = score_product(problem, self.max_score, |_| escalates.next().unwrap_or_default());
        f64::from(self.probability.apply(product))
    }
}

/// Product of the scores as shares of the maximum: the target's score where `by_target` says so, else the draft's.
fn score_product(problem: &PairedSolution, max_score: f32, mut by_target: impl FnMut(&StepPair) -> bool) -> f32 {
    let score = |pair: &StepPair| if by_target(pair) { pair.target.score } else { pair.draft.score };
    problem.pairs.iter().map(score).map(|score| f64::from(score / max_score)).product::<f64>() as f32
}
