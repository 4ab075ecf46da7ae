//! How much faster a pair can be than its target alone, from the draft's accuracy and the ratio of the models' costs.

use arbitrage_router::calibrate::StepSeconds;

use super::CostError;

/// What the speed of a routed pair depends on, one problem at a time. Times are relative to a token that the target decodes.
///
/// A problem has `steps` steps of equal length. The draft, given the target's earlier steps, fails at each of them with the
/// same probability, so that a draft that solves the share `a` of what its target solves fails at `1 − a^(1/steps)` of the steps. A router
/// escalates `excess` times as many.
///
/// ```
/// use arbitrage_eval::cost::Payoff;
/// let perfect = Payoff::new(4.0, 0.1, 1.0)?;
/// assert!(perfect.speed_up(10.0, 0.9) > perfect.speed_up(10.0, 0.5));
/// assert!(perfect.speed_up(1.1, 0.5) < 1.0, "a draft that costs nearly as much as its target saves nothing");
/// # Ok::<(), arbitrage_eval::cost::CostError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Payoff {
    steps: f64,
    read: f64,
    excess: f64,
}

impl Payoff {
    /// `steps` per problem, at least 1; the cost `read`, at least 0, of a token that a model reads in a prefill rather than decodes; and
    /// the router's escalations per step that needs one, at least 1: 1 for a router that is never wrong.
    ///
    /// # Errors
    /// [`CostError::Number`] for a number out of its range.
    pub fn new(steps: f64, read: f64, excess: f64) -> Result<Self, CostError> {
        let checked = [
            ("steps a problem", steps, 1.0, "finite and at least 1"),
            ("cost of reading a token", read, 0.0, "finite and at least 0"),
            ("escalations per step that needs one", excess, 1.0, "finite and at least 1"),
        ];
        match checked.into_iter().find(|(_, found, least, _)| !(found.is_finite() && found >= least)) {
            Some((what, found, _, expected)) => {
                Err(CostError::Number { name: "payoff".to_owned(), what, expected, found })
            }
            None => Ok(Self { steps, read, excess }),
        }
    }

    /// Share of the steps that are escalated, for a draft that solves the share `accuracy` of what its target solves, in [0, 1].
    pub fn escalated(&self, accuracy: f64) -> f64 {
        (self.excess * (1.0 - accuracy.clamp(0.0, 1.0).powf(1.0 / self.steps))).min(1.0)
    }

    /// Speed relative to the target alone at its accuracy. `cost_ratio` is how many times as long the target takes to decode a token as
    /// the draft.
    pub fn speed_up(&self, cost_ratio: f64, accuracy: f64) -> f64 {
        1.0 / self.step(cost_ratio).relative(self.escalated(accuracy))
    }

    /// The time of a step, in those that the target takes to write it.
    fn step(&self, cost_ratio: f64) -> StepSeconds {
        let draft = 1.0 / cost_ratio;
        let (target_catch_up, draft_catch_up) = (self.read, self.read * draft);
        StepSeconds { draft, router: 0.0, target: 1.0, target_catch_up, draft_catch_up }
    }

    /// The least accuracy, as a share of the target's, at which the pair is `speed_up` times as fast as its target alone. `None` where
    /// even a draft that solves everything is not.
    pub fn least_accuracy(&self, cost_ratio: f64, speed_up: f64) -> Option<f64> {
        // The time is linear in the share of escalated steps.
        let [none, all] = [0.0, 1.0].map(|escalated| self.step(cost_ratio).relative(escalated));
        let escalated = (1.0 / speed_up - none) / (all - none);
        match escalated {
            _ if escalated >= 1.0 => Some(0.0), // even where every step is escalated
            _ if escalated >= 0.0 => Some((1.0 - escalated / self.excess).powf(self.steps)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The least accuracy is where the speed-up is reached, and a worse draft does not reach it.
        #[test]
        fn the_least_accuracy_is_the_inverse_of_the_speed_up(
            steps in 1.0..20.0f64, read in 0.0..0.9f64, excess in 1.0..3.0f64, ratio in 1.0..20.0f64, speed_up in 0.5..5.0f64,
        ) {
            let payoff = Payoff::new(steps, read, excess).unwrap();
            match payoff.least_accuracy(ratio, speed_up) {
                Some(least) => {
                    prop_assert!(payoff.speed_up(ratio, least) >= speed_up * (1.0 - 1e-9));
                    prop_assert!(least < 1e-9 || payoff.speed_up(ratio, least * 0.99) < speed_up);
                }
                None => prop_assert!(payoff.speed_up(ratio, 1.0) < speed_up),
            }
        }

        /// A router with needless escalations is never faster than one without.
        #[test]
        fn needless_escalations_cost(accuracy in 0.0..=1.0f64, ratio in 1.0..20.0f64, excess in 1.0..3.0f64) {
            let of = |excess| Payoff::new(4.0, 0.2, excess).unwrap().speed_up(ratio, accuracy);
            prop_assert!(of(excess) <= of(1.0) * (1.0 + 1e-12));
        }
    }

    #[test]
    fn a_perfect_draft_costs_itself_and_the_reading() {
        let payoff = Payoff::new(3.0, 0.25, 2.0).unwrap();
        assert_eq!(payoff.escalated(1.0), 0.0);
        assert!((payoff.speed_up(4.0, 1.0) - 2.0).abs() < 1e-12);
        assert_eq!(payoff.escalated(0.0), 1.0);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (steps, read, excess, part) in [
            (0.5, 0.1, 1.0, "steps"),
            (4.0, -0.1, 1.0, "reading"),
            (4.0, f64::NAN, 1.0, "reading"),
            (4.0, 0.1, 0.5, "escalations"),
        ] {
            let error = Payoff::new(steps, read, excess).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
