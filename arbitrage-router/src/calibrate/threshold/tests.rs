use proptest::prelude::*;

use super::*;
use crate::calibrate::step_seconds::tests::pair;

/// Draws from few values, with 0 and 1 among them, so that there are ties.
fn estimates() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec((0u8..=8).prop_map(|eighths| f32::from(eighths) / 8.0), 1..40)
}

fn goals() -> impl Strategy<Value = Goal> {
    prop_oneof![
        (0.0..=1.0f64).prop_map(Goal::Accept),
        (0.0..6.0f64).prop_map(Goal::Budget),
        (0.3..1.6f64).prop_map(Goal::Latency),
    ]
}

/// Acceptance, escalations per problem and latency, counted by the rule that estimates above `tau` are escalated.
fn count(estimates: &[f32], problems: usize, tau: f32) -> (f64, f64, f64) {
    let accepted = estimates.iter().filter(|estimate| **estimate <= tau).count();
    let share = accepted as f64 / estimates.len() as f64;
    (share, (estimates.len() - accepted) as f64 / problems as f64, pair().relative(1.0 - share))
}

fn meets(goal: Goal, (acceptance, escalations, latency): (f64, f64, f64)) -> bool {
    match goal {
        Goal::Accept(share) => acceptance >= share - 1e-9,
        Goal::Budget(calls) => escalations <= calls + 1e-9,
        Goal::Latency(share) => latency <= share + 1e-9,
        Goal::Loss(_) => false,
    }
}

proptest! {
    #[test]
    fn the_goal_is_met_and_no_other_threshold_escalates_more(
        estimates in estimates(), goal in goals(), problems in 1usize..5,
    ) {
        prop_assume!(problems <= estimates.len());
        let validation = ValidationSet::new(&estimates, problems).unwrap().with_seconds(pair()).unwrap();
        let all = (0..=16).map(|sixteenths| count(&estimates, problems, sixteenths as f32 / 16.0));
        match goal.threshold(&validation) {
            Ok(found) => {
                prop_assert!((0.0..=1.0).contains(&found.tau));
                let counted = count(&estimates, problems, found.tau);
                prop_assert!(meets(goal, counted));
                prop_assert!((found.acceptance - counted.0).abs() < 1e-9);
                prop_assert!((found.escalations - counted.1).abs() < 1e-9);
                prop_assert!((found.latency.unwrap() - counted.2).abs() < 1e-9);
                for other in all.filter(|other| meets(goal, *other)) {
                    prop_assert!(other.0 >= counted.0 - 1e-9, "{:?} of {:?} escalates more", other, counted);
                }
            }
            Err(CalibrateError::Unreachable { least, .. }) => {
                prop_assert!(matches!(goal, Goal::Latency(_)));
                let reachable = all.map(|(_, _, latency)| latency).fold(f64::INFINITY, f64::min);
                prop_assert!((least - reachable).abs() < 1e-9, "{} and {}", least, reachable);
                prop_assert!(!meets(goal, (1.0, 0.0, reachable)));
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

fn validation() -> ValidationSet {
    ValidationSet::new(&[0.9, 0.1, 0.5, 0.3, 0.7], 2).unwrap()
}

#[test]
fn known_thresholds() {
    for (goal, tau, acceptance, escalations) in [
        ("accept:0", 0.0, 0.0, 2.5),
        ("accept:0.2", 0.2, 0.2, 2.0),
        ("accept:0.21", 0.4, 0.4, 1.5),
        ("accept:1", 1.0, 1.0, 0.0),
        ("budget:1", 0.6, 0.6, 1.0),
        ("budget:0.9", 0.8, 0.8, 0.5),
        ("budget:0", 1.0, 1.0, 0.0),
        ("budget:9", 0.0, 0.0, 2.5),
    ] {
        let found = goal.parse::<Goal>().unwrap().threshold(&validation()).unwrap();
        assert!((found.tau - tau).abs() < 1e-6, "{goal}: {found:?}");
        assert_eq!((found.acceptance, found.escalations, found.latency), (acceptance, escalations, None), "{goal}");
    }
}

#[test]
fn a_latency_goal_allows_as_many_escalations_as_are_fast_enough() {
    let validation = validation().with_seconds(pair()).unwrap();
    // At most e ≤ (0.85 − 0.4375)/0.9375 = 0.44: two of five steps.
    let found = Goal::Latency(0.85).threshold(&validation).unwrap();
    assert_eq!((found.acceptance, found.latency), (0.6, Some(pair().relative(0.4))));
    let error = Goal::Latency(0.4).threshold(&validation).unwrap_err();
    assert_eq!(
        error.to_string(),
        "goal `latency:0.4` cannot be met: the least latency is 0.4375 of the target's time per step, at τ = 1"
    );
}

#[test]
fn escalation_is_faster_where_prefilling_costs_more_than_writing() {
    let seconds = StepSeconds { target_catch_up: 3.0, ..pair() };
    let validation = validation().with_seconds(seconds).unwrap();
    assert_eq!(Goal::Latency(1.4).threshold(&validation).unwrap().tau, 0.0);
    let Err(CalibrateError::Unreachable { least, tau, .. }) = Goal::Latency(1.0).threshold(&validation) else {
        panic!("drafting steps that are all escalated costs time")
    };
    assert_eq!((least, tau), (seconds.relative(1.0), 0.0));
}

#[test]
fn tied_estimates_are_accepted_together() {
    let found = Goal::Accept(0.5).threshold(&ValidationSet::new(&[0.4; 10], 1).unwrap()).unwrap();
    assert_eq!((found.tau, found.acceptance), (1.0, 1.0));
    let zeros = Goal::Accept(0.0).threshold(&ValidationSet::new(&[0.0, 0.0, 0.5], 1).unwrap()).unwrap();
    assert_eq!((zeros.tau, zeros.escalations), (0.25, 1.0));
}

#[test]
fn adjacent_floats_are_separated() {
    let low = 0.5f32;
    let high = f32::from_bits(low.to_bits() + 1);
    for (low, high) in [(low, high), (0.0, f32::from_bits(1)), (high, f32::from_bits(high.to_bits() + 1))] {
        let found = Goal::Accept(0.5).threshold(&ValidationSet::new(&[low, high], 1).unwrap()).unwrap();
        assert_eq!((found.acceptance, found.tau), (0.5, low));
    }
}

#[test]
fn invalid_input_is_rejected() {
    for (estimates, problems) in [(&[][..], 1), (&[0.5], 0), (&[0.5], 2), (&[1.5], 1), (&[f32::NAN], 1), (&[-0.1], 1)] {
        assert!(ValidationSet::new(estimates, problems).is_err(), "{estimates:?} {problems}");
    }
    assert!(validation().with_seconds(StepSeconds { target: f64::NAN, ..pair() }).is_err());
    let goal = Goal::Latency(0.9);
    assert_eq!(goal.threshold(&validation()), Err(CalibrateError::MissingSeconds { goal }));
    assert!(matches!(Goal::Accept(f64::NAN).threshold(&validation()), Err(CalibrateError::Goal { .. })));
}

#[test]
fn the_goal_is_serialised_as_text() {
    let found = Goal::Budget(1.0).threshold(&validation()).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.starts_with(r#"{"goal":"budget:1","tau":0."#), "{text}");
    assert_eq!(serde_json::from_str::<Threshold>(&text).unwrap(), found);
    let error = serde_json::from_str::<Threshold>(&text.replace("\"tau\":0.", "\"tau\":7.")).unwrap_err().to_string();
    assert!(error.contains("expected a threshold in 0..=1, found 7."), "{error}");
}
