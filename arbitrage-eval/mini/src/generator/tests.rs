//! Pinned problems, ranges, shares and the separation of the streams.

use std::collections::HashSet;

use super::*;
use crate::{Move, MoveConfig, NumberRange, Operation, Tier};
use proptest::prelude::*;

fn first(stream: Stream, count: u64) -> impl Iterator<Item = MiniProblem> {
    let generator = Generator::default();
    (0..count).map(move |index| generator.problem(stream, index))
}

#[test]
fn problems_are_pinned() {
    let texts = Stream::ALL.map(|stream| {
        let mini = Generator::default().problem(stream, 7);
        format!("{} | {}", mini.problem.question, mini.plan.solution().replace("\n\n", ", "))
    });
    let pinned = [
        r"Bob starts with 58 eggs. He gets as many again. He buys 8 packs of 22. Zoe has 35 fewer. How many has Zoe? | 58*2=116, 8*22=176, 116+176=292, 292-35=\boxed{257}",
        r"Max starts with 40 cards. He gets 28 from Dan. He splits them by 4 and keeps a part. He gets 39 from Dan. How many has he now? | 40+28=68, 68/4=17, 17+39=\boxed{56}",
        r"Ann starts with 18 books. She splits them by 6 and keeps a part. She gets as many again. How many has she now? | 18/6=3, 3*2=\boxed{6}",
    ];
    assert_eq!(texts, pinned);
}

#[test]
fn streams_share_no_question_and_no_solution() {
    let mut seen = [HashSet::new(), HashSet::new(), HashSet::new()];
    for (stream, seen) in Stream::ALL.into_iter().zip(&mut seen) {
        let count = if stream == Stream::Train { 100_000 } else { 20_000 };
        seen.extend(first(stream, count).flat_map(|mini| [mini.plan.solution(), mini.problem.question]));
    }
    let [train, validation, test] = &seen;
    assert!(train.is_disjoint(validation) && train.is_disjoint(test) && validation.is_disjoint(test));
}

#[test]
fn the_default_family_has_the_configured_shares() {
    let (count, mut hard, mut steps) = (5000, 0, [0; 6]);
    for mini in first(Stream::Train, count) {
        let tiers: Vec<Tier> = mini.plan.steps().iter().map(|step| step.kind().tier()).collect();
        let hard_steps = tiers.iter().filter(|tier| **tier == Tier::Hard).count();
        assert!(hard_steps <= 1, "{}", mini.problem.question);
        hard += hard_steps;
        steps[tiers.len()] += 1;
    }
    let share = hard as f64 / count as f64;
    assert!((0.13..0.17).contains(&share), "{share}");
    assert!(steps[2] + steps[3] + steps[4] == 5000 && steps[2..5].iter().all(|count| *count > 1500), "{steps:?}");
}

#[test]
fn every_result_is_in_range_and_exact() {
    for mini in first(Stream::Test, 5000) {
        for step in mini.plan.steps() {
            let most = if step.kind().tier() == Tier::Hard { 9801 } else { 999 };
            assert!((1..=most).contains(&step.result()), "{}", mini.plan.solution());
            if step.operation() == Operation::Divide {
                assert_eq!(step.values()[0] % step.values()[1], 0);
            }
        }
    }
}

#[test]
fn order_does_not_change_a_problem() {
    let generator = Generator::default();
    let forwards = generator.problems(Stream::Train, 10..14);
    let backwards: Vec<_> = (10..14).rev().map(|index| generator.problem(Stream::Train, index).problem).collect();
    assert_eq!(forwards, backwards.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn a_family_without_possible_problems_is_rejected() {
    let mut family = Family::default();
    family.moves.retain(|kind, _| !kind.is_hard());
    let error = Generator::new(family.clone()).unwrap_err().to_string();
    assert!(error.contains("`moves`") && error.contains("with a hard move"), "{error}");
    family.hard_share = 0.0;
    Generator::new(family.clone()).unwrap();
    family.moves = [(Move::Double, MoveConfig::new(1.0, NumberRange::new(3, 4)))].into();
    assert!(Generator::new(family).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_family_is_rejected_or_gives_problems_in_its_ranges(
        steps in (1u64..6, 0u64..3), start in (0u64..400, 0u64..400), hard in 0.0..1.0f64, most in 0u64..1100, index in any::<u64>(),
    ) {
        let family = Family {
            steps: NumberRange::new(steps.0, steps.0 + steps.1),
            start: NumberRange::new(start.0, start.0 + start.1),
            result: NumberRange::new(0, most),
            hard_share: hard,
            ..Family::default()
        };
        if let Ok(generator) = Generator::new(family.clone()) {
            let plan = generator.problem(Stream::Train, index).plan;
            prop_assert!(family.steps.contains(plan.steps().len() as u64));
            prop_assert!(plan.steps().iter().all(|step| step.result() <= 9801));
        }
    }
}
