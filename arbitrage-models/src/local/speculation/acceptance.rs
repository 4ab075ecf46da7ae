//! How often guesses come true, and which are worth verifying.

/// Steps of confidence that are told apart.
const BUCKETS: usize = 12;
/// What is believed before anything is seen weighs as much as so many guesses.
const PRIOR: f64 = 6.0;
/// Guesses that are remembered, roughly: habits change with the problem.
const MEMORY: f64 = 400.0;

/// How often guesses of one kind came true, by the confidence that they came with.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// Guesses that came true and guesses that were put to the test, a bucket.
    seen: [[f64; 2]; BUCKETS],
}

impl Default for Acceptance {
    fn default() -> Self {
        Self { seen: [[0.0; 2]; BUCKETS] }
    }
}

impl Acceptance {
    /// Probability that a guess of this confidence, 0 to 1, comes true: what was seen, and where little was, the confidence
    /// itself.
    pub fn estimate(&self, confidence: f32) -> f64 {
        let believed = f64::from(confidence.clamp(0.05, 0.97));
        let [hits, tests] = self.seen[bucket(confidence)];
        (hits + PRIOR * believed) / (tests + PRIOR)
    }

    /// A guess of this confidence came true, or did not.
    pub fn learn(&mut self, confidence: f32, came_true: bool) {
        // All buckets fade, so that one whose guesses are no longer tried returns to what is believed and is tried again.
        for count in self.seen.as_flattened_mut() {
            *count *= 1.0 - 1.0 / MEMORY;
        }
        let [hits, tests] = &mut self.seen[bucket(confidence)];
        *hits += f64::from(u8::from(came_true));
        *tests += 1.0;
    }
}

/// Finer where confidence is high, which is where most guesses lie.
fn bucket(confidence: f32) -> usize {
    let doubt = 1.0 - confidence.clamp(0.0, 1.0);
    ((1.0 - doubt.sqrt()) * BUCKETS as f32).min(BUCKETS as f32 - 1.0) as usize
}

/// Lets guesses pass, one after the other, for as long as verifying the next one pays.
///
/// A guess counts only if all before it come true. Verifying one costs a row of a pass; one that comes true saves the sequence a
/// pass of its own. So the next pays while the probability that all come true up to it exceeds the ratio of the two.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    acceptance: &'a Acceptance,
    /// The ratio, 0 to 1.
    least: f64,
    /// Probability that all that were admitted come true.
    survival: f64,
}

impl<'a> Gate<'a> {
    /// A gate that stops where fewer than a share `least` of guesses would come true.
    pub fn new(acceptance: &'a Acceptance, least: f64) -> Self {
        Self { acceptance, least, survival: 1.0 }
    }

    /// Whether not even a sure guess would be worth verifying now.
    pub fn is_shut(&self) -> bool {
        self.survival * self.acceptance.estimate(1.0) < self.least
    }

    /// Whether the next guess, of this confidence, is worth verifying. After the first that is not, none is.
    pub fn admits(&mut self, confidence: f32) -> bool {
        self.survival *= self.acceptance.estimate(confidence);
        self.survival >= self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_overrules_what_is_believed() {
        let mut acceptance = Acceptance::default();
        assert!((acceptance.estimate(0.9) - 0.9).abs() < 1e-6);
        (0..200).for_each(|i| acceptance.learn(0.9, i % 4 == 0));
        assert!((0.2..0.4).contains(&acceptance.estimate(0.9)), "{}", acceptance.estimate(0.9));
        assert!((acceptance.estimate(0.1) - 0.1).abs() < 1e-6, "another bucket");
        // Forgotten in the end, when other guesses are tried.
        (0..4000).for_each(|_| acceptance.learn(0.1, true));
        assert!(acceptance.estimate(0.9) > 0.85 && acceptance.estimate(0.1) > 0.9);
    }

    #[test]
    fn estimates_are_probabilities_for_any_confidence() {
        let mut acceptance = Acceptance::default();
        for confidence in [-1.0, 0.0, 0.3, 1.0, 7.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            (0..50).for_each(|_| acceptance.learn(confidence, true));
            let estimate = acceptance.estimate(confidence);
            assert!((0.0..=1.0).contains(&estimate) || confidence.is_nan(), "{confidence}: {estimate}");
            assert!(!confidence.is_nan() || !Gate::new(&acceptance, 0.1).admits(confidence));
        }
    }

    #[test]
    fn a_gate_stops_where_survival_falls_under_its_ratio() {
        let acceptance = Acceptance::default();
        let count = |least, confidence| {
            let mut gate = Gate::new(&acceptance, least);
            (0..100).take_while(|_| gate.admits(confidence)).count()
        };
        assert_eq!(count(0.5, 0.8), 3); // 0.8³ = 0.512
        assert_eq!(count(0.2, 0.8), 7); // 0.8⁷ = 0.2097
        assert_eq!(count(0.9, 0.8), 0);
    }
}
