//! Speed-up at equal accuracy.

use arbitrage_router::metrics::{Bootstrap, Clusters, Interval};
use serde::{Deserialize, Serialize};

use super::frontier::Frontier;
use super::{CompareError, Curve, Point};

/// Cost of the second policy divided by that of the first, at equal accuracy: above 1 where the first is cheaper. The paper's 1.62× and
/// 1.97× over RSD (§5) are of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SpeedUp {
    /// The greatest ratio. As the maximum of many noisy ratios it is biased upwards, and its interval does not correct that.
    pub greatest: Interval,
    /// The accuracy at which it is found.
    pub at: f64,
    /// The mean ratio over the accuracies that both reach, with equal weight: the figure to rely on.
    pub mean: Interval,
    /// Least accuracy that both reach.
    pub from: f64,
    /// Greatest accuracy that both reach.
    pub to: f64,
}

/// Compares two curves at the accuracies that both reach. Curves are straight between their points; the cost of an accuracy is the least at
/// which the curve reaches it. The bootstrap resamples problems, the same ones for both curves and all of their points.
///
/// # Errors
/// [`CompareError`] for curves of different problems, without a point, with a cost that is not above 0, or with no accuracy in common.
pub fn speed_up(first: &Curve, second: &Curve, bootstrap: &Bootstrap) -> Result<SpeedUp, CompareError> {
    first.same_problems(second)?;
    let Matched { at, from, to, .. } = matched(first.points(), second.points())?;
    let problems = Clusters::new(0..first.problems());
    let range = |figure: fn(Matched) -> f64| {
        let statistic = |weights: &[u32]| matched(first.weighted(weights), second.weighted(weights)).ok().map(figure);
        bootstrap.interval(&problems, statistic).ok_or(CompareError::NoResample)
    };
    Ok(SpeedUp { greatest: range(|found| found.greatest)?, at, mean: range(|found| found.mean)?, from, to })
}

/// [`SpeedUp`] without intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Matched {
    greatest: f64,
    at: f64,
    mean: f64,
    from: f64,
    to: f64,
}

fn matched(first: Vec<Point>, second: Vec<Point>) -> Result<Matched, CompareError> {
    let (one, two) = (Frontier::new(first)?, Frontier::new(second)?);
    let (spans, inner) = ((one.span(), two.span()), |breaks: f64, from, to| from < breaks && breaks < to);
    let (from, to) = (spans.0.0.max(spans.1.0), spans.0.1.min(spans.1.1));
    if from > to {
        return Err(CompareError::NoCommonAccuracy { first: spans.0, second: spans.1 });
    }
    let mut breaks: Vec<f64> = one.breaks().chain(two.breaks()).filter(|at| inner(*at, from, to)).collect();
    breaks.extend([from, to]);
    breaks.sort_by(f64::total_cmp);
    let mut found = Matched { greatest: f64::NEG_INFINITY, at: from, mean: 0.0, from, to };
    for piece in breaks.windows(2).filter(|piece| piece[0] < piece[1] || from == to) {
        let [Some(below), Some(above)] = [&one, &two].map(|frontier| frontier.costs(piece[0], piece[1])) else {
            continue;
        };
        for end in [0, 1] {
            let ratio = above[end] / below[end];
            if ratio > found.greatest {
                (found.greatest, found.at) = (ratio, piece[end]);
            }
        }
        let share = if from == to { 1.0 } else { (piece[1] - piece[0]) / (to - from) };
        found.mean += share * mean_ratio(above, below);
    }
    Ok(found)
}

/// Mean of `above / below` where both change linearly from their first to their second value. `below` is positive.
fn mean_ratio(above: [f64; 2], below: [f64; 2]) -> f64 {
    let (rise, run) = (above[1] - above[0], below[1] - below[0]);
    // The closed form cancels numerically where `below` hardly changes; Simpson's rule is accurate enough there.
    if run.abs() > 0.01 * below[0] {
        rise / run + (above[0] - below[0] * rise / run) * (below[1] / below[0]).ln() / run
    } else {
        let middle = (above[0] + above[1]) / (below[0] + below[1]);
        (above[0] / below[0] + 4.0 * middle + above[1] / below[1]) / 6.0
    }
}

#[cfg(test)]
mod tests;
