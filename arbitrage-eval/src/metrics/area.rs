//! One number for a curve.

use arbitrage_router::metrics::{Bootstrap, Clusters};

use super::{CompareError, Curve, Point, Range};

/// Area under the accuracy–cost curve, with draft only as the origin and target only as the unit of both: ½ for the straight line
/// between the two, which a coin realises, and the greater the better. Points that cost less than the draft or more than the target
/// are left out, since whoever has the choice would take these; the curve begins and ends at the two. `None` unless the target is both
/// dearer and more accurate.
///
/// `draft` and `target` are curves of one point.
///
/// # Errors
/// [`CompareError`] for curves over different problems.
pub fn area(
    curve: &Curve,
    (draft, target): (&Curve, &Curve),
    bootstrap: &Bootstrap,
) -> Result<Option<Range>, CompareError> {
    curve.same_problems(draft)?;
    curve.same_problems(target)?;
    let statistic = |weights: &[u32]| {
        let ends = (*draft.weighted(weights).first()?, *target.weighted(weights).first()?);
        between(&curve.weighted(weights), ends)
    };
    Ok(bootstrap.interval(&Clusters::new(0..curve.problems()), statistic).map(Range::from))
}

fn between(points: &[Point], (draft, target): (Point, Point)) -> Option<f64> {
    let (dearer, better) = (target.cost - draft.cost, target.accuracy - draft.accuracy);
    if dearer <= 0.0 || better <= 0.0 {
        return None;
    }
    let place = |point: &Point| [(point.cost - draft.cost) / dearer, (point.accuracy - draft.accuracy) / better];
    let mut places: Vec<[f64; 2]> = points.iter().map(place).filter(|[cost, _]| *cost > 0.0 && *cost < 1.0).collect();
    places.extend([[0.0, 0.0], [1.0, 1.0]]);
    // Of equal costs the best accuracy counts.
    places.sort_by(|one, other| one[0].total_cmp(&other[0]).then(other[1].total_cmp(&one[1])));
    places.dedup_by_key(|place| place[0]);
    Some(places.windows(2).map(|pair| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]) / 2.0).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::curve::tests::curve;
    use proptest::prelude::*;

    fn point(cost: f64, accuracy: f64) -> Point {
        Point { tau: None, cost, accuracy }
    }

    const ENDS: (Point, Point) =
        (Point { tau: None, cost: 1.0, accuracy: 0.25 }, Point { tau: None, cost: 3.0, accuracy: 0.75 });

    #[test]
    fn known_values() {
        assert_eq!(between(&[], ENDS), Some(0.5));
        assert_eq!(between(&[point(2.0, 0.5)], ENDS), Some(0.5));
        assert_eq!(between(&[point(2.0, 0.75)], ENDS), Some(0.75));
        assert_eq!(between(&[point(2.0, 0.75), point(2.0, 0.5), point(4.0, 1.0), point(0.5, 1.0)], ENDS), Some(0.75));
        assert_eq!(between(&[], (ENDS.1, ENDS.0)), None);
        assert_eq!(between(&[], (ENDS.0, point(3.0, 0.25))), None);
    }

    proptest! {
        /// Sums thin columns under the curve.
        #[test]
        fn it_is_the_sum_of_columns(rows in prop::collection::vec((1u8..20, 0u8..9), 0..6)) {
            let points: Vec<Point> =
                rows.iter().map(|(cost, right)| point(1.0 + f64::from(*cost) / 10.0, f64::from(*right) / 8.0)).collect();
            let ends = [ENDS.0, ENDS.1];
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
            let found = between(&points, ENDS).unwrap();
            prop_assert!((found - sum / f64::from(COLUMNS)).abs() < 2e-3, "{found}");
        }
    }

    #[test]
    fn resamples_without_a_gap_are_counted() {
        let [draft, target] = [[(1.0, 2)], [(2.0, 4)]].map(|setting| curve("end", 8, &setting));
        let found = area(&curve("a", 8, &[(1.5, 4)]), (&draft, &target), &Bootstrap::default()).unwrap().unwrap();
        assert_eq!(found.value, 0.75);
        assert!(found.undefined > 0 && found.undefined < 400, "{found:?}");
        assert!(area(&curve("a", 7, &[(1.5, 4)]), (&draft, &target), &Bootstrap::default()).is_err());
    }
}
