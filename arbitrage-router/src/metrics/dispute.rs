//! Where two ways to choose steps part.

use super::{MetricsError, Order, error};

/// What two ways to choose steps choose differently at one budget of calls.
///
/// A step that both escalate, or neither, counts alike in both sums of `Δ` (Theorem B.1), whatever its `Δ` is. So a comparison
/// of the two needs labels of the disputed steps alone, which are few where labels are dear, as those of roll-outs are.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispute {
    /// For each step, how much of it the first escalates more than the second, in −1 ..= 1; parts of a step where the last
    /// call falls among equal estimates.
    more: Vec<f64>,
    calls: f64,
}

impl Dispute {
    /// `one` against `other`, an estimate a step each, when either escalates the `calls` steps with the greatest estimates.
    ///
    /// # Errors
    /// [`MetricsError`] for numbers that are not finite, series of different length, and calls that are not more than 0 and at
    /// most as many as there are steps.
    pub fn new(one: &[f32], other: &[f32], calls: f64) -> Result<Self, MetricsError> {
        error::count("estimates", one.len(), other.len())?;
        error::finite("estimate", one)?;
        error::finite("estimate", other)?;
        if !(calls > 0.0 && calls <= one.len() as f64) {
            let expected = format!("more than 0 and at most {}", one.len());
            return Err(MetricsError::Parameter { what: "budget in calls", expected, found: calls });
        }
        let [one, other] = [one, other].map(|estimates| escalated(estimates, calls));
        Ok(Self { more: one.iter().zip(&other).map(|(one, other)| one - other).collect(), calls })
    }

    /// The disputed steps, ascending.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.more.len()).filter(|place| self.more[*place].abs() > ROUNDING)
    }

    /// Which share of its calls the first makes where the second does not, which is that of the second's, too.
    pub fn share(&self) -> f64 {
        self.more.iter().filter(|more| **more > 0.0).sum::<f64>() / self.calls
    }

    /// The mean `Δ` of a call by the first way less that by the second, with step `i` there `weights[i]` times. Advantages that
    /// are `None` are unknown: the means of the disputed steps are then those of the known ones, which is right as far as these
    /// were picked without regard to `Δ`.
    ///
    /// `None` where all disputed calls of one way are unknown or weigh nothing, though there are some; also for other numbers of
    /// weights or advantages than of steps.
    pub fn lead(&self, advantages: &[Option<f32>], weights: &[u32]) -> Option<f64> {
        if advantages.len() != self.more.len() || weights.len() != self.more.len() {
            return None;
        }
        let share = self.share();
        if share <= ROUNDING {
            return Some(0.0);
        }
        Some(share * (self.mean(advantages, weights, 1.0)? - self.mean(advantages, weights, -1.0)?))
    }

    /// Mean advantage of the disputed steps of one side.
    fn mean(&self, advantages: &[Option<f32>], weights: &[u32], side: f64) -> Option<f64> {
        let (mut sum, mut size) = (0.0, 0.0);
        for ((more, advantage), weight) in self.more.iter().zip(advantages).zip(weights) {
            let (part, Some(advantage)) = ((side * more).max(0.0) * f64::from(*weight), advantage) else { continue };
            sum += part * f64::from(*advantage);
            size += part;
        }
        (size > 0.0).then(|| sum / size)
    }
}

/// How much of each step is escalated: 1 or 0, and of equal estimates at the last call an equal part each.
fn escalated(estimates: &[f32], calls: f64) -> Vec<f64> {
    let mut parts = vec![0.0; estimates.len()];
    let mut left = calls;
    for group in Order::new(estimates).groups().rev() {
        let part = (left / group.len() as f64).clamp(0.0, 1.0);
        group.iter().for_each(|place| parts[*place] = part);
        left -= part * group.len() as f64;
    }
    parts
}

/// What the difference of two equal parts may come to.
const ROUNDING: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::{Budget, CapturedAdvantage};

    proptest! {
        #[test]
        fn the_lead_is_the_difference_of_the_sums(
            steps in prop::collection::vec((0i8..5, 0i8..5, -4i8..5), 1..40), share in 0.01f64..1.0
        ) {
            let numbers = |pick: fn(&(i8, i8, i8)) -> i8| steps.iter().map(|step| f32::from(pick(step))).collect::<Vec<_>>();
            let (one, other, advantages) = (numbers(|s| s.0), numbers(|s| s.1), numbers(|s| s.2));
            let calls = share * steps.len() as f64;
            let dispute = Dispute::new(&one, &other, calls).unwrap();
            let ones = vec![1; steps.len()];
            let sum = |estimates: &[f32]| {
                CapturedAdvantage::new(estimates, &advantages).unwrap().point(&ones, Budget::Calls(calls)).unwrap().router
            };
            let known: Vec<_> = advantages.iter().copied().map(Some).collect();
            let lead = dispute.lead(&known, &ones).unwrap();
            prop_assert!((lead - (sum(&one) - sum(&other)) / calls).abs() < 1e-6, "{lead}");
            // Nothing but the disputed steps is read.
            let places: Vec<usize> = dispute.places().collect();
            let needed = (0..steps.len()).map(|at| known[at].filter(|_| places.contains(&at))).collect::<Vec<_>>();
            prop_assert!((dispute.lead(&needed, &ones).unwrap() - lead).abs() < 1e-9);
            // The other way about it is as much behind.
            let back = Dispute::new(&other, &one, calls).unwrap();
            prop_assert!((back.lead(&known, &ones).unwrap() + lead).abs() < 1e-6);
        }
    }

    #[test]
    fn unknown_steps_are_left_out_of_the_means() {
        let dispute = Dispute::new(&[3.0, 2.0, 0.0, 0.0], &[0.0, 0.0, 3.0, 2.0], 2.0).unwrap();
        assert_eq!((dispute.places().collect::<Vec<_>>(), dispute.share()), (vec![0, 1, 2, 3], 1.0));
        let lead = |advantages: [Option<f32>; 4], weights: [u32; 4]| dispute.lead(&advantages, &weights);
        assert_eq!(lead([Some(1.0), None, Some(0.0), Some(0.5)], [1; 4]), Some(0.75));
        assert_eq!(lead([Some(1.0), Some(0.0), Some(0.0), Some(0.5)], [1, 3, 0, 1]), Some(-0.25));
        assert_eq!(lead([None, None, Some(0.0), Some(0.5)], [1; 4]), None);
        assert_eq!(lead([Some(1.0); 4], [0, 0, 1, 1]), None);
        assert_eq!(dispute.lead(&[Some(1.0)], &[1]), None);
    }

    #[test]
    fn who_chooses_alike_has_no_dispute() {
        let dispute = Dispute::new(&[0.1, 0.9, 0.5], &[1.0, 9.0, 5.0], 1.5).unwrap();
        assert_eq!((dispute.places().count(), dispute.lead(&[None; 3], &[1; 3])), (0, Some(0.0)));
    }

    #[test]
    fn nonsense_is_refused() {
        for calls in [0.0, -1.0, 2.5, f64::NAN, f64::INFINITY] {
            assert!(Dispute::new(&[0.0, 1.0], &[1.0, 0.0], calls).is_err(), "{calls}");
        }
        assert!(Dispute::new(&[0.0], &[0.0, 1.0], 1.0).is_err());
        assert!(Dispute::new(&[f32::NAN], &[0.0], 1.0).is_err());
    }
}
