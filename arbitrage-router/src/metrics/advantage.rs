//! How much of the oracle's gain a router's calls bring.

use super::{MetricsError, Order, error};

/// How many steps may be escalated. Between whole numbers, sums are interpolated.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Budget {
    /// So many steps, the `B` of Theorem B.1, from 0 to all.
    Calls(f64),
    /// A share of all steps, in [0, 1].
    Share(f64),
    /// A multiple, at least 0, of the number of steps that the oracle escalates at τ = 0, which is that of `Δ > 0`.
    OfOracle(f64),
}

/// One point of a curve over budgets. Sums are of `Δ`, in the scorer's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CurvePoint {
    /// Steps escalated.
    pub calls: f64,
    /// Those as a share of all.
    pub share: f64,
    /// Sum over the steps with the greatest estimates.
    pub router: f64,
    /// Sum that the oracle reaches with no more calls.
    pub oracle: f64,
    /// Sum that is expected from as many calls at random.
    pub random: f64,
    /// The router's place between random, 0, and the oracle, 1; below 0 where it is worse than random. `None` where the
    /// oracle is no better than random, so that there is nothing to capture.
    pub captured: Option<f64>,
}

/// Captured advantage at one budget: `Σ Δ` over the steps with the greatest estimates, as a place between that of
/// random calls (0) and the oracle's (1). `None` where the oracle is no better than random: no calls, no steps, or all
/// of equal advantage.
///
/// The oracle takes the greatest `Δ`, which is optimal for the sum of scores (Theorem B.1), and never a negative one,
/// so that it may spend less than its budget; the router spends all of it. Where the last call falls among equal
/// estimates, the sum is the expectation over their choice. The order of the examples is of no account.
///
/// # Errors
/// [`MetricsError`] for numbers that are not finite, series of different length and a budget out of its range.
pub fn captured_advantage(estimates: &[f32], advantages: &[f32], budget: Budget) -> Result<Option<f64>, MetricsError> {
    CapturedAdvantage::new(estimates, advantages)?.at(budget)
}

/// [`captured_advantage`], sorted once for many budgets and resamples.
#[derive(Clone, Debug)]
pub struct CapturedAdvantage {
    by_estimate: Order,
    by_advantage: Order,
    advantages: Vec<f64>,
}

impl CapturedAdvantage {
    /// Sorts both series.
    ///
    /// # Errors
    /// [`MetricsError`] for numbers that are not finite and series of different length.
    pub fn new(estimates: &[f32], advantages: &[f32]) -> Result<Self, MetricsError> {
        error::count("advantages", estimates.len(), advantages.len())?;
        error::finite("estimate", estimates)?;
        error::finite("advantage", advantages)?;
        Ok(Self {
            by_estimate: Order::new(estimates),
            by_advantage: Order::new(advantages),
            advantages: advantages.iter().copied().map(f64::from).collect(),
        })
    }

    /// The captured advantage at a budget.
    ///
    /// # Errors
    /// [`MetricsError::Parameter`] for a budget that is none, negative, or of more calls than there are steps.
    pub fn at(&self, budget: Budget) -> Result<Option<f64>, MetricsError> {
        let ones = vec![1; self.advantages.len()];
        self.check(budget, &ones)?;
        Ok(self.weighted(&ones, budget))
    }

    /// The captured advantage at a quarter, a half and the whole of the oracle's own rate of escalation.
    pub fn at_oracle_rates(&self) -> [Option<f64>; 3] {
        let ones = vec![1; self.advantages.len()];
        [0.25, 0.5, 1.0].map(|part| self.weighted(&ones, Budget::OfOracle(part)))
    }

    /// The curve over budgets from no calls to all, in `intervals` equal parts, at least 1.
    pub fn curve(&self, intervals: usize) -> Vec<CurvePoint> {
        let ones = vec![1; self.advantages.len()];
        let intervals = intervals.max(1);
        let share = |at: usize| Budget::Share(at as f64 / intervals as f64);
        (0..=intervals).filter_map(|at| self.point(&ones, share(at))).collect()
    }

    /// The captured advantage with example `i` there `weights[i]` times. A budget that is out of the resample's range
    /// is cut to it. `None` also for a budget that is no number, and another number of weights than of examples.
    pub fn weighted(&self, weights: &[u32], budget: Budget) -> Option<f64> {
        self.point(weights, budget)?.captured
    }

    /// [`weighted`](Self::weighted), with what it is made of.
    pub fn point(&self, weights: &[u32], budget: Budget) -> Option<CurvePoint> {
        if weights.len() != self.advantages.len() {
            return None;
        }
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        let calls = self.calls(budget, weights);
        if calls.is_nan() || total <= 0.0 {
            return None;
        }
        let calls = calls.clamp(0.0, total);
        let (share, sums) = (calls / total, self.sums(weights));
        let router = self.take(self.by_estimate.groups().rev(), weights, calls);
        let oracle = self.take(self.by_advantage.groups().rev().take_while(|g| self.gains(g)), weights, calls);
        let random = share * sums.0;
        let captured = (oracle - random > ROUNDING * sums.1).then(|| (router - random) / (oracle - random));
        Some(CurvePoint { calls, share, router, oracle, random, captured })
    }

    /// Sum of the advantages, and of their sizes.
    fn sums(&self, weights: &[u32]) -> (f64, f64) {
        let weighted = self.advantages.iter().zip(weights).map(|(advantage, weight)| advantage * f64::from(*weight));
        weighted.fold((0.0, 0.0), |(sum, size), advantage| (sum + advantage, size + advantage.abs()))
    }

    fn gains(&self, group: &[usize]) -> bool {
        self.advantages[group[0]] > 0.0
    }

    /// Sum of the advantages of the first `calls` steps, of the last group as much as is left for it.
    fn take<'a>(&self, groups: impl Iterator<Item = &'a [usize]>, weights: &[u32], calls: f64) -> f64 {
        let (mut left, mut sum) = (calls, 0.0);
        for group in groups {
            let (mut size, mut gain) = (0.0, 0.0);
            for place in group {
                let weight = f64::from(weights[*place]);
                size += weight;
                gain += weight * self.advantages[*place];
            }
            if size >= left {
                return if left > 0.0 { sum + gain * (left / size) } else { sum };
            }
            left -= size;
            sum += gain;
        }
        sum
    }

    fn calls(&self, budget: Budget, weights: &[u32]) -> f64 {
        let weigh = |is_counted: &dyn Fn(f64) -> bool| -> f64 {
            let counted = self.advantages.iter().zip(weights).filter(|(advantage, _)| is_counted(**advantage));
            counted.map(|(_, weight)| f64::from(*weight)).sum()
        };
        match budget {
            Budget::Calls(calls) => calls,
            Budget::Share(share) => share * weigh(&|_| true),
            Budget::OfOracle(part) => part * weigh(&|advantage| advantage > 0.0),
        }
    }

    fn check(&self, budget: Budget, ones: &[u32]) -> Result<(), MetricsError> {
        let (what, found) = match budget {
            Budget::Calls(calls) => ("budget in calls", calls),
            Budget::Share(share) => ("budget as a share", share),
            Budget::OfOracle(part) => ("budget as a part of the oracle's", part),
        };
        let (calls, most) = (self.calls(budget, ones), self.advantages.len());
        if (0.0..=most as f64).contains(&calls) && found >= 0.0 && found.is_finite() {
            return Ok(());
        }
        Err(MetricsError::Parameter { what, expected: format!("at least 0 and at most {most} calls"), found })
    }
}

/// What the difference of two equal sums may come to, as a share of the sum of sizes.
const ROUNDING: f64 = 1e-11;

#[cfg(test)]
mod tests;
