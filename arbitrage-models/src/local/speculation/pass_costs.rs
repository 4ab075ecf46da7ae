//! What a forward pass costs, estimated from the passes themselves.

/// Passes of more rows are ignored, since their cost for a row is lower than that of small passes.
const MAX_OBSERVED_ROWS: usize = 48;
/// Observations decay exponentially with this time constant, in passes.
const DECAY_PASSES: f64 = 100.0;
/// Prior for the cost of a further row, as a share of a pass with one row.
const PRIOR_SLOPE: f64 = 0.2;
/// A pass that takes this many times the expected time is ignored: the process was not running for a while.
const OUTLIER_FACTOR: f64 = 3.0;

/// The line `seconds = fixed + rows · slope` through the latest passes, by least squares.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct PassCosts {
    /// Sums of 1, rows, seconds, rows², rows · seconds.
    sums: [f64; 5],
    /// Whether a pass was seen. The first one reads weights into memory and starts threads, so its time says nothing about others.
    has_started: bool,
}

impl PassCosts {
    /// Adds a pass over `rows` rows that took `seconds`.
    pub(crate) fn observe(&mut self, rows: usize, seconds: f64) {
        let (fixed, slope) = self.line();
        let expected = fixed + slope * rows as f64;
        if !std::mem::replace(&mut self.has_started, true) {
            return;
        }
        if rows > MAX_OBSERVED_ROWS || (self.sums[0] > 8.0 && seconds > OUTLIER_FACTOR * expected) {
            return;
        }
        let rows = rows as f64;
        for (sum, new) in self.sums.iter_mut().zip([1.0, rows, seconds, rows * rows, rows * seconds]) {
            *sum = *sum * (1.0 - 1.0 / DECAY_PASSES) + new;
        }
    }

    /// The fixed seconds of a pass, and the seconds for each row.
    fn line(&self) -> (f64, f64) {
        let [n, rows, seconds, squares, products] = self.sums;
        if n == 0.0 {
            return (1.0 - PRIOR_SLOPE, PRIOR_SLOPE);
        }
        let (rows, seconds) = (rows / n, seconds / n);
        let variance = (squares / n - rows * rows).max(0.0);
        // The prior slope has the weight of a variance of 1, so that it decides where the number of rows hardly varies.
        let prior = seconds * PRIOR_SLOPE / (1.0 - PRIOR_SLOPE + PRIOR_SLOPE * rows);
        let slope = (products / n - rows * seconds + prior) / (variance + 1.0);
        let slope = slope.clamp(0.0, seconds / rows.max(1.0));
        (seconds - slope * rows, slope)
    }

    /// The probability of acceptance from which on a token is verified, in a pass that `sequences` share, when proposing it costs
    /// `proposal_seconds`.
    ///
    /// Verification pays on average from the ratio of its cost to the cost of the token that it may save. The threshold is the
    /// square root of that ratio, which is higher, since the probabilities are only estimates and a rejected token is a certain
    /// loss. In a replay of 154 escalated steps, the plain ratio made the worst step 13% slower and the square root 4%, and the
    /// square root made all of them together no slower.
    pub(crate) fn threshold(&self, sequences: usize, proposal_seconds: f64) -> f64 {
        let (fixed, slope) = self.line();
        ((slope + proposal_seconds) / (slope + fixed / sequences.max(1) as f64)).sqrt().clamp(0.1, 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_estimated() {
        let mut costs = PassCosts::default();
        assert!((costs.threshold(1, 0.0).powi(2) - 0.2).abs() < 1e-9);
        for i in 0..300 {
            let rows = [1, 8, 4, 32, 1, 1, 16][i % 7];
            costs.observe(rows, 0.038 + 0.009 * rows as f64);
        }
        let (fixed, slope) = costs.line();
        assert!((fixed - 0.038).abs() < 2e-3 && (slope - 0.009).abs() < 3e-4, "{fixed} {slope}");
        assert!((costs.threshold(1, 0.0).powi(2) - 0.009 / 0.047).abs() < 0.02);
        assert!(
            (costs.threshold(8, 0.0).powi(2) - 0.009 / 0.01375).abs() < 0.05,
            "an accepted token saves less where many sequences share a pass"
        );
        assert!(
            costs.threshold(1, 0.02) > 1.6 * costs.threshold(1, 0.0),
            "a proposal that costs time must be accepted more often"
        );
    }

    #[test]
    fn the_first_pass_does_not_count() {
        let (mut cold, mut warm) = (PassCosts::default(), PassCosts::default());
        cold.observe(40, 9.0);
        warm.observe(40, 0.3);
        for costs in [&mut cold, &mut warm] {
            (0..4).for_each(|_| costs.observe(1, 0.05));
        }
        assert_eq!(cold.line(), warm.line());
    }

    #[test]
    fn passes_of_one_size_leave_the_prior_slope() {
        let mut costs = PassCosts::default();
        (0..50).for_each(|_| costs.observe(1, 0.05));
        assert!((costs.threshold(1, 0.0).powi(2) - 0.2).abs() < 0.01);
    }

    #[test]
    fn outliers_and_long_prompts_are_ignored() {
        let mut costs = PassCosts::default();
        (0..50).for_each(|i| costs.observe(1 + i % 4, 0.05));
        let before = costs.line();
        costs.observe(2, 5.0);
        costs.observe(512, 1.0);
        assert_eq!(costs.line(), before);
    }
}
