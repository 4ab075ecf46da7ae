//! Captured advantage: the share of the oracle's gain that a router reaches with the same number of target calls.

use super::{MetricsError, SortedGroups, error};

/// How many steps may be escalated. Sums at fractional numbers of calls are interpolated linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallBudget {
    /// A number of steps, the `B` of Theorem B.1, from 0 to the number of all steps.
    Calls(f64),
    /// A share of all steps, in [0, 1].
    Share(f64),
    /// A multiple, at least 0, of the number of steps that the oracle escalates at τ = 0, which are those with `Δ > 0`.
    OfOracle(f64),
}

/// One point of a curve over budgets. Sums are sums of the advantage `Δ`, in the scorer's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CurvePoint {
    /// Steps escalated.
    pub calls: f64,
    /// The same as a share of all steps, in [0, 1].
    pub share: f64,
    /// Sum of `Δ` over the steps with the greatest estimates.
    pub router: f64,
    /// The greatest sum of `Δ` over at most `calls` steps.
    pub oracle: f64,
    /// Expected sum of `Δ` over `calls` steps chosen at random.
    pub random: f64,
    /// `(router − random) / (oracle − random)`: 1 for the oracle, 0 for random choice, negative for a router that is
    /// worse than random choice. `None` where the oracle is no better than random choice, so that there is nothing to
    /// capture.
    pub captured: Option<f64>,
}

/// Captured advantage at one budget: `Σ Δ` over the steps with the greatest estimates, rescaled so that random choice
/// of the same number of steps is 0 and the oracle is 1. `None` where the oracle is no better than random choice: a
/// budget of no calls, no steps, or steps of equal advantage.
///
/// The oracle takes the steps with the greatest `Δ`, which is optimal for the sum of scores (Theorem B.1). It never
/// takes a step of negative `Δ`, so it may spend less than its budget, whereas the router spends all of it. Where the
/// last call falls among equal estimates, the sum is the expectation over which of them are chosen, so the order of the
/// examples does not matter.
///
/// # Errors
/// [`MetricsError`] for estimates or advantages that are not finite, series of different length, and a budget out of
/// its range.
pub fn captured_advantage(
    estimates: &[f32],
    advantages: &[f32],
    budget: CallBudget,
) -> Result<Option<f64>, MetricsError> {
    CapturedAdvantage::new(estimates, advantages)?.at(budget)
}

/// [`captured_advantage`] for many budgets and resamples of the same steps, which are sorted once.
#[derive(Clone, Debug)]
pub struct CapturedAdvantage {
    by_estimate: SortedGroups,
    by_advantage: SortedGroups,
    advantages: Vec<f64>,
}

impl CapturedAdvantage {
    /// Sorts both series, which hold one number per step.
    ///
    /// # Errors
    /// [`MetricsError`] for numbers that are not finite and series of different length.
    pub fn new(estimates: &[f32], advantages: &[f32]) -> Result<Self, MetricsError> {
        error::check_advantages(estimates, advantages)?;
        Ok(Self {
            by_estimate: SortedGroups::new(estimates),
            by_advantage: SortedGroups::new(advantages),
            advantages: advantages.iter().copied().map(f64::from).collect(),
        })
    }

    /// The captured advantage at a budget.
    ///
    /// # Errors
    /// [`MetricsError::Parameter`] for a budget that is NaN, infinite, negative, or of more calls than there are steps.
    pub fn at(&self, budget: CallBudget) -> Result<Option<f64>, MetricsError> {
        let ones = self.unit_weights();
        self.check(budget, &ones)?;
        Ok(self.weighted(&ones, budget))
    }

    /// The curve over budgets from no calls to all, at the ends of `intervals` equal intervals (0 is taken as 1).
    pub fn curve(&self, intervals: usize) -> Vec<CurvePoint> {
        let (ones, intervals) = (self.unit_weights(), intervals.max(1));
        let budget = |end: usize| CallBudget::Share(end as f64 / intervals as f64);
        (0..=intervals).filter_map(|end| self.point(&ones, budget(end))).collect()
    }

    /// The captured advantage of a resample that contains step `i` `weights[i]` times. A budget beyond the resample's
    /// range is clamped to it. `None` also for a budget of NaN, and where the number of weights is not the number of
    /// steps.
    pub fn weighted(&self, weights: &[u32], budget: CallBudget) -> Option<f64> {
        self.point(weights, budget)?.captured
    }

    /// [`weighted`](Self::weighted), together with the sums that it is computed from.
    pub fn point(&self, weights: &[u32], budget: CallBudget) -> Option<CurvePoint> {
        if weights.len() != self.advantages.len() {
            return None;
        }
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        let calls = self.calls(budget, weights);
        if calls.is_nan() || total <= 0.0 {
            return None;
        }
        let calls = calls.clamp(0.0, total);
        let (share, totals) = (calls / total, self.totals(weights));
        let router = self.greedy_sum(self.by_estimate.groups().rev(), weights, calls);
        let gains = self.by_advantage.groups().rev().take_while(|group| self.advantages[group[0]] > 0.0);
        let oracle = self.greedy_sum(gains, weights, calls);
        let random = share * totals.sum;
        let captured =
            (oracle - random > ROUNDING_TOLERANCE * totals.absolute).then(|| (router - random) / (oracle - random));
        Some(CurvePoint { calls, share, router, oracle, random, captured })
    }

    fn unit_weights(&self) -> Vec<u32> {
        vec![1; self.advantages.len()]
    }

    fn totals(&self, weights: &[u32]) -> Totals {
        let mut totals = Totals::default();
        for (advantage, weight) in self.advantages.iter().zip(weights) {
            let advantage = advantage * f64::from(*weight);
            totals.sum += advantage;
            totals.absolute += advantage.abs();
        }
        totals
    }

    /// Sum of the advantages of the first `calls` steps of `groups`. The last group counts in proportion to the calls
    /// left for it.
    fn greedy_sum<'a>(&self, groups: impl Iterator<Item = &'a [usize]>, weights: &[u32], calls: f64) -> f64 {
        let (mut left, mut sum) = (calls, 0.0);
        for group in groups {
            let (mut size, mut gain) = (0.0, 0.0);
            for index in group {
                let weight = f64::from(weights[*index]);
                size += weight;
                gain += weight * self.advantages[*index];
            }
            if size >= left {
                return if left > 0.0 { sum + gain * (left / size) } else { sum };
            }
            left -= size;
            sum += gain;
        }
        sum
    }

    /// The budget as a number of calls.
    fn calls(&self, budget: CallBudget, weights: &[u32]) -> f64 {
        let count = |is_counted: fn(f64) -> bool| -> f64 {
            let pairs = self.advantages.iter().zip(weights);
            pairs.filter(|(advantage, _)| is_counted(**advantage)).map(|(_, weight)| f64::from(*weight)).sum()
        };
        match budget {
            CallBudget::Calls(calls) => calls,
            CallBudget::Share(share) => share * count(|_| true),
            CallBudget::OfOracle(multiple) => multiple * count(|advantage| advantage > 0.0),
        }
    }

    fn check(&self, budget: CallBudget, ones: &[u32]) -> Result<(), MetricsError> {
        let (what, found) = match budget {
            CallBudget::Calls(calls) => ("budget in calls", calls),
            CallBudget::Share(share) => ("budget as a share of all steps", share),
            CallBudget::OfOracle(multiple) => ("budget as a multiple of the oracle's calls", multiple),
        };
        let (calls, steps) = (self.calls(budget, ones), self.advantages.len());
        if (0.0..=steps as f64).contains(&calls) && found >= 0.0 && found.is_finite() {
            return Ok(());
        }
        Err(MetricsError::Parameter { what, expected: format!("at least 0 and at most {steps} calls"), found })
    }
}

/// Weighted totals over all steps.
#[derive(Default)]
struct Totals {
    /// Sum of the advantages.
    sum: f64,
    /// Sum of their absolute values.
    absolute: f64,
}

/// Largest difference that rounding may cause between two equal sums, relative to the sum of absolute values.
const ROUNDING_TOLERANCE: f64 = 1e-11;

#[cfg(test)]
mod tests;
