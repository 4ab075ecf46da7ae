use proptest::prelude::*;

use super::*;
use crate::metrics::expand;

/// Mean and maximum of `value` over the subsets of `count` out of `n` items that satisfy `keep`.
fn over_subsets(n: usize, count: usize, keep: impl Fn(u32) -> bool, value: impl Fn(u32) -> f64) -> (f64, f64) {
    let (mut sum, mut number, mut max) = (0.0, 0.0, f64::NEG_INFINITY);
    for set in (0u32..1 << n).filter(|set| set.count_ones() as usize == count && keep(*set)) {
        sum += value(set);
        number += 1.0;
        max = max.max(value(set));
    }
    (sum / number, max)
}

/// Sums of the router, the oracle and random choice. The router's is the mean over all sets that its estimates allow,
/// the oracle's the maximum over all sets of at most `calls` steps, that of random choice the mean over all sets of
/// `calls` steps.
fn by_enumeration(examples: &[(f32, f32)], calls: usize) -> (f64, f64, f64) {
    let n = examples.len();
    let gain =
        |set: u32| (0..n).filter(|index| set >> index & 1 == 1).map(|index| f64::from(examples[index].1)).sum::<f64>();
    let is_top = |set: u32| {
        let inside = (0..n).filter(|index| set >> index & 1 == 1);
        let mut outside = (0..n).filter(|index| set >> index & 1 == 0);
        outside.all(|out| inside.clone().all(|index| examples[index].0 >= examples[out].0))
    };
    let router = over_subsets(n, calls, is_top, gain).0;
    let oracle = (0..=calls).map(|c| over_subsets(n, c, |_| true, gain).1).fold(0.0, f64::max);
    (router, oracle, over_subsets(n, calls, |_| true, gain).0)
}

/// Draws from few values, so that there are ties.
fn examples(max: usize) -> impl Strategy<Value = Vec<(f32, f32)>> {
    let example = (0i8..4, -4i8..5).prop_map(|(estimate, advantage)| (f32::from(estimate), f32::from(advantage) / 4.0));
    prop::collection::vec(example, 1..max)
}

fn unzip(examples: &[(f32, f32)]) -> (Vec<f32>, Vec<f32>) {
    examples.iter().copied().unzip()
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (None, None)) || matches!((a, b), (Some(a), Some(b)) if (a - b).abs() < 1e-9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_matches_enumeration(examples in examples(9), calls in 0usize..9) {
        prop_assume!(calls <= examples.len());
        let (estimates, advantages) = unzip(&examples);
        let metric = CapturedAdvantage::new(&estimates, &advantages).unwrap();
        let point = metric.point(&vec![1; examples.len()], CallBudget::Calls(calls as f64)).unwrap();
        let (router, oracle, random) = by_enumeration(&examples, calls);
        prop_assert!((point.router - router).abs() < 1e-9, "{} {}", point.router, router);
        prop_assert!((point.oracle - oracle).abs() < 1e-9, "{} {}", point.oracle, oracle);
        prop_assert!((point.random - random).abs() < 1e-9, "{} {}", point.random, random);
        let expected = (oracle - random > 1e-9).then(|| (router - random) / (oracle - random));
        prop_assert!(close(point.captured, expected));
        prop_assert!(close(metric.at(CallBudget::Calls(calls as f64)).unwrap(), expected));
    }

    #[test]
    fn the_oracle_captures_everything_and_a_constant_nothing(examples in examples(30), share in 0.0..=1.0f64) {
        let (_, advantages) = unzip(&examples);
        let positives = advantages.iter().filter(|advantage| **advantage > 0.0).count() as f64;
        let all = captured_advantage(&advantages, &advantages, CallBudget::OfOracle(share)).unwrap();
        prop_assert!(all.is_none_or(|all| (all - 1.0).abs() < 1e-9), "{:?} of {}", all, positives);
        let none = captured_advantage(&vec![0.5; advantages.len()], &advantages, CallBudget::Share(share)).unwrap();
        prop_assert!(none.is_none_or(|none| none.abs() < 1e-9), "{:?}", none);
    }

    #[test]
    fn no_estimates_beat_the_oracle(examples in examples(30), share in 0.0..=1.0f64) {
        let (estimates, advantages) = unzip(&examples);
        let captured = captured_advantage(&estimates, &advantages, CallBudget::Share(share)).unwrap();
        prop_assert!(captured.is_none_or(|captured| captured <= 1.0 + 1e-9));
    }

    #[test]
    fn the_order_of_examples_does_not_matter(examples in examples(30), share in 0.0..=1.0f64) {
        let mut sorted = examples.clone();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let of = |examples: &[(f32, f32)]| {
            let (estimates, advantages) = unzip(examples);
            captured_advantage(&estimates, &advantages, CallBudget::Share(share)).unwrap()
        };
        prop_assert!(close(of(&examples), of(&sorted)));
    }

    #[test]
    fn weights_count_copies(
        examples in examples(15), weights in prop::collection::vec(0u32..4, 15),
        share in 0.0..=1.0f64, part in 0.0..1.0f64,
    ) {
        let (estimates, advantages) = unzip(&examples);
        let weights = &weights[..examples.len()];
        let metric = CapturedAdvantage::new(&estimates, &advantages).unwrap();
        let copies: Vec<(f32, f32)> = expand(weights).into_iter().map(|index| examples[index]).collect();
        let (estimates, advantages) = unzip(&copies);
        for budget in [CallBudget::Share(share), CallBudget::OfOracle(part)] {
            let expected = captured_advantage(&estimates, &advantages, budget).unwrap();
            prop_assert!(close(metric.weighted(weights, budget), expected));
        }
    }
}

#[test]
fn ties_at_the_last_call_count_with_their_mean() {
    let (estimates, advantages) = ([0.5, 0.5, 0.5, 0.1], [0.75, 0.0, 0.0, 0.25]);
    let metric = CapturedAdvantage::new(&estimates, &advantages).unwrap();
    let point = metric.point(&[1; 4], CallBudget::Calls(1.0)).unwrap();
    assert_eq!((point.router, point.oracle, point.random, point.captured), (0.25, 0.75, 0.25, Some(0.0)));
    assert_eq!(metric.point(&[1; 4], CallBudget::Calls(1.5)).unwrap().router, 0.375);
}

#[test]
fn the_oracle_does_not_spend_calls_on_losses() {
    let metric = CapturedAdvantage::new(&[0.9, 0.8, 0.1], &[0.5, -0.5, -0.25]).unwrap();
    let point = metric.point(&[1; 3], CallBudget::Calls(2.0)).unwrap();
    assert_eq!((point.router, point.oracle), (0.0, 0.5));
    for multiple in [0.25, 0.5, 1.0] {
        assert_eq!(metric.at(CallBudget::OfOracle(multiple)).unwrap(), Some(1.0));
    }
}

#[test]
fn captured_advantage_is_undefined_without_a_gain_over_random() {
    for (advantages, budget) in [
        (&[][..], CallBudget::Share(0.5)),
        (&[0.0, 0.0], CallBudget::Calls(1.0)),
        (&[0.3, 0.3, 0.3], CallBudget::Calls(1.0)),
        (&[0.1, 0.7, 0.2], CallBudget::Calls(3.0)),
        (&[0.1, -0.7, 0.2], CallBudget::Calls(0.0)),
    ] {
        let estimates = vec![0.5; advantages.len()];
        assert_eq!(captured_advantage(&estimates, advantages, budget).unwrap(), None, "{advantages:?} {budget:?}");
    }
}

#[test]
fn losses_of_a_forced_budget_are_negative() {
    // The oracle makes no call here, whereas a router has to spend its budget.
    let metric = CapturedAdvantage::new(&[0.9, 0.1], &[-0.5, -0.25]).unwrap();
    let point = metric.point(&[1; 2], CallBudget::Calls(1.0)).unwrap();
    assert_eq!((point.oracle, point.random, point.router), (0.0, -0.375, -0.5));
    assert!(point.captured.unwrap() < 0.0);
}

#[test]
fn the_curve_runs_from_no_calls_to_all() {
    let metric = CapturedAdvantage::new(&[0.9, 0.2, 0.6, 0.1], &[0.5, -0.25, 0.0, 0.25]).unwrap();
    let curve = metric.curve(4);
    assert_eq!(curve.iter().map(|point| point.calls).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(curve.iter().map(|point| point.router).collect::<Vec<_>>(), [0.0, 0.5, 0.5, 0.25, 0.5]);
    assert_eq!(curve.iter().map(|point| point.oracle).collect::<Vec<_>>(), [0.0, 0.5, 0.75, 0.75, 0.75]);
    assert_eq!(metric.curve(0).len(), 2);
}

#[test]
fn invalid_budgets_and_series_are_rejected() {
    let metric = CapturedAdvantage::new(&[0.9, 0.2], &[0.5, -0.5]).unwrap();
    for budget in [
        CallBudget::Calls(-1.0),
        CallBudget::Calls(3.0),
        CallBudget::Calls(f64::NAN),
        CallBudget::Share(1.5),
        CallBudget::OfOracle(-0.5),
        CallBudget::OfOracle(3.0),
        CallBudget::OfOracle(f64::INFINITY),
    ] {
        assert!(metric.at(budget).is_err(), "{budget:?}");
    }
    assert_eq!(metric.weighted(&[1], CallBudget::Calls(1.0)), None);
    assert!(CapturedAdvantage::new(&[0.5], &[]).is_err());
    assert!(CapturedAdvantage::new(&[f32::NAN], &[0.5]).is_err());
    assert!(CapturedAdvantage::new(&[0.5], &[f32::INFINITY]).is_err());
}
