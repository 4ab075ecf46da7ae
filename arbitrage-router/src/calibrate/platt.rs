//! Platt scaling.

use serde::{Deserialize, Serialize};

use super::CalibrateError;
use super::error::class_counts;
use crate::metrics::error;

/// The input `x` of the logistic curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlattInput {
    /// The logit of an estimate in [0, 1], which is clamped to [10⁻⁶, 1 − 10⁻⁶]. Slope 1 and intercept 0 are then the
    /// identity, and the intercept alone undoes a change of the classes' balance.
    #[default]
    Logit,
    /// The estimate itself, of any range.
    Raw,
}

impl PlattInput {
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

/// `P(Δ > 0) = σ(slope · x + intercept)` (Platt 1999), fitted by Newton's method to Platt's smoothed targets, as
/// described by Lin, Lin and Weng (2007).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedPlatt")]
pub struct Platt {
    slope: f64,
    intercept: f64,
    input: PlattInput,
}

impl Platt {
    /// Fits the curve to validation estimates. The slope is 0 where estimates and labels are independent.
    ///
    /// # Errors
    /// [`CalibrateError::SingleClass`] unless both labels occur; [`CalibrateError::Series`] for estimates that are not
    /// finite (for [`PlattInput::Logit`]: not in [0, 1]) and series of different length.
    pub fn fit(estimates: &[f32], labels: &[bool], input: PlattInput) -> Result<Self, CalibrateError> {
        error::check_len("labels", estimates.len(), labels.len())?;
        match input {
            PlattInput::Logit => error::check_probabilities("estimate", estimates)?,
            PlattInput::Raw => error::check_finite("estimate", estimates)?,
        }
        let counts = class_counts(labels)?;
        let (zeros, ones) = (counts.zeros as f64, counts.ones as f64);
        let (low, high) = (1.0 / (zeros + 2.0), (ones + 1.0) / (ones + 2.0));
        let targets: Vec<f64> = labels.iter().map(|label| if *label { high } else { low }).collect();
        let inputs: Vec<f64> = estimates.iter().map(|estimate| input.of(*estimate)).collect();
        // Newton's method is well conditioned on standardised inputs, whatever the scale of the estimates.
        let moments = Moments::of(&inputs);
        let inputs = inputs.iter().map(|x| (x - moments.mean) / moments.deviation).collect();
        let fit = LogisticLoss { inputs, targets }.minimise();
        let (slope, shift) = (fit.slope / moments.deviation, fit.slope * moments.mean / moments.deviation);
        Ok(Self { slope, intercept: fit.intercept - shift, input })
    }

    /// The calibrated estimate, in [0, 1]; NaN for NaN.
    pub fn apply(&self, estimate: f32) -> f32 {
        sigmoid(self.slope * self.input.of(estimate) + self.intercept) as f32
    }

    /// Change of the log-odds per unit of the input. It is not positive where estimates and labels are uncorrelated or
    /// anti-correlated.
    pub fn slope(&self) -> f64 {
        self.slope
    }

    /// Log-odds where the input is 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }
}

/// Mean and standard deviation of the inputs.
struct Moments {
    mean: f64,
    /// 1 where the inputs are constant.
    deviation: f64,
}

impl Moments {
    fn of(numbers: &[f64]) -> Self {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let deviation = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        Self { mean, deviation: if deviation > 1e-12 * (1.0 + mean.abs()) { deviation } else { 1.0 } }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Parameters of a logistic curve, or a direction in their space.
#[derive(Clone, Copy, Debug)]
struct LogisticParams {
    slope: f64,
    intercept: f64,
}

impl LogisticParams {
    fn moved(self, length: f64, direction: Self) -> Self {
        let (slope, intercept) = (self.slope + length * direction.slope, self.intercept + length * direction.intercept);
        Self { slope, intercept }
    }
}

/// Newton's step, and the rate at which the loss decreases in its direction.
struct NewtonStep {
    direction: LogisticParams,
    decrease: f64,
}

/// The loss that [`Platt::fit`] minimises, which is convex.
struct LogisticLoss {
    inputs: Vec<f64>,
    targets: Vec<f64>,
}

impl LogisticLoss {
    /// Cross entropy in nats, summed over the examples.
    fn value(&self, params: LogisticParams) -> f64 {
        let cross_entropy = |(x, target): (&f64, &f64)| {
            let z = params.slope * x + params.intercept;
            z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
        };
        self.inputs.iter().zip(&self.targets).map(cross_entropy).sum()
    }

    fn newton_step(&self, params: LogisticParams) -> NewtonStep {
        // The small diagonal keeps the Hessian regular where all inputs are equal; it does not move the minimum.
        let (mut gx, mut g1, mut hxx, mut hx, mut h1) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (x, target) in self.inputs.iter().zip(&self.targets) {
            let p = sigmoid(params.slope * x + params.intercept);
            let (gap, weight) = (p - target, p * (1.0 - p));
            gx += gap * x;
            g1 += gap;
            hxx += weight * x * x;
            hx += weight * x;
            h1 += weight;
        }
        let determinant = hxx * h1 - hx * hx;
        let (slope, intercept) = ((hx * g1 - h1 * gx) / determinant, (hx * gx - hxx * g1) / determinant);
        NewtonStep { direction: LogisticParams { slope, intercept }, decrease: -(gx * slope + g1 * intercept) }
    }

    /// Newton's method from 0. Each step is halved until it decreases the loss enough, so it converges from any start.
    fn minimise(&self) -> LogisticParams {
        let mut params = LogisticParams { slope: 0.0, intercept: 0.0 };
        let mut loss = self.value(params);
        for _ in 0..100 {
            let NewtonStep { direction, decrease } = self.newton_step(params);
            if !decrease.is_finite() || decrease < 1e-14 * (1.0 + loss) {
                break;
            }
            let mut lengths = std::iter::successors(Some(1.0), |length| (*length > 1e-10).then_some(length / 2.0));
            let is_enough =
                |length: &f64| self.value(params.moved(*length, direction)) <= loss - 1e-4 * length * decrease;
            let Some(length) = lengths.find(is_enough) else { break };
            params = params.moved(length, direction);
            loss = self.value(params);
        }
        params
    }
}

/// The deserialised form of [`Platt`], before validation.
#[derive(Deserialize)]
struct UncheckedPlatt {
    slope: f64,
    intercept: f64,
    input: PlattInput,
}

impl TryFrom<UncheckedPlatt> for Platt {
    type Error = CalibrateError;
    fn try_from(UncheckedPlatt { slope, intercept, input }: UncheckedPlatt) -> Result<Self, CalibrateError> {
        match [("slope", slope), ("intercept", intercept)].into_iter().find(|(_, number)| !number.is_finite()) {
            Some((what, found)) => Err(CalibrateError::parameter(what, "a finite number", found)),
            None => Ok(Self { slope, intercept, input }),
        }
    }
}

#[cfg(test)]
mod tests;
