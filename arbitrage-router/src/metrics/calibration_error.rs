//! How far estimates are from calibrated probabilities.

use super::{MetricsError, SortedGroups, error};

/// Brier score: the mean squared difference of estimates and labels, in [0, 1]. `None` without examples.
///
/// # Errors
/// [`MetricsError`] for estimates out of [0, 1] and series of different length.
pub fn brier(estimates: &[f32], labels: &[bool]) -> Result<Option<f64>, MetricsError> {
    check(estimates, labels)?;
    let squares = estimates.iter().zip(labels).map(|(p, y)| (f64::from(*p) - f64::from(u8::from(*y))).powi(2));
    Ok((!estimates.is_empty()).then(|| squares.sum::<f64>() / estimates.len() as f64))
}

/// Expected calibration error, in [0, 1]: the mean over examples of |mean estimate − share of label 1| in the example's
/// bin. `None` without examples.
///
/// The `bins` hold equally many examples, and there are at most as many bins as examples. With bins of equal width, a
/// router whose estimates lie close together would be measured by a single bin. Examples with the same estimate share
/// the mean of their labels, so neither their order nor a bin edge among them changes the result.
///
/// # Errors
/// [`MetricsError`] for estimates out of [0, 1], zero bins, and series of different length.
pub fn expected_calibration_error(
    estimates: &[f32],
    labels: &[bool],
    bins: usize,
) -> Result<Option<f64>, MetricsError> {
    check(estimates, labels)?;
    if bins == 0 {
        return Err(MetricsError::Parameter { what: "bins", expected: "at least 1".to_owned(), found: 0.0 });
    }
    let gaps = gaps(estimates, labels);
    let (count, bins) = (gaps.len(), bins.min(gaps.len()));
    let edge = |bin: usize| (bin as u128 * count as u128 / bins as u128) as usize;
    let error: f64 = (0..bins).map(|bin| gaps[edge(bin)..edge(bin + 1)].iter().sum::<f64>().abs()).sum();
    Ok((count > 0).then(|| error / count as f64))
}

/// For each example, in ascending order of estimates: its estimate minus the mean label of the examples with that
/// estimate.
fn gaps(estimates: &[f32], labels: &[bool]) -> Vec<f64> {
    let mut gaps = Vec::with_capacity(estimates.len());
    for group in SortedGroups::new(estimates).groups() {
        let ones = group.iter().filter(|index| labels[**index]).count();
        let mean = ones as f64 / group.len() as f64;
        gaps.extend(group.iter().map(|index| f64::from(estimates[*index]) - mean));
    }
    gaps
}

fn check(estimates: &[f32], labels: &[bool]) -> Result<(), MetricsError> {
    error::check_len("labels", estimates.len(), labels.len())?;
    error::check_probabilities("estimate", estimates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition for bins of `size` examples each and no ties.
    fn by_definition(examples: &[(f32, bool)], size: usize) -> f64 {
        let mut sorted = examples.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let gap = |bin: &[(f32, bool)]| {
            let estimate = bin.iter().map(|e| f64::from(e.0)).sum::<f64>() / bin.len() as f64;
            let ones = bin.iter().filter(|e| e.1).count() as f64 / bin.len() as f64;
            (estimate - ones).abs()
        };
        sorted.chunks(size).map(gap).sum::<f64>() / sorted.chunks(size).len() as f64
    }

    proptest! {
        #[test]
        fn it_matches_the_definition(labels in prop::collection::vec(any::<bool>(), 35), bins in 1usize..6, size in 1usize..8) {
            // 7919 is a prime, so that each estimate occurs once.
            let count = bins * size;
            let estimate = |index: usize| ((index * 7919) % count) as f32 / count as f32;
            let examples: Vec<(f32, bool)> = (0..count).map(|index| (estimate(index), labels[index])).collect();
            let (estimates, labels): (Vec<f32>, Vec<bool>) = examples.iter().copied().unzip();
            let found = expected_calibration_error(&estimates, &labels, bins).unwrap().unwrap();
            prop_assert!((found - by_definition(&examples, size)).abs() < 1e-9);
        }

        #[test]
        fn the_order_of_examples_does_not_matter(rows in prop::collection::vec((0u8..5, any::<bool>()), 1..40), bins in 1usize..9) {
            let error = |rows: &[(u8, bool)]| {
                let (p, y): (Vec<f32>, Vec<bool>) = rows.iter().map(|row| (f32::from(row.0) / 4.0, row.1)).unzip();
                expected_calibration_error(&p, &y, bins).unwrap().unwrap()
            };
            let (mut sorted, found) = (rows.clone(), error(&rows));
            sorted.sort_unstable();
            prop_assert!((error(&sorted) - found).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&found));
        }
    }

    #[test]
    fn known_values() {
        let (estimates, labels) = ([0.25, 0.25, 0.25, 0.25, 1.0], [true, false, false, false, true]);
        for bins in [1, 2, 3, 5, 100] {
            assert_eq!(expected_calibration_error(&estimates, &labels, bins).unwrap(), Some(0.0));
        }
        assert_eq!(brier(&estimates, &labels).unwrap(), Some((0.5625 + 3.0 * 0.0625) / 5.0));
        assert_eq!(expected_calibration_error(&[0.0, 1.0], &[true, false], 2).unwrap(), Some(1.0));
        assert_eq!(expected_calibration_error(&[0.0, 1.0], &[true, false], 1).unwrap(), Some(0.0));
        assert_eq!(brier(&[0.0, 1.0], &[true, false]).unwrap(), Some(1.0));
    }

    #[test]
    fn no_examples_have_no_error_and_invalid_input_is_rejected() {
        assert_eq!(expected_calibration_error(&[], &[], 10).unwrap(), None);
        assert_eq!(brier(&[], &[]).unwrap(), None);
        assert!(expected_calibration_error(&[0.5], &[true], 0).is_err());
        for bad in [1.1, -0.1, f32::NAN] {
            assert!(expected_calibration_error(&[bad], &[true], 1).is_err() && brier(&[bad], &[true]).is_err());
        }
        assert!(brier(&[0.5], &[]).is_err());
    }
}
