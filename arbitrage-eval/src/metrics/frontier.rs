//! The least cost of reaching an accuracy.

use super::{CompareError, Point};

/// The least cost at which a curve reaches an accuracy. Between neighbouring points the curve is a straight line, since choosing one of the
/// two thresholds at random per problem achieves every point on it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frontier(Vec<Segment>);

/// A straight segment, from a lower accuracy to a higher one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    accuracy: [f64; 2],
    cost: [f64; 2],
}

impl Segment {
    fn cost(&self, accuracy: f64) -> f64 {
        let ([from, to], [low, high]) = (self.accuracy, self.cost);
        if to > from { low + (high - low) * (accuracy - from) / (to - from) } else { low }
    }
}

impl Frontier {
    /// The frontier of these points. It begins at the lowest of their accuracies.
    ///
    /// # Errors
    /// [`CompareError::Empty`] without a point, [`CompareError::NonPositiveCost`] for a cost that is not above 0.
    pub(crate) fn new(mut points: Vec<Point>) -> Result<Self, CompareError> {
        points.sort_by(|one, other| one.cost.total_cmp(&other.cost).then(other.accuracy.total_cmp(&one.accuracy)));
        let Some(first) = points.first().copied() else { return Err(CompareError::Empty { what: "point" }) };
        if first.cost <= 0.0 {
            return Err(CompareError::NonPositiveCost { found: first.cost });
        }
        let worst = points.iter().map(|point| point.accuracy).fold(first.accuracy, f64::min);
        let mut segments = vec![Segment { accuracy: [worst, first.accuracy], cost: [first.cost; 2] }];
        let mut reached = first.accuracy;
        for pair in points.windows(2).filter(|pair| pair[1].accuracy > pair[0].accuracy) {
            let [from, to] = [pair[0], pair[1]];
            if to.accuracy > reached {
                let whole = Segment { accuracy: [from.accuracy, to.accuracy], cost: [from.cost, to.cost] };
                segments.push(Segment { accuracy: [reached, to.accuracy], cost: [whole.cost(reached), to.cost] });
                reached = to.accuracy;
            }
        }
        Ok(Self(segments))
    }

    /// Least and greatest accuracy.
    pub(crate) fn span(&self) -> (f64, f64) {
        let [first, .., last] = &self.0[..] else { return (self.0[0].accuracy[0], self.0[0].accuracy[1]) };
        (first.accuracy[0], last.accuracy[1])
    }

    /// Accuracies at which segments end.
    pub(crate) fn breaks(&self) -> impl Iterator<Item = f64> {
        self.0.iter().flat_map(|segment| segment.accuracy)
    }

    /// The costs at both ends of an interval within one segment. Where the cost jumps at an end, this is the limit from inside the interval;
    /// for an interval of one accuracy it is the least cost.
    pub(crate) fn costs(&self, from: f64, to: f64) -> Option<[f64; 2]> {
        let holds = |segment: &&Segment| segment.accuracy[0] <= from && to <= segment.accuracy[1];
        self.0.iter().find(holds).map(|segment| [segment.cost(from), segment.cost(to)])
    }
}
