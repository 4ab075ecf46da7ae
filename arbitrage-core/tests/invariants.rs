//! Properties of every run, whatever the models write and the router decides.

mod support;

use arbitrage_core::trace::Record;
use arbitrage_core::{Accepted, Author, Finish, Problem, Solution, Step, Stop, Usage};
use proptest::prelude::*;
use support::{MARKERS, ROUTERS, Setup, expected_stop, segmenter, setup, timeless, timeless_usage};

fn solve_all(setup: &Setup, problems: &[Problem]) -> Vec<Solution> {
    let answers = setup.engine().0.solve_all(problems);
    answers.into_iter().map(|answer| timeless(answer.unwrap())).collect()
}

fn sum(steps: impl Iterator<Item = usize>) -> usize {
    steps.sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_solution_stops_at_the_first_limit(setup in setup()) {
        for solution in solve_all(&setup, &setup.problems(3)) {
            let steps = &solution.steps;
            prop_assert_eq!(expected_stop(steps, &setup.limits), Some(solution.stop));
            for end in 1..steps.len() {
                prop_assert_eq!(expected_stop(&steps[..end], &setup.limits), None, "passed a limit at step {}", end);
            }
            prop_assert!(steps.len() <= setup.limits.steps);
            prop_assert!(steps.iter().all(|a| a.step.token_count() <= setup.limits.step_tokens));
        }
    }

    #[test]
    fn texts_and_records_agree_with_the_steps(setup in setup()) {
        for solution in solve_all(&setup, &setup.problems(3)) {
            let joined: String = solution.steps.iter().map(|accepted| accepted.step.text.as_str()).collect();
            prop_assert_eq!(solution.text(), joined);
            prop_assert_eq!(solution.records.len(), solution.steps.len());
            for (index, (record, accepted)) in solution.records.iter().zip(&solution.steps).enumerate() {
                prop_assert_eq!(record.index, index);
                prop_assert_eq!(record.author, accepted.author);
                prop_assert_eq!(record.step(), Some(&accepted.step));
                prop_assert_eq!(record.wasted, match accepted.author {
                    Author::Target => record.decision.wasted(),
                    Author::Draft => None,
                });
            }
        }
    }

    #[test]
    fn steps_end_at_the_first_boundary(setup in setup()) {
        let rule = segmenter(setup.segmenter);
        for Accepted { step: Step { text, tokens, finish, .. }, .. } in solve_all(&setup, &setup.problems(2)).iter().flat_map(|s| &s.steps) {
            match finish {
                // A marker, which ends the step before it, was dropped with the tokens past the boundary.
                Finish::Boundary if setup.segmenter == MARKERS => {}
                Finish::Boundary if rule.token_budget().is_some() => prop_assert_eq!(Some(tokens.len()), rule.token_budget()),
                Finish::Boundary => prop_assert!(rule.boundary(text).is_some()),
                _ => prop_assert_eq!(rule.boundary(text), None),
            }
        }
    }

    #[test]
    fn batch_and_order_do_not_change_a_solution(setup in setup(), count in 1..7usize) {
        let problems = setup.problems(count);
        let together = solve_all(&setup, &problems);
        let alone: Vec<_> = problems.iter().flat_map(|problem| solve_all(&setup, std::slice::from_ref(problem))).collect();
        prop_assert_eq!(&together, &alone);

        let reversed: Vec<_> = problems.into_iter().rev().collect();
        let mut back = solve_all(&setup, &reversed);
        back.reverse();
        prop_assert_eq!(&together, &back);
    }

    #[test]
    fn caches_are_unobservable(setup in setup()) {
        let problems = setup.problems(4);
        let with = |cached| solve_all(&Setup { cached, ..setup.clone() }, &problems);
        prop_assert_eq!(with(true), with(false));
    }

    #[test]
    fn usage_is_the_sum_of_the_records(setup in setup()) {
        let answers = setup.engine().0.solve_all(&setup.problems(4));
        let solutions: Vec<Solution> = answers.into_iter().map(Result::unwrap).collect();
        let total: Usage = solutions.iter().map(|solution| solution.usage).sum();
        let records: Vec<_> = solutions.iter().flat_map(|solution| &solution.records).collect();
        for (author, role) in [(Author::Draft, total.draft), (Author::Target, total.target)] {
            let written: Vec<&Step> = records.iter().filter_map(|record| match author {
                Author::Draft => record.draft.as_ref(),
                Author::Target => record.target.as_ref(),
            }).collect();
            prop_assert_eq!(role.calls, written.len());
            prop_assert_eq!(role.decoded, sum(written.iter().map(|step| step.cost.decoded)));
            prop_assert_eq!(role.prefilled, sum(written.iter().map(|step| step.cost.prefilled)));
            prop_assert_eq!(role.cached, sum(written.iter().map(|step| step.cost.cached)));
            let seconds: f64 = written.iter().map(|step| step.cost.seconds).sum();
            prop_assert!((role.seconds - seconds).abs() < 1e-9);
            let kept = records.iter().filter(|record| record.author == author);
            prop_assert_eq!(role.kept_tokens, sum(kept.map(|record| record.step().unwrap().token_count())));
        }
        let discarded: Vec<_> = records.iter().filter_map(|record| record.discarded).collect();
        prop_assert_eq!(total.discarded.calls, discarded.len());
        prop_assert_eq!(total.discarded.decoded, sum(discarded.iter().map(|cost| cost.decoded)));
        prop_assert_eq!(total.discarded.kept_tokens, 0);
        let by = |author| records.iter().filter(|record| record.author == author).count();
        prop_assert_eq!(total.accepted_steps, by(Author::Draft));
        prop_assert_eq!(total.escalated_steps, by(Author::Target));
        prop_assert_eq!(total.wasted_steps, records.iter().filter(|record| record.wasted == Some(true)).count());
        prop_assert_eq!(total.judged_steps, records.iter().filter(|record| record.wasted.is_some()).count());
        prop_assert_eq!(total.fallback_steps, 0);
    }

    #[test]
    fn the_trace_is_complete(setup in setup()) {
        let trace = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Record>::new()));
        let mut engine = setup.engine().0.with_sink(trace.clone());
        let solutions: Vec<_> = engine.solve_all(&setup.problems(3)).into_iter().map(Result::unwrap).collect();
        let trace = trace.lock().unwrap();
        prop_assert!(matches!(trace[0], Record::Run(_)));
        for solution in solutions {
            let of_problem = |record: &&Record| matches!(record, Record::Step(step) if step.problem == solution.records[0].problem);
            let steps: Vec<_> = trace.iter().filter(of_problem).cloned().collect();
            prop_assert_eq!(steps, solution.records.iter().cloned().map(Record::Step).collect::<Vec<_>>());
            let ends = trace.iter().filter_map(|record| match record {
                Record::Solution(end) if end.problem == solution.records[0].problem => Some(end),
                _ => None,
            });
            let ends: Vec<_> = ends.collect();
            prop_assert_eq!(ends.len(), 1);
            prop_assert_eq!(&ends[0].text, &solution.text());
            prop_assert_eq!((ends[0].stop, ends[0].usage), (Some(solution.stop), solution.usage));
        }
    }

    #[test]
    fn records_are_read_back_as_they_were_written(setup in setup()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.jsonl");
        let kept = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Record>::new()));
        let file = arbitrage_core::trace::JsonlSink::create(&path).unwrap();
        setup.engine().0.with_sink((file, kept.clone())).solve_all(&setup.problems(2));
        prop_assert_eq!(arbitrage_core::trace::read_jsonl(&path).unwrap(), kept.lock().unwrap().clone());
    }
}

#[test]
fn random_runs_reach_every_limit() {
    let mut reached = std::collections::HashSet::new();
    for seed in 0..200 {
        let mut setup = Setup::new(seed, seed as usize % ROUTERS);
        setup.limits = setup.limits.with_tokens(60).with_step_tokens(1 + seed as usize % 12).with_repeats(2);
        reached.extend(solve_all(&setup, &setup.problems(3)).iter().map(|solution| solution.stop));
    }
    for stop in [Stop::EndOfText, Stop::Steps, Stop::Tokens, Stop::Blank, Stop::Repetition] {
        assert!(reached.contains(&stop), "{stop:?}");
    }
}

#[test]
fn a_long_problem_does_not_delay_the_others() {
    // Two sequences are in flight. While one is busy with the long problem, the other solves all short ones.
    let setup = Setup { end_probability: 0.0, ..Setup::new(1, 0) };
    let scripted = |name| {
        let model = arbitrage_core::testing::Scripted::new(name, ["done"]);
        model.with_problem("long", (0..40).map(|n| ["a\n\n", "b\n\n"][n % 2]))
    };
    let mut problems: Vec<_> = (0..8).map(|n| Problem::new("short?").with_id(format!("s{n}"))).collect();
    problems.insert(0, Problem::new("long?").with_id("long"));
    let mut engine =
        arbitrage_core::Engine::new(scripted("draft"), scripted("target"), arbitrage_core::router::AlwaysDraft)
            .with_limits(setup.limits.with_steps(40).with_in_flight(2));
    let mut order = Vec::new();
    engine.solve_each(&problems, |index, answer| order.push((index, answer.unwrap().steps.len())));
    assert_eq!(order.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 0]);
    assert_eq!(order.last(), Some(&(0, 40)));
}

#[test]
fn usages_add_up() {
    let setup = Setup::new(5, 4);
    let usages: Vec<Usage> = solve_all(&setup, &setup.problems(3)).iter().map(|solution| solution.usage).collect();
    let mut added = usages[0] + usages[1];
    added += usages[2];
    assert_eq!(timeless_usage(usages.iter().copied().sum()), timeless_usage(added));
    assert_eq!(Usage::default().acceptance_by_steps(), None);
    assert_eq!(Usage::default().acceptance_by_tokens(), None);
}
