//! Comparison of two policies by the steps on which they disagree.

use super::{MetricsError, SortedGroups, error};

/// The steps that two policies route differently when both have the same budget of target calls.
///
/// A step that both policies escalate, or neither does, contributes equally to both sums of `Δ` (Theorem B.1), whatever
/// its `Δ` is. Comparing the policies therefore needs labels of only the steps on which they disagree, which saves work
/// where labels are expensive, as those from roll-outs are.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDisagreement {
    /// For each step, the probability that the first policy escalates it minus the probability that the second does, in
    /// [−1, 1]. It is fractional where a policy's last call falls among equal estimates.
    differences: Vec<f64>,
    calls: f64,
}

/// Which of the two policies escalates a step.
#[derive(Clone, Copy)]
enum EscalatedBy {
    First,
    Second,
}

impl PolicyDisagreement {
    /// Compares two policies, given one estimate per step of each, when each escalates the `calls` steps with the
    /// greatest estimates.
    ///
    /// # Errors
    /// [`MetricsError`] for estimates that are not finite, series of different length, and a number of calls that is
    /// not more than 0 and at most the number of steps.
    pub fn new(first: &[f32], second: &[f32], calls: f64) -> Result<Self, MetricsError> {
        error::check_len("estimates", first.len(), second.len())?;
        error::check_finite("estimate", first)?;
        error::check_finite("estimate", second)?;
        if !(calls > 0.0 && calls <= first.len() as f64) {
            let expected = format!("more than 0 and at most {}", first.len());
            return Err(MetricsError::Parameter { what: "budget in calls", expected, found: calls });
        }
        let [first, second] = [first, second].map(|estimates| escalation_probabilities(estimates, calls));
        Ok(Self { differences: first.iter().zip(&second).map(|(first, second)| first - second).collect(), calls })
    }

    /// Indices of the steps that the policies route differently, ascending.
    pub fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.differences.len()).filter(|index| self.differences[*index].abs() > ROUNDING_TOLERANCE)
    }

    /// The share of each policy's calls that the other policy does not make, in [0, 1]. It is the same for both.
    pub fn share(&self) -> f64 {
        self.differences.iter().filter(|difference| **difference > 0.0).sum::<f64>() / self.calls
    }

    /// Mean `Δ` per call of the first policy minus that of the second, for a resample that contains step `i`
    /// `weights[i]` times. An advantage of `None` is unknown. The means over the steps in disagreement are then taken
    /// over those with known advantages, which is unbiased as long as the labelled steps were not selected by their
    /// `Δ`.
    ///
    /// `None` where the policies disagree but one of them has no disputed call of known advantage and positive weight;
    /// also where the number of weights or advantages is not the number of steps.
    pub fn mean_difference(&self, advantages: &[Option<f32>], weights: &[u32]) -> Option<f64> {
        if advantages.len() != self.differences.len() || weights.len() != self.differences.len() {
            return None;
        }
        let share = self.share();
        if share <= ROUNDING_TOLERANCE {
            return Some(0.0);
        }
        let mean = |by| self.mean_advantage(advantages, weights, by);
        Some(share * (mean(EscalatedBy::First)? - mean(EscalatedBy::Second)?))
    }

    /// Mean known advantage of the disputed steps that one of the policies escalates.
    fn mean_advantage(&self, advantages: &[Option<f32>], weights: &[u32], by: EscalatedBy) -> Option<f64> {
        let sign = match by {
            EscalatedBy::First => 1.0,
            EscalatedBy::Second => -1.0,
        };
        let (mut sum, mut size) = (0.0, 0.0);
        for ((difference, advantage), weight) in self.differences.iter().zip(advantages).zip(weights) {
            let Some(advantage) = advantage else { continue };
            let part = (sign * difference).max(0.0) * f64::from(*weight);
            sum += part * f64::from(*advantage);
            size += part;
        }
        (size > 0.0).then(|| sum / size)
    }
}

/// For each step, the probability that it is escalated: 1 or 0, and in between for equal estimates at the last call.
fn escalation_probabilities(estimates: &[f32], calls: f64) -> Vec<f64> {
    let mut probabilities = vec![0.0; estimates.len()];
    let mut left = calls;
    for group in SortedGroups::new(estimates).groups().rev() {
        let probability = (left / group.len() as f64).clamp(0.0, 1.0);
        group.iter().for_each(|index| probabilities[*index] = probability);
        left -= probability * group.len() as f64;
    }
    probabilities
}

/// Largest difference that rounding may cause between two equal probabilities.
const ROUNDING_TOLERANCE: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::{CallBudget, CapturedAdvantage};

    proptest! {
        #[test]
        fn the_mean_difference_is_the_difference_of_the_sums(
            steps in prop::collection::vec((0i8..5, 0i8..5, -4i8..5), 1..40), share in 0.01f64..1.0
        ) {
            let numbers = |pick: fn(&(i8, i8, i8)) -> i8| steps.iter().map(|step| f32::from(pick(step))).collect::<Vec<_>>();
            let (first, second, advantages) = (numbers(|s| s.0), numbers(|s| s.1), numbers(|s| s.2));
            let calls = share * steps.len() as f64;
            let disagreement = PolicyDisagreement::new(&first, &second, calls).unwrap();
            let ones = vec![1; steps.len()];
            let sum = |estimates: &[f32]| {
                CapturedAdvantage::new(estimates, &advantages).unwrap().point(&ones, CallBudget::Calls(calls)).unwrap().router
            };
            let known: Vec<_> = advantages.iter().copied().map(Some).collect();
            let found = disagreement.mean_difference(&known, &ones).unwrap();
            prop_assert!((found - (sum(&first) - sum(&second)) / calls).abs() < 1e-6, "{found}");
            // Only the advantages of the steps in dispute matter.
            let disputed: Vec<usize> = disagreement.steps().collect();
            let needed = (0..steps.len()).map(|index| known[index].filter(|_| disputed.contains(&index))).collect::<Vec<_>>();
            prop_assert!((disagreement.mean_difference(&needed, &ones).unwrap() - found).abs() < 1e-9);
            // Exchanging the policies changes the sign.
            let exchanged = PolicyDisagreement::new(&second, &first, calls).unwrap();
            prop_assert!((exchanged.mean_difference(&known, &ones).unwrap() + found).abs() < 1e-6);
        }
    }

    #[test]
    fn steps_of_unknown_advantage_are_left_out_of_the_means() {
        let disagreement = PolicyDisagreement::new(&[3.0, 2.0, 0.0, 0.0], &[0.0, 0.0, 3.0, 2.0], 2.0).unwrap();
        assert_eq!((disagreement.steps().collect::<Vec<_>>(), disagreement.share()), (vec![0, 1, 2, 3], 1.0));
        let difference =
            |advantages: [Option<f32>; 4], weights: [u32; 4]| disagreement.mean_difference(&advantages, &weights);
        assert_eq!(difference([Some(1.0), None, Some(0.0), Some(0.5)], [1; 4]), Some(0.75));
        assert_eq!(difference([Some(1.0), Some(0.0), Some(0.0), Some(0.5)], [1, 3, 0, 1]), Some(-0.25));
        assert_eq!(difference([None, None, Some(0.0), Some(0.5)], [1; 4]), None);
        assert_eq!(difference([Some(1.0); 4], [0, 0, 1, 1]), None);
        assert_eq!(disagreement.mean_difference(&[Some(1.0)], &[1]), None);
    }

    #[test]
    fn equal_rankings_do_not_disagree() {
        let disagreement = PolicyDisagreement::new(&[0.1, 0.9, 0.5], &[1.0, 9.0, 5.0], 1.5).unwrap();
        assert_eq!((disagreement.steps().count(), disagreement.mean_difference(&[None; 3], &[1; 3])), (0, Some(0.0)));
    }

    #[test]
    fn invalid_input_is_rejected() {
        for calls in [0.0, -1.0, 2.5, f64::NAN, f64::INFINITY] {
            assert!(PolicyDisagreement::new(&[0.0, 1.0], &[1.0, 0.0], calls).is_err(), "{calls}");
        }
        assert!(PolicyDisagreement::new(&[0.0], &[0.0, 1.0], 1.0).is_err());
        assert!(PolicyDisagreement::new(&[f32::NAN], &[0.0], 1.0).is_err());
    }
}
