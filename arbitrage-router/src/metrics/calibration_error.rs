//! Whether estimates are probabilities.

use super::{MetricsError, Order, error};

/// Mean squared difference of estimates and labels, in [0, 1]; `None` without examples.
///
/// # Errors
/// [`MetricsError`] for estimates out of [0, 1] and series of different length.
pub fn brier(estimates: &[f32], labels: &[bool]) -> Result<Option<f64>, MetricsError> {
    check(estimates, labels)?;
    let squares = estimates.iter().zip(labels).map(|(p, y)| (f64::from(*p) - f64::from(u8::from(*y))).powi(2));
    Ok((!estimates.is_empty()).then(|| squares.sum::<f64>() / estimates.len() as f64))
}

/// Expected calibration error, in [0, 1]: the mean, over examples, of their bin's |mean estimate − share of label 1|.
/// `None` without examples.
///
/// The `bins` are of equal mass, and as many as there are examples at most: with bins of equal width, a router whose
/// estimates crowd in one place would be measured by one bin. Examples with one estimate share their labels' mean, so
/// that it is of no account in which order they come and where among them a bin ends.
///
/// # Errors
/// [`MetricsError`] for estimates out of [0, 1], no bins, and series of different length.
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

/// Estimate less mean label of its ties, in ascending order of the estimates.
fn gaps(estimates: &[f32], labels: &[bool]) -> Vec<f64> {
    let mut gaps = Vec::with_capacity(estimates.len());
    for group in Order::new(estimates).groups() {
        let ones = group.iter().filter(|place| labels[**place]).count();
        let mean = ones as f64 / group.len() as f64;
        gaps.extend(group.iter().map(|place| f64::from(estimates[*place]) - mean));
    }
    gaps
}

fn check(estimates: &[f32], labels: &[bool]) -> Result<(), MetricsError> {
    error::count("labels", estimates.len(), labels.len())?;
    error::probabilities("estimate", estimates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bins by definition: of `size` examples each, no two of which tie.
    fn slow(examples: &[(f32, bool)], size: usize) -> f64 {
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
        fn it_is_the_slow_one(labels in prop::collection::vec(any::<bool>(), 35), bins in 1usize..6, size in 1usize..8) {
            // 7919 is a prime, so that each estimate occurs once.
            let count = bins * size;
            let estimate = |at: usize| ((at * 7919) % count) as f32 / count as f32;
            let examples: Vec<(f32, bool)> = (0..count).map(|at| (estimate(at), labels[at])).collect();
            let (estimates, labels): (Vec<f32>, Vec<bool>) = examples.iter().copied().unzip();
            let found = expected_calibration_error(&estimates, &labels, bins).unwrap().unwrap();
            prop_assert!((found - slow(&examples, size)).abs() < 1e-9);
        }

        #[test]
        fn order_is_of_no_account(rows in prop::collection::vec((0u8..5, any::<bool>()), 1..40), bins in 1usize..9) {
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
    fn by_hand() {
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
    fn nothing_has_no_error_and_nonsense_is_refused() {
        assert_eq!(expected_calibration_error(&[], &[], 10).unwrap(), None);
        assert_eq!(brier(&[], &[]).unwrap(), None);
        assert!(expected_calibration_error(&[0.5], &[true], 0).is_err());
        for bad in [1.1, -0.1, f32::NAN] {
            assert!(expected_calibration_error(&[bad], &[true], 1).is_err() && brier(&[bad], &[true]).is_err());
        }
        assert!(brier(&[0.5], &[]).is_err());
    }
}
