//! What the benchmarks share: engines to measure, the machine's limits, the report, and models made up on the spot.

pub mod engines;
pub mod lean;
pub mod machine;
pub mod neighbours;
pub mod report;
pub mod synthetic;

use std::process::ExitCode;

/// Why a benchmark stopped, in words for whoever started it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Tells a failure as it is worded, which returning it from `main` would quote.
pub fn finish(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The middle of `values`, or the mean of the middle two; NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}
