//! The histogram of advantages.

use super::{Figure, heading};
use crate::report::BenchmarkRuns;
use crate::report::chart::{Axis, Histogram, HistogramBin};
use crate::report::number::{NumberFormat, counted};

const TITLE: &str = "Advantage of the target’s step";
/// Number of bins between −1 and 1.
const BINS: usize = 20;

/// The histogram of `Δ` over a collection's steps.
pub(crate) fn figure(id: String, benchmark: &BenchmarkRuns) -> Option<Figure> {
    let collection = benchmark.collection()?;
    let advantages: Vec<f32> = collection.trace.step_pairs().map(|(_, pair)| pair.advantage()).collect();
    let gains = advantages.iter().filter(|advantage| **advantage > 0.0).count();
    let share = 100.0 * gains as f64 / advantages.len().max(1) as f64;
    let (steps, problems) = (counted(advantages.len(), "step"), counted(collection.trace.problems.len(), "problem"));
    let caption = format!(
        "Number of steps by Δ = s_t − s_d, the target’s score minus the draft’s after the same prefix, in {}: {steps} of {problems}. \
         The target’s step is better (highlighted) in {share:.1}% of them.",
        collection.run.label
    );
    let histogram = Histogram {
        heading: heading(id, TITLE, &caption),
        x: Axis::new("advantage Δ", NumberFormat::Score).reaching([-1.0, 1.0]),
        y: Axis::new("steps", NumberFormat::Count),
        bins: counts(&advantages).into_iter().enumerate().map(|(index, count)| histogram_bin(index, count)).collect(),
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: histogram.svg() })
}

/// Number of steps in each bin. Bins include their upper end, so that `Δ = 0` is not counted as a gain.
fn counts(advantages: &[f32]) -> Vec<usize> {
    let mut counts = vec![0; BINS];
    for advantage in advantages {
        let bin = ((f64::from(*advantage) + 1.0) * BINS as f64 / 2.0).ceil() as usize;
        counts[bin.clamp(1, BINS) - 1] += 1;
    }
    counts
}

fn histogram_bin(index: usize, count: usize) -> HistogramBin {
    let end = |bin: usize| -1.0 + 2.0 * bin as f64 / BINS as f64;
    let range = (end(index), end(index + 1));
    let title = format!("{} above {:.1}, up to {:.1}", counted(count, "step"), range.0, range.1);
    HistogramBin { range, count: count as f64, highlighted: index >= BINS / 2, title }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_advantage_is_not_a_gain() {
        let counts = counts(&[-1.0, 0.0, 1e-6, 0.05, 1.0, -0.05]);
        assert_eq!((counts[0], counts[9], counts[10], counts[19]), (1, 2, 2, 1));
        assert_eq!(counts.iter().sum::<usize>(), 6);
    }
}
