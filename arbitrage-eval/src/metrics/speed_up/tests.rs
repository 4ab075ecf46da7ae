//! Compares with sampling the curves at many accuracies.

use proptest::prelude::*;

use super::*;
use crate::metrics::curve::tests::curve;

fn points(rows: &[(f64, f64)]) -> Vec<Point> {
    rows.iter().map(|(cost, accuracy)| Point { tau: None, cost: *cost, accuracy: *accuracy }).collect()
}

/// The least cost at which the polyline reaches an accuracy.
fn slow_cost(points: &[Point], accuracy: f64) -> f64 {
    let mut points = points.to_vec();
    points.sort_by(|one, other| one.cost.total_cmp(&other.cost).then(other.accuracy.total_cmp(&one.accuracy)));
    if points[0].accuracy >= accuracy {
        return points[0].cost;
    }
    let pair = points.windows(2).find(|pair| pair[1].accuracy >= accuracy).unwrap();
    let share = (accuracy - pair[0].accuracy) / (pair[1].accuracy - pair[0].accuracy);
    pair[0].cost + share * (pair[1].cost - pair[0].cost)
}

fn grid() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((1u8..12, 0u8..9), 1..5)
        .prop_map(|rows| rows.iter().map(|(cost, accuracy)| (f64::from(*cost), f64::from(*accuracy) / 8.0)).collect())
}

proptest! {
    #[test]
    fn it_agrees_with_sampling(one in grid(), two in grid()) {
        let (one, two) = (points(&one), points(&two));
        let Ok(found) = matched(one.clone(), two.clone()) else {
            let span = |points: &[Point], pick: fn(f64, f64) -> f64, start| points.iter().map(|p| p.accuracy).fold(start, pick);
            let least = |points: &[Point]| span(points, f64::min, 2.0);
            let most = |points: &[Point]| span(points, f64::max, -1.0);
            prop_assert!(least(&one).max(least(&two)) > most(&one).min(most(&two)));
            return Ok(());
        };
        // All accuracies are multiples of 1/8, so that jumps fall between the samples.
        const PARTS: i32 = 840;
        let ratio = |at_one: f64, at_two: f64| slow_cost(&two, at_two) / slow_cost(&one, at_one);
        let width = found.to - found.from;
        let at = |part: i32| found.from + width * (f64::from(part) + 0.5) / f64::from(PARTS);
        let ratios: Vec<f64> = (0..PARTS).map(|part| ratio(at(part), at(part))).collect();
        let mean = ratios.iter().sum::<f64>() / f64::from(PARTS);
        prop_assert!((found.mean - mean).abs() < 1e-4 * mean, "{found:?} {mean}");
        let greatest = ratios.iter().copied().fold(0.0, f64::max);
        prop_assert!(found.greatest >= greatest * (1.0 - 1e-9), "{found:?} {greatest}");
        // The maximum is attained, at least as a limit from one side.
        let nearby = [found.at - 1e-9, found.at, found.at + 1e-9].map(|at| at.clamp(found.from, found.to));
        let near = nearby.iter().flat_map(|at_one| nearby.map(|at_two| ratio(*at_one, at_two)));
        prop_assert!(found.greatest <= near.fold(0.0, f64::max) * (1.0 + 1e-6), "{found:?}");
    }

    #[test]
    fn halving_the_costs_doubles_the_speed(rows in grid()) {
        let half: Vec<_> = rows.iter().map(|(cost, accuracy)| (cost / 2.0, *accuracy)).collect();
        let found = matched(points(&half), points(&rows)).unwrap();
        prop_assert!((found.greatest - 2.0).abs() < 1e-9 && (found.mean - 2.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn ratios_of_lines_have_this_mean(a in 0.1..9.0f64, b in 0.1..9.0f64, c in 0.1..9.0f64, d in 0.1..9.0f64) {
        const PARTS: i32 = 4_000;
        let mix = |ends: [f64; 2], part: i32| ends[0] + (ends[1] - ends[0]) * (f64::from(part) + 0.5) / f64::from(PARTS);
        let sum: f64 = (0..PARTS).map(|part| mix([a, b], part) / mix([c, d], part)).sum();
        prop_assert!((mean_ratio([a, b], [c, d]) - sum / f64::from(PARTS)).abs() < 1e-3 * (a + b) / c.min(d));
        let near = [c, c * 1.0099];
        let closed = { let run = near[1] - near[0]; (b - a) / run + (a - near[0] * (b - a) / run) * (near[1] / near[0]).ln() / run };
        prop_assert!((mean_ratio([a, b], near) - closed).abs() < 1e-7 * (1.0 + closed.abs()));
    }
}

#[test]
fn known_values() {
    // 2 to 4 seconds against 4 to 6 over the same accuracies: the ratio is 2 at the beginning and 1.5 at the end, with mean 1 + ln 2.
    let found = matched(points(&[(2.0, 0.5), (4.0, 0.75)]), points(&[(4.0, 0.5), (6.0, 0.75)])).unwrap();
    assert_eq!((found.greatest, found.at, found.from, found.to), (2.0, 0.5, 0.5, 0.75));
    assert!((found.mean - (1.0 + 2f64.ln())).abs() < 1e-12, "{found:?}");
}

#[test]
fn a_detour_that_gains_nothing_costs_nothing() {
    let plain = [(1.0, 0.5), (3.0, 1.0)];
    let detour = [(1.0, 0.5), (1.5, 0.5), (2.0, 0.25), (3.0, 1.0)];
    let found = matched(points(&plain), points(&detour)).unwrap();
    // After the dip the detour reaches 0.5 again at a cost of 2⅓, which the plain curve has at 1.
    assert!((found.greatest - 7.0 / 3.0).abs() < 1e-12 && found.at == 0.5, "{found:?}");
}

#[test]
fn one_accuracy_is_enough() {
    let found = matched(points(&[(2.0, 0.5)]), points(&[(3.0, 0.5), (4.0, 0.75)])).unwrap();
    assert_eq!((found.greatest, found.mean, found.from, found.to), (1.5, 1.5, 0.5, 0.5));
}

#[test]
fn incomparable_curves_give_an_error() {
    let (one, two) = (points(&[(1.0, 0.25), (2.0, 0.5)]), points(&[(1.0, 0.625)]));
    let apart = CompareError::NoCommonAccuracy { first: (0.25, 0.5), second: (0.625, 0.625) };
    assert_eq!(matched(one.clone(), two), Err(apart));
    assert_eq!(matched(one.clone(), Vec::new()), Err(CompareError::Empty { what: "point" }));
    assert_eq!(matched(one, points(&[(0.0, 0.5)])), Err(CompareError::NonPositiveCost { found: 0.0 }));
    let (few, many) = (curve("a", 3, &[(1.0, 2)]), curve("b", 4, &[(1.0, 2)]));
    assert!(matches!(speed_up(&few, &many, &Bootstrap::default()), Err(CompareError::Problems { .. })));
}

#[test]
fn intervals_are_pinned() {
    let (one, two) = (curve("a", 40, &[(1.0, 20), (2.0, 30)]), curve("b", 40, &[(1.5, 18), (3.0, 31)]));
    let found = speed_up(&one, &two, &Bootstrap::new(200, 0.9).unwrap().with_seed(1)).unwrap();
    // Computed by an independent implementation, including the random numbers.
    assert_eq!(format!("{:.4} {:.4}", found.greatest, found.mean), "1.7308 [1.5000, 2.0302] 1.5537 [1.4426, 1.6741]");
    assert_eq!((found.from, found.to), (0.5, 0.75));
}
