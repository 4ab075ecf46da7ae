//! What a forward pass costs by its number of rows: measured when speculation is first used, then refined by the passes themselves.

use super::MAX_SPECULATIVE_TOKENS;

/// Numbers of rows whose costs are kept. Between two of them the cost is interpolated, beyond the last it grows as before it.
const ROWS: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Passes of more rows are ignored: what a row costs in a long prompt says little about small passes.
const MAX_OBSERVED_ROWS: usize = 48;
/// Share of its error that an observed pass corrects: 1 over the number of passes so far, but at least this much.
const LEAST_CORRECTION: f64 = 0.1;
/// Cost of a further row where nothing was measured, as a share of a pass with one row.
const PRIOR_SLOPE: f64 = 0.2;
/// A pass that takes this many times the expected time is ignored: the process was not running for a while.
const OUTLIER_FACTOR: f64 = 3.0;
/// Most time that measuring may take, in passes of one row: what users wait for once.
const MEASURED_PASSES: f64 = 10.0;
/// The same in seconds, for models whose passes are slow.
const MEASURED_SECONDS: f64 = 1.0;
/// Passes of one number of rows are repeated for so many seconds, and the fastest counts, since a short pass may be interrupted.
const REPEATED_SECONDS: f64 = 3e-3;

/// A curve of costs that never falls.
#[derive(Clone, Debug)]
pub(in super::super) struct PassCosts {
    /// Seconds of a pass of one row, then what each further number of [`ROWS`] adds to the one before it. A pass that becomes slower
    /// because its context has grown thus raises the costs of all larger passes.
    increments: [f64; ROWS.len()],
    /// Passes that count, or were as good as counted since the costs were measured.
    passes: f64,
    is_measured: bool,
    /// Whether a pass was seen. The first one reads weights into memory and starts threads, so its time says nothing about others.
    has_started: bool,
}

impl Default for PassCosts {
    /// The prior slope, for a pass of one row that takes a second.
    fn default() -> Self {
        let mut increments = [1.0; ROWS.len()];
        for (increment, rows) in increments[1..].iter_mut().zip(ROWS.windows(2)) {
            *increment = PRIOR_SLOPE * (rows[1] - rows[0]) as f64;
        }
        Self { increments, passes: 0.0, is_measured: false, has_started: false }
    }
}

impl PassCosts {
    /// Measures the curve, once. `pass` runs a pass of so many rows and returns the seconds that it took, or `None` when it failed;
    /// the costs are then what they were. Large passes that would take too long are not run: they cost a row what the largest
    /// measured ones do.
    pub(crate) fn measure_once(&mut self, mut pass: impl FnMut(usize) -> Option<f64>) {
        if !std::mem::replace(&mut self.is_measured, true)
            && let Some(increments) = measured_increments(&mut pass)
        {
            self.increments = increments;
            self.passes = 1.0 / LEAST_CORRECTION;
        }
    }

    /// Adds a pass over `rows` rows that took `seconds`.
    pub(crate) fn observe(&mut self, rows: usize, seconds: f64) {
        if !std::mem::replace(&mut self.has_started, true) || rows > MAX_OBSERVED_ROWS {
            return;
        }
        let expected = self.seconds(rows);
        if self.passes == 0.0 {
            self.increments = self.increments.map(|increment| increment * seconds / expected);
        } else if self.passes < 1.0 / LEAST_CORRECTION || seconds <= OUTLIER_FACTOR * expected {
            self.correct(rows, seconds - expected);
        }
        self.passes += 1.0;
    }

    /// Moves the costs that a pass of `rows` rows is made up of towards it, each by its share.
    fn correct(&mut self, rows: usize, error: f64) {
        let shares = shares(rows);
        let rate = LEAST_CORRECTION.max(1.0 / (self.passes + 1.0));
        let step = rate * error / shares.iter().map(|share| share * share).sum::<f64>();
        for (increment, share) in self.increments.iter_mut().zip(shares) {
            *increment += step * share;
        }
        limit(&mut self.increments);
    }

    /// The expected seconds of a pass over `rows` rows, at least one.
    fn seconds(&self, rows: usize) -> f64 {
        self.increments.iter().zip(shares(rows)).map(|(increment, share)| increment * share).sum()
    }

    /// For each speculative token in turn, the probability of acceptance from which on it is verified, in a pass that `sequences`
    /// share, when proposing a token costs `proposal_seconds`. All sequences are taken to verify as many.
    ///
    /// Verification pays on average from the ratio of its cost to the cost of the token that it may save. The threshold is the
    /// square root of that ratio, which is higher, since the probabilities are only estimates and a rejected token is a certain
    /// loss. In a replay of 154 escalated steps, the plain ratio made the worst step 13% slower and the square root 4%, and the
    /// square root made all of them together no slower.
    pub(crate) fn thresholds(&self, sequences: usize, proposal_seconds: f64) -> [f64; MAX_SPECULATIVE_TOKENS] {
        let sequences = sequences.max(1);
        let share = |rows| self.seconds(rows) / sequences as f64;
        std::array::from_fn(|token| {
            let row = share(sequences * (token + 2)) - share(sequences * (token + 1));
            ((row + proposal_seconds) / share(sequences)).sqrt().clamp(0.1, 2.0)
        })
    }
}

/// How much of each increment a pass over `rows` rows contains.
fn shares(rows: usize) -> [f64; ROWS.len()] {
    let last = ROWS.len() - 1;
    std::array::from_fn(|at| {
        let Some(before) = at.checked_sub(1).map(|before| ROWS[before]) else { return 1.0 };
        let share = rows.saturating_sub(before) as f64 / (ROWS[at] - before) as f64;
        if at == last { share } else { share.min(1.0) }
    })
}

/// Keeps costs from falling, and a pass from costing more than two of half its rows.
fn limit(increments: &mut [f64]) {
    let mut seconds = 0.0;
    for (at, increment) in increments.iter_mut().enumerate() {
        *increment = increment.clamp(0.0, if at == 0 { f64::INFINITY } else { seconds });
        seconds += *increment;
    }
}

/// Times the passes of [`PassCosts::measure_once`], after one that only brings the weights into memory.
fn measured_increments(pass: &mut impl FnMut(usize) -> Option<f64>) -> Option<[f64; ROWS.len()]> {
    let mut spent = pass(1)?;
    let one = fastest(pass, 1)?;
    spent += one;
    let most = MEASURED_SECONDS.min(MEASURED_PASSES * one);
    let (mut increments, mut seconds) = ([one; ROWS.len()], one);
    let mut goes_on = true;
    for at in 1..ROWS.len() {
        // Twice as many further rows as the increment before has.
        let expected = if at == 1 { PRIOR_SLOPE * one } else { 2.0 * increments[at - 1] };
        goes_on &= spent + seconds + expected <= most;
        let measured = if goes_on { fastest(pass, ROWS[at])? } else { seconds + expected };
        spent += measured;
        increments[at] = measured - seconds;
        limit(&mut increments[..=at]);
        seconds += increments[at];
    }
    Some(increments)
}

/// Seconds of the fastest of a few passes; of a single one where passes are long.
fn fastest(pass: &mut impl FnMut(usize) -> Option<f64>, rows: usize) -> Option<f64> {
    let (mut total, mut least) = (0.0, f64::INFINITY);
    while total < REPEATED_SECONDS {
        let seconds = pass(rows)?;
        total += seconds.max(REPEATED_SECONDS / 100.0);
        least = least.min(seconds);
    }
    Some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The squares of the thresholds: the ratios of costs.
    fn ratios(costs: &PassCosts, sequences: usize, proposal_seconds: f64) -> Vec<f64> {
        costs.thresholds(sequences, proposal_seconds).iter().map(|threshold| threshold.powi(2)).collect()
    }

    #[test]
    fn costs_are_learned_from_passes() {
        let mut costs = PassCosts::default();
        assert!(ratios(&costs, 1, 0.0).iter().all(|ratio| (ratio - 0.2).abs() < 1e-9));
        for i in 0..300 {
            let rows = [1, 8, 4, 32, 1, 1, 16][i % 7];
            costs.observe(rows, 0.038 + 0.009 * rows as f64);
        }
        for rows in [1, 4, 8, 16, 32] {
            let exact = 0.038 + 0.009 * rows as f64;
            assert!((costs.seconds(rows) / exact - 1.0).abs() < 0.01, "{rows}: {costs:?}");
        }
        assert!(ratios(&costs, 1, 0.0).iter().all(|ratio| (ratio - 0.009 / 0.047).abs() < 0.02));
        assert!(
            (ratios(&costs, 8, 0.0)[0] - 0.009 / 0.01375).abs() < 0.05,
            "an accepted token saves less where many sequences share a pass"
        );
        assert!(
            costs.thresholds(1, 0.02)[0] > 1.6 * costs.thresholds(1, 0.0)[0],
            "a proposal that costs time must be accepted more often"
        );
    }

    #[test]
    fn a_curve_that_is_no_line_is_learned() {
        // Up to 16 rows cost what one does, and the next 16 as much again.
        let exact = |rows: usize| if rows <= 16 { 0.04 } else { 0.0025 * rows as f64 };
        let mut learned = PassCosts::default();
        (0..700).for_each(|i| {
            let rows = [1, 2, 4, 8, 16, 24, 32][i % 7];
            learned.observe(rows, exact(rows));
        });
        let mut measured = PassCosts::default();
        measured.measure_once(|rows| Some(exact(rows)));
        for costs in [learned, measured] {
            let thresholds = costs.thresholds(1, 0.0);
            assert!(thresholds[..15].iter().all(|&threshold| threshold < 0.2), "{thresholds:?}");
            assert!(thresholds[15..].iter().all(|&threshold| (threshold - 0.25).abs() < 0.03), "{thresholds:?}");
        }
    }

    #[test]
    fn measuring_is_done_once_and_takes_a_limited_time() {
        for (one, row) in [(1e-4, 1e-6), (0.04, 0.004), (0.04, 0.03), (0.3, 0.05), (5.0, 1.0)] {
            let (mut spent, mut largest) = (0.0, 0);
            let mut costs = PassCosts::default();
            let exact = |rows: usize| one + row * (rows - 1) as f64;
            for _ in 0..2 {
                costs.measure_once(|rows| {
                    spent += exact(rows);
                    largest = largest.max(rows);
                    Some(exact(rows))
                });
            }
            let repeats = 2.0 * REPEATED_SECONDS * ROWS.len() as f64;
            let most = (2.0 * one).max(MEASURED_SECONDS.min(MEASURED_PASSES * one)) + repeats;
            assert!(spent <= most * (1.0 + 1e-9), "{one} {row}: {spent}");
            for rows in 1..=largest {
                assert!((costs.seconds(rows) - exact(rows)).abs() < 1e-9, "{one} {row}: {rows}");
            }
            if largest >= 4 {
                assert!((costs.seconds(32) - exact(32)).abs() < 1e-6, "the rest is extrapolated");
            }
        }
    }

    #[test]
    fn a_failed_or_interrupted_measurement_leaves_usable_costs() {
        let prior = PassCosts::default();
        let mut failed = PassCosts::default();
        failed.measure_once(|rows| (rows < 8).then_some(0.01));
        assert_eq!(failed.increments, prior.increments);
        // A pass of two rows that was interrupted costs no more than two passes of one row, and larger ones no less than it.
        let mut interrupted = PassCosts::default();
        interrupted.measure_once(|rows| Some(if rows == 2 { 5.0 } else { 0.01 + 0.001 * rows as f64 }));
        assert!((1..48).all(|rows| interrupted.seconds(rows) <= interrupted.seconds(rows + 1)));
        assert!(interrupted.seconds(2) <= 2.0 * interrupted.seconds(1));
    }

    #[test]
    fn slower_passes_of_one_row_raise_the_costs_of_all() {
        let mut costs = PassCosts::default();
        costs.measure_once(|rows| Some(0.04 + 0.004 * rows as f64));
        let before = [1, 8, 32].map(|rows| costs.seconds(rows));
        (0..100).for_each(|_| costs.observe(1, 0.064));
        for (before, rows) in before.into_iter().zip([1, 8, 32]) {
            assert!((costs.seconds(rows) - before - 0.02).abs() < 1e-3, "{rows}");
        }
    }

    #[test]
    fn the_first_pass_does_not_count() {
        let (mut cold, mut warm) = (PassCosts::default(), PassCosts::default());
        cold.observe(40, 9.0);
        warm.observe(40, 0.3);
        for costs in [&mut cold, &mut warm] {
            (0..4).for_each(|_| costs.observe(1, 0.05));
        }
        assert_eq!(cold.increments, warm.increments);
    }

    #[test]
    fn passes_of_one_size_leave_the_prior_slope() {
        let mut costs = PassCosts::default();
        (0..50).for_each(|_| costs.observe(1, 0.05));
        assert!(ratios(&costs, 1, 0.0).iter().all(|ratio| (ratio - 0.2).abs() < 0.01));
    }

    #[test]
    fn outliers_and_long_prompts_are_ignored() {
        let mut costs = PassCosts::default();
        (0..50).for_each(|i| costs.observe(1 + i % 4, 0.05));
        let before = costs.increments;
        costs.observe(2, 5.0);
        costs.observe(512, 1.0);
        assert_eq!(costs.increments, before);
    }
}
