//! What a forward pass costs, learned from the passes themselves.

/// Passes of more rows are not looked at: they cost a row less than small ones.
const ROWS: usize = 48;
/// Passes that are remembered, roughly.
const MEMORY: f64 = 100.0;
/// What is believed at first: a further row costs a fifth of a pass with one.
const SLOPE: f64 = 0.2;
/// A pass that takes so many times what it should lost its processor; it says nothing about passes.
const OUTLIER: f64 = 3.0;

/// The line `seconds = fixed + rows · slope` through the passes of late, by least squares.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct PassCosts {
    /// Sums of 1, rows, seconds, rows², rows · seconds.
    sums: [f64; 5],
}

impl PassCosts {
    /// A pass over `rows` rows took `seconds`.
    pub fn observe(&mut self, rows: usize, seconds: f64) {
        let (fixed, slope) = self.line();
        let expected = fixed + slope * rows as f64;
        if rows > ROWS || (self.sums[0] > 8.0 && seconds > OUTLIER * expected) {
            return;
        }
        let rows = rows as f64;
        for (sum, new) in self.sums.iter_mut().zip([1.0, rows, seconds, rows * rows, rows * seconds]) {
            *sum = *sum * (1.0 - 1.0 / MEMORY) + new;
        }
    }

    /// Fixed seconds of a pass, and seconds a row.
    fn line(&self) -> (f64, f64) {
        let [n, rows, seconds, squares, products] = self.sums;
        if n == 0.0 {
            return (1.0 - SLOPE, SLOPE);
        }
        let (rows, seconds) = (rows / n, seconds / n);
        let variance = (squares / n - rows * rows).max(0.0);
        // Where the number of rows hardly varies, what was believed at first stands in: it weighs as much as a variance of 1.
        let believed = seconds * SLOPE / (1.0 - SLOPE + SLOPE * rows);
        let slope = (products / n - rows * seconds + believed) / (variance + 1.0);
        let slope = slope.clamp(0.0, seconds / rows.max(1.0));
        (seconds - slope * rows, slope)
    }

    /// The probability from which on a guess is verified in a pass that `sequences` share, when making it costs `extra` seconds.
    ///
    /// It pays from the cost of verifying it over the cost of the token that it may save; the square root of that ratio asks for
    /// more. Probabilities are estimates, and a guess that fails is a sure loss: replaying 154 escalated steps, verifying all that
    /// should pay made the worst of them 13% slower, this rule 4%, and all together no slower.
    pub fn least(&self, sequences: usize, extra: f64) -> f64 {
        let (fixed, slope) = self.line();
        ((slope + extra) / (slope + fixed / sequences.max(1) as f64)).sqrt().clamp(0.1, 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        let mut costs = PassCosts::default();
        assert!((costs.least(1, 0.0).powi(2) - 0.2).abs() < 1e-9);
        for i in 0..300 {
            let rows = [1, 8, 4, 32, 1, 1, 16][i % 7];
            costs.observe(rows, 0.038 + 0.009 * rows as f64);
        }
        let (fixed, slope) = costs.line();
        assert!((fixed - 0.038).abs() < 2e-3 && (slope - 0.009).abs() < 3e-4, "{fixed} {slope}");
        assert!((costs.least(1, 0.0).powi(2) - 0.009 / 0.047).abs() < 0.02);
        assert!((costs.least(8, 0.0).powi(2) - 0.009 / 0.01375).abs() < 0.05, "less is saved where many share a pass");
        assert!(costs.least(1, 0.02) > 1.6 * costs.least(1, 0.0), "a guess that costs must come true more often");
    }

    #[test]
    fn passes_of_one_size_leave_what_was_believed() {
        let mut costs = PassCosts::default();
        (0..50).for_each(|_| costs.observe(1, 0.05));
        assert!((costs.least(1, 0.0).powi(2) - 0.2).abs() < 0.01);
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
