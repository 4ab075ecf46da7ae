//! How often proposed tokens are accepted, and which are worth verifying.

/// Intervals of confidence whose acceptance is counted apart.
const BUCKETS: usize = 12;
/// Weight of the prior, which is the confidence itself, in observed tokens.
const PRIOR_WEIGHT: f64 = 6.0;
/// Observations decay exponentially with this time constant, in observed tokens: acceptance changes with the problem.
const DECAY_TOKENS: f64 = 400.0;

/// How often the tokens of one source were accepted, by the confidence that they were proposed with.
#[derive(Clone, Debug)]
pub struct SpeculationAcceptance {
    /// For each bucket, the decayed counts of accepted tokens and of all tokens that were compared.
    counts: [[f64; 2]; BUCKETS],
}

impl Default for SpeculationAcceptance {
    fn default() -> Self {
        Self { counts: [[0.0; 2]; BUCKETS] }
    }
}

impl SpeculationAcceptance {
    /// Probability that a token of this confidence, from 0 to 1, is accepted: the observed rate, shrunk towards the confidence
    /// itself where there are few observations.
    pub fn estimate(&self, confidence: f32) -> f64 {
        let prior = f64::from(confidence.clamp(0.05, 0.97));
        let [accepted, compared] = self.counts[bucket(confidence)];
        (accepted + PRIOR_WEIGHT * prior) / (compared + PRIOR_WEIGHT)
    }

    /// Counts a token of this confidence that was compared.
    pub fn observe(&mut self, confidence: f32, was_accepted: bool) {
        // All buckets decay, so that one whose tokens are no longer tried returns to its prior and is tried again.
        for count in self.counts.as_flattened_mut() {
            *count *= 1.0 - 1.0 / DECAY_TOKENS;
        }
        let [accepted, compared] = &mut self.counts[bucket(confidence)];
        *accepted += f64::from(u8::from(was_accepted));
        *compared += 1.0;
    }
}

/// Buckets are finer where confidence is high, which is where most proposals lie.
fn bucket(confidence: f32) -> usize {
    let doubt = 1.0 - confidence.clamp(0.0, 1.0);
    ((1.0 - doubt.sqrt()) * BUCKETS as f32).min(BUCKETS as f32 - 1.0) as usize
}

/// Admits proposed tokens, in order, for as long as verifying the next one pays.
///
/// A token is of use only if all before it are accepted. Verifying one costs a row of a pass; one that is accepted saves the
/// sequence a pass of its own. So the next token pays while the probability that it and all before it are accepted exceeds the
/// ratio of the two costs.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    acceptance: &'a SpeculationAcceptance,
    /// The ratio of the costs, for each token in turn: what a further row costs depends on how many there are.
    thresholds: &'a [f64],
    /// How many tokens were admitted.
    admitted: usize,
    /// Probability that all admitted tokens are accepted.
    survival: f64,
}

impl<'a> Gate<'a> {
    /// A gate that closes when the probability of acceptance falls below the threshold of the token whose turn it is. The last
    /// threshold holds for all further tokens too; without any, every token is admitted.
    pub fn new(acceptance: &'a SpeculationAcceptance, thresholds: &'a [f64]) -> Self {
        Self { acceptance, thresholds, admitted: 0, survival: 1.0 }
    }

    fn threshold(&self) -> f64 {
        self.thresholds.get(self.admitted).or(self.thresholds.last()).copied().unwrap_or(0.0)
    }

    /// Whether not even a token of confidence 1 would be admitted.
    pub fn is_closed(&self) -> bool {
        self.survival * self.acceptance.estimate(1.0) < self.threshold()
    }

    /// Whether the next token, of this confidence, is worth verifying. After the first that is not, none is.
    pub fn admits(&mut self, confidence: f32) -> bool {
        self.survival *= self.acceptance.estimate(confidence);
        let admits = self.survival >= self.threshold();
        if admits {
            self.admitted += 1;
        } else {
            self.survival = 0.0;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_outweigh_the_prior() {
        let mut acceptance = SpeculationAcceptance::default();
        assert!((acceptance.estimate(0.9) - 0.9).abs() < 1e-6);
        (0..200).for_each(|i| acceptance.observe(0.9, i % 4 == 0));
        assert!((0.2..0.4).contains(&acceptance.estimate(0.9)), "{}", acceptance.estimate(0.9));
        assert!((acceptance.estimate(0.1) - 0.1).abs() < 1e-6, "another bucket");
        // Observations decay while tokens of other buckets are compared.
        (0..4000).for_each(|_| acceptance.observe(0.1, true));
        assert!(acceptance.estimate(0.9) > 0.85 && acceptance.estimate(0.1) > 0.9);
    }

    #[test]
    fn estimates_are_probabilities_for_any_confidence() {
        let mut acceptance = SpeculationAcceptance::default();
        for confidence in [-1.0, 0.0, 0.3, 1.0, 7.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            (0..50).for_each(|_| acceptance.observe(confidence, true));
            let estimate = acceptance.estimate(confidence);
            assert!((0.0..=1.0).contains(&estimate) || confidence.is_nan(), "{confidence}: {estimate}");
            assert!(!confidence.is_nan() || !Gate::new(&acceptance, &[0.1]).admits(confidence));
        }
    }

    #[test]
    fn a_gate_closes_when_survival_falls_below_its_threshold() {
        let acceptance = SpeculationAcceptance::default();
        let count = |thresholds: &[f64], confidence| {
            let mut gate = Gate::new(&acceptance, thresholds);
            let count = (0..100).take_while(|_| gate.admits(confidence)).count();
            assert!(count == 100 || !gate.admits(1.0), "it stays closed");
            count
        };
        assert_eq!(count(&[0.5], 0.8), 3); // 0.8³ = 0.512
        assert_eq!(count(&[0.2], 0.8), 7); // 0.8⁷ = 0.2097
        assert_eq!(count(&[0.9], 0.8), 0);
        assert_eq!(count(&[0.5, 0.7, 0.1], 0.8), 1, "the second token costs more, since 0.8² = 0.64");
        assert_eq!(count(&[0.5, 0.5, 0.2], 0.8), 7, "the last threshold holds for all further tokens");
        assert_eq!(count(&[], 0.8), 100);
    }
}
