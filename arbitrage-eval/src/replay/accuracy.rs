//! How likely a solution of these steps is right.

use arbitrage_core::{Author, Draw};
use arbitrage_router::calibrate::Isotonic;

use super::{Collected, Dump, Place};
use arbitrage_core::text::fnv1a;

/// Draws of a random policy's decisions for one problem.
const DRAWS: u32 = 64;

/// Probability that a solution is right, from the product of its steps' scores. See [the module](super) for why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AccuracyModel {
    probability: Isotonic,
    /// The score of a step that is surely right.
    greatest: f32,
}

impl AccuracyModel {
    /// Fitted on the graded solutions as they were collected; `None` unless some are right and some wrong.
    pub fn fit(dump: &Dump) -> Option<Self> {
        let graded = dump.problems.iter().filter_map(|problem| {
            let right = problem.outcome?.is_right()?;
            Some((product(problem, dump.greatest, |place| place.author == Author::Target), right))
        });
        let (products, right): (Vec<f32>, Vec<bool>) = graded.unzip();
        Isotonic::fit(&products, &right).ok().map(|probability| Self { probability, greatest: dump.greatest })
    }

    /// Expected over the decisions. Those of a random policy are drawn anew a few dozen times, by the problem's id, since the mean of
    /// a step function is not its value at the mean.
    pub fn right(&self, problem: &Collected, escalations: &[f64]) -> f64 {
        if escalations.iter().all(|escalation| *escalation == 0.0 || *escalation == 1.0) {
            return self.of(problem, escalations, || 0.5);
        }
        let mut draw = Draw::new(fnv1a(problem.id.bytes()));
        let sum: f64 = (0..DRAWS).map(|_| self.of(problem, escalations, || draw.uniform())).sum();
        sum / f64::from(DRAWS)
    }

    fn of(&self, problem: &Collected, escalations: &[f64], mut coin: impl FnMut() -> f64) -> f64 {
        let mut escalates = escalations.iter().map(|escalation| coin() < *escalation);
        let product = product(problem, self.greatest, |_| escalates.next().unwrap_or_default());
        f64::from(self.probability.apply(product))
    }
}

/// Product of the scores as shares of the greatest, the target's where it writes.
fn product(problem: &Collected, greatest: f32, mut by_target: impl FnMut(&Place) -> bool) -> f32 {
    let score = |place: &Place| if by_target(place) { place.target.score } else { place.draft.score };
    problem.places.iter().map(score).map(|score| f64::from(score / greatest)).product::<f64>() as f32
}
