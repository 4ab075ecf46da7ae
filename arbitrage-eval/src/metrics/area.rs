//! Area under the accuracy–cost curve.

use arbitrage_router::metrics::{Bootstrap, Clusters, Interval};

use super::{CompareError, Curve, Point};

/// The two models alone, as curves of one point each: the ends of the area.
#[derive(Clone, Copy, Debug)]
pub struct AreaEnds<'c> {
    /// The draft alone.
    pub draft: &'c Curve,
    /// The target alone.
    pub target: &'c Curve,
}

/// Area under the accuracy–cost curve, scaled so that the draft alone is at (0, 0) and the target alone at (1, 1). It is ½ for the straight
/// line between the two, which choosing a model at random per problem achieves; greater is better. Points that cost less than the draft or
/// more than the target are ignored, since the model alone would be the better choice there. `None` unless the target both costs more and
/// is more accurate.
///
/// # Errors
/// [`CompareError`] for curves over different problems.
pub fn area(curve: &Curve, ends: AreaEnds<'_>, bootstrap: &Bootstrap) -> Result<Option<Interval>, CompareError> {
    curve.same_problems(ends.draft)?;
    curve.same_problems(ends.target)?;
    let statistic = |weights: &[u32]| {
        let (draft, target) = (*ends.draft.weighted(weights).first()?, *ends.target.weighted(weights).first()?);
        between(&curve.weighted(weights), draft, target)
    };
    Ok(bootstrap.interval(&Clusters::new(0..curve.problems()), statistic))
}

fn between(points: &[Point], draft: Point, target: Point) -> Option<f64> {
    let (added_cost, added_accuracy) = (target.cost - draft.cost, target.accuracy - draft.accuracy);
    if added_cost <= 0.0 || added_accuracy <= 0.0 {
        return None;
    }
    let scaled =
        |point: &Point| [(point.cost - draft.cost) / added_cost, (point.accuracy - draft.accuracy) / added_accuracy];
    let mut corners: Vec<[f64; 2]> = points.iter().map(scaled).filter(|[cost, _]| *cost > 0.0 && *cost < 1.0).collect();
    corners.extend([[0.0, 0.0], [1.0, 1.0]]);
    // Of points with equal cost the most accurate counts.
    corners.sort_by(|one, other| one[0].total_cmp(&other[0]).then(other[1].total_cmp(&one[1])));
    corners.dedup_by_key(|corner| corner[0]);
    Some(corners.windows(2).map(|pair| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]) / 2.0).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::curve::tests::curve;
    use proptest::prelude::*;

    fn point(cost: f64, accuracy: f64) -> Point {
        Point { tau: None, cost, accuracy }
    }

    const DRAFT: Point = Point { tau: None, cost: 1.0, accuracy: 0.25 };
    const TARGET: Point = Point { tau: None, cost: 3.0, accuracy: 0.75 };

    #[test]
    fn known_values() {
        assert_eq!(between(&[], DRAFT, TARGET), Some(0.5));
        assert_eq!(between(&[point(2.0, 0.5)], DRAFT, TARGET), Some(0.5));
        assert_eq!(between(&[point(2.0, 0.75)], DRAFT, TARGET), Some(0.75));
        assert_eq!(
            between(&[point(2.0, 0.75), point(2.0, 0.5), point(4.0, 1.0), point(0.5, 1.0)], DRAFT, TARGET),
            Some(0.75)
        );
        assert_eq!(between(&[], TARGET, DRAFT), None);
        assert_eq!(between(&[], DRAFT, point(3.0, 0.25)), None);
    }

    proptest! {
        /// Against the sum of thin columns under the curve.
        #[test]
        fn it_is_the_sum_of_columns(rows in prop::collection::vec((1u8..20, 0u8..9), 0..6)) {
            let points: Vec<Point> =
                rows.iter().map(|(cost, right)| point(1.0 + f64::from(*cost) / 10.0, f64::from(*right) / 8.0)).collect();
            let ends = [DRAFT, TARGET];
            let best = |cost: f64| {
                let same = points.iter().chain(&ends).filter(|point| point.cost == cost);
                same.map(|point| point.accuracy).fold(f64::MIN, f64::max)
            };
            let within = |point: &&Point| point.cost > 1.0 && point.cost < 3.0;
            let mut costs: Vec<f64> = points.iter().filter(within).map(|point| point.cost).chain([1.0, 3.0]).collect();
            costs.sort_by(f64::total_cmp);
            let height = |cost: f64| {
                let right = costs.iter().position(|known| *known >= cost).unwrap().max(1);
                let (from, to) = (costs[right - 1], costs[right]);
                let at = if to > from { (cost - from) / (to - from) } else { 0.0 };
                (best(from) * (1.0 - at) + best(to) * at - 0.25) / 0.5
            };
            const COLUMNS: i32 = 4_000;
            let sum: f64 = (0..COLUMNS).map(|column| height(1.0 + 2.0 * (f64::from(column) + 0.5) / f64::from(COLUMNS))).sum();
            let found = between(&points, DRAFT, TARGET).unwrap();
            prop_assert!((found - sum / f64::from(COLUMNS)).abs() < 2e-3, "{found}");
        }
    }

    #[test]
    fn resamples_without_a_gap_are_counted() {
        let [draft, target] = [[(1.0, 2)], [(2.0, 4)]].map(|setting| curve("end", 8, &setting));
        let ends = AreaEnds { draft: &draft, target: &target };
        let found = area(&curve("a", 8, &[(1.5, 4)]), ends, &Bootstrap::default()).unwrap().unwrap();
        assert_eq!(found.value, 0.75);
        assert!(found.undefined > 0 && found.undefined < 400, "{found:?}");
        assert!(area(&curve("a", 7, &[(1.5, 4)]), ends, &Bootstrap::default()).is_err());
    }
}
