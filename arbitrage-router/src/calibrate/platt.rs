//! Platt's scaling.

use serde::{Deserialize, Serialize};

use super::CalibrateError;
use super::error::both_kinds;
use crate::metrics::error;

/// What the logistic curve is drawn over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// The logit of an estimate in [0, 1], which is kept 10⁻⁶ away from both ends. Slope 1 and intercept 0 change
    /// nothing; what balancing the classes did is undone by the intercept alone.
    #[default]
    Logit,
    /// The estimate itself, of whatever range.
    Raw,
}

impl Input {
    fn of(self, estimate: f32) -> f64 {
        let estimate = f64::from(estimate);
        match self {
            Self::Raw => estimate,
            Self::Logit => {
                let inside = estimate.clamp(1e-6, 1.0 - 1e-6);
                (inside / (1.0 - inside)).ln()
            }
        }
    }
}

/// `P(Δ > 0) = σ(slope · x + intercept)` (Platt 1999), fitted by Newton's method with Platt's smoothed targets, as Lin,
/// Lin and Weng (2007) do it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Platt {
    slope: f64,
    intercept: f64,
    input: Input,
}

impl Platt {
    /// Fits the curve to validation estimates. Where estimates and labels have nothing in common, its slope is 0.
    ///
    /// # Errors
    /// [`CalibrateError::Labels`] unless there are labels of both kinds; [`CalibrateError::Series`] for estimates that
    /// are not finite (for [`Input::Logit`]: not in [0, 1]) and series of different length.
    pub fn fit(estimates: &[f32], labels: &[bool], input: Input) -> Result<Self, CalibrateError> {
        error::count("labels", estimates.len(), labels.len())?;
        match input {
            Input::Logit => error::probabilities("estimate", estimates)?,
            Input::Raw => error::finite("estimate", estimates)?,
        }
        let (zeros, ones) = both_kinds(labels)?;
        let (low, high) = (1.0 / (zeros as f64 + 2.0), (ones as f64 + 1.0) / (ones as f64 + 2.0));
        let targets: Vec<f64> = labels.iter().map(|label| if *label { high } else { low }).collect();
        let inputs: Vec<f64> = estimates.iter().map(|estimate| input.of(*estimate)).collect();
        // In units of their own spread, estimates of any scale make a problem that Newton's method likes.
        let (mean, spread) = moments(&inputs);
        let scaled = inputs.iter().map(|x| (x - mean) / spread).collect();
        let (slope, intercept) = Likelihood { inputs: scaled, targets }.maximum();
        Ok(Self { slope: slope / spread, intercept: intercept - slope * mean / spread, input })
    }

    /// The calibrated estimate, in [0, 1]; NaN for NaN.
    pub fn apply(&self, estimate: f32) -> f32 {
        sigmoid(self.slope * self.input.of(estimate) + self.intercept) as f32
    }

    /// Change of the log-odds for each unit of the input. Not above 0 where estimates are worse than none.
    pub fn slope(&self) -> f64 {
        self.slope
    }

    /// Log-odds where the input is 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }
}

/// Mean and standard deviation, the latter 1 where there is none.
fn moments(numbers: &[f64]) -> (f64, f64) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let spread = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean, if spread > 1e-12 * (1.0 + mean.abs()) { spread } else { 1.0 })
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What the parameters are chosen by.
struct Likelihood {
    inputs: Vec<f64>,
    targets: Vec<f64>,
}

impl Likelihood {
    /// Cross entropy in nats, summed.
    fn loss(&self, (slope, intercept): (f64, f64)) -> f64 {
        let one = |(x, target): (&f64, &f64)| {
            let z = slope * x + intercept;
            z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
        };
        self.inputs.iter().zip(&self.targets).map(one).sum()
    }

    /// Newton's step, and the loss's fall along it.
    fn step(&self, (slope, intercept): (f64, f64)) -> ((f64, f64), f64) {
        // The ridge keeps the matrix regular where all inputs are equal; it moves no minimum.
        let (mut gx, mut g1, mut hxx, mut hx, mut h1) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (x, target) in self.inputs.iter().zip(&self.targets) {
            let p = sigmoid(slope * x + intercept);
            let (gap, weight) = (p - target, p * (1.0 - p));
            gx += gap * x;
            g1 += gap;
            hxx += weight * x * x;
            hx += weight * x;
            h1 += weight;
        }
        let determinant = hxx * h1 - hx * hx;
        let step = ((hx * g1 - h1 * gx) / determinant, (hx * gx - hxx * g1) / determinant);
        (step, -(gx * step.0 + g1 * step.1))
    }

    /// Slope and intercept of the least loss, which is convex; steps are halved until they pay, so that it is found
    /// from anywhere.
    fn maximum(&self) -> (f64, f64) {
        let mut at = (0.0, 0.0);
        let mut loss = self.loss(at);
        for _ in 0..100 {
            let (step, fall) = self.step(at);
            if !fall.is_finite() || fall < 1e-14 * (1.0 + loss) {
                break;
            }
            let ways = std::iter::successors(Some(1.0), |length| (*length > 1e-10).then_some(length / 2.0));
            let mut tries = ways.map(|length| ((at.0 + length * step.0, at.1 + length * step.1), length));
            let pays = |(place, length): &((f64, f64), f64)| self.loss(*place) <= loss - 1e-4 * length * fall;
            let Some((next, _)) = tries.find(pays) else { break };
            (at, loss) = (next, self.loss(next));
        }
        at
    }
}

/// What a file says of a curve, to be checked.
#[derive(Deserialize)]
struct Unchecked {
    slope: f64,
    intercept: f64,
    input: Input,
}

impl TryFrom<Unchecked> for Platt {
    type Error = CalibrateError;
    fn try_from(Unchecked { slope, intercept, input }: Unchecked) -> Result<Self, CalibrateError> {
        match [("slope", slope), ("intercept", intercept)].into_iter().find(|(_, number)| !number.is_finite()) {
            Some((what, found)) => Err(CalibrateError::parameter(what, "a finite number", found)),
            None => Ok(Self { slope, intercept, input }),
        }
    }
}

#[cfg(test)]
mod tests;
