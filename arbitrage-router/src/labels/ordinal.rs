//! Ordered classes, predicted by outputs `P(class > k)` (paper, App. D).

use super::LabelError;

/// The `count − 1` targets of an ordinal head: target `k` is 1 where the class is above `k`, else 0.
pub fn ordinal_targets(class: usize, count: usize) -> Vec<f32> {
    (0..count.saturating_sub(1)).map(|k| if class > k { 1.0 } else { 0.0 }).collect()
}

/// Class probabilities from the `count − 1` outputs `P(class > k)` of an ordinal head.
///
/// The outputs should fall with `k`, but nothing forces a head to do so. An output that is greater than its predecessor is
/// lowered to it, so that no class gets a negative probability.
///
/// # Errors
/// [`LabelError::Parameter`] for an output outside of [0, 1].
pub fn class_probabilities(above: &[f32]) -> Result<Vec<f32>, LabelError> {
    let mut left = 1.0_f32;
    let mut shares = Vec::with_capacity(above.len() + 1);
    for (k, &output) in above.iter().enumerate() {
        if !(0.0..=1.0).contains(&output) {
            return Err(LabelError::parameter(format!("P(class > {k})"), "a number in 0..=1", output));
        }
        let next = output.min(left);
        shares.push(left - next);
        left = next;
    }
    shares.push(left);
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn probabilities_add_up_for_any_outputs(above in prop::collection::vec(0.0f32..=1.0, 0..9)) {
            let shares = class_probabilities(&above).unwrap();
            prop_assert_eq!(shares.len(), above.len() + 1);
            prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
            prop_assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }

        #[test]
        fn falling_outputs_are_kept(mut above in prop::collection::vec(0.0f32..=1.0, 1..9)) {
            above.sort_by(|a, b| b.total_cmp(a));
            let shares = class_probabilities(&above).unwrap();
            for (k, answer) in above.iter().enumerate() {
                prop_assert!((shares[k + 1..].iter().sum::<f32>() - answer).abs() < 1e-5);
            }
        }

        #[test]
        fn certain_outputs_give_the_class(count in 1usize..9, class in 0usize..9) {
            prop_assume!(class < count);
            let shares = class_probabilities(&ordinal_targets(class, count)).unwrap();
            let expected: Vec<f32> = (0..count).map(|c| if c == class { 1.0 } else { 0.0 }).collect();
            prop_assert_eq!(shares, expected);
        }
    }

    #[test]
    fn a_rising_output_is_lowered() {
        assert_eq!(class_probabilities(&[0.5, 0.75, 0.25]).unwrap(), [0.5, 0.0, 0.25, 0.25]);
    }

    #[test]
    fn outputs_that_are_not_probabilities_are_refused() {
        for bad in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
            let error = class_probabilities(&[0.5, bad]).unwrap_err().to_string();
            assert!(error.starts_with("P(class > 1): expected"), "{error}");
        }
    }
}
