//! The verifier is called for escalated steps only, the drafter only where a draft is wanted, a scorer once a step.

mod support;

use std::collections::BTreeSet;

use arbitrage_core::router::{Budget, Oracle, Rsd};
use arbitrage_core::testing::{CallLog, LoggedCall, TableScorer};
use arbitrage_core::{AdvantageRouter, Author, Evidence, Role, SequenceId, Shared, Solution, StepScorer};
use proptest::prelude::*;
use support::{ROUTERS, Setup, router};

/// Routers with a scorer: RSD, the oracle, a budget over each.
const SCORED: [usize; 4] = [3, 4, 9, 10];

/// Steps of problems: (problem, step).
type Steps = BTreeSet<(String, usize)>;

/// The steps that were asked for, each of them once.
fn asked(calls: &[LoggedCall]) -> Steps {
    let steps: Steps = calls.iter().map(|call| (call.problem.clone(), call.step)).collect();
    assert_eq!(steps.len(), calls.len(), "a step was asked for twice");
    steps
}

fn steps_where(solutions: &[Solution], wanted: impl Fn(&arbitrage_core::trace::StepRecord) -> bool) -> Steps {
    let records = solutions.iter().flat_map(|solution| &solution.records);
    records.filter(|record| wanted(record)).map(|record| (record.problem.clone(), record.index)).collect()
}

fn run(setup: &Setup) -> (Vec<Solution>, CallLog) {
    let (mut engine, log) = setup.engine();
    let solutions = engine.solve_all(&setup.problems(5)).into_iter().collect::<Result<_, _>>().unwrap();
    (solutions, log)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_verifier_writes_escalated_steps_only(seed: u64, kind in 0..ROUTERS, in_flight in 1..6usize) {
        let mut setup = Setup::new(seed, kind);
        setup.limits = setup.limits.with_in_flight(in_flight);
        let (solutions, log) = run(&setup);
        let called = asked(&log.of(Role::Verifier));
        let escalated = steps_where(&solutions, |record| record.author == Author::Target);
        match router(kind, &log).evidence() {
            Evidence::DraftOnly => prop_assert_eq!(called, escalated),
            Evidence::Both => {
                prop_assert_eq!(called, steps_where(&solutions, |record| record.target.is_some()));
                let judged = steps_where(&solutions, |record| record.decision.estimate.is_some());
                prop_assert_eq!(asked(&log.of(Role::Verifier)), judged);
            }
        }
    }

    #[test]
    fn the_drafter_writes_what_was_not_escalated_before(seed: u64, kind in 0..ROUTERS) {
        let (solutions, log) = run(&Setup::new(seed, kind));
        let called = asked(&log.of(Role::Drafter));
        prop_assert_eq!(&called, &steps_where(&solutions, |record| record.draft.is_some()));
        let kept = steps_where(&solutions, |record| record.author == Author::Draft);
        prop_assert!(called.is_superset(&kept));
        // Policies that escalate unseen: always-target, and a budget over it while there is budget.
        if [1, 8].contains(&kind) {
            prop_assert_eq!(called, kept);
        }
    }

    #[test]
    fn a_rejected_draft_is_shown_to_the_verifier(seed: u64, kind in 0..ROUTERS) {
        let (solutions, log) = run(&Setup::new(seed, kind));
        for call in log.of(Role::Verifier) {
            let solution = solutions.iter().find(|s| s.records[0].problem == call.problem).unwrap();
            prop_assert_eq!(call.text, solution.records[call.step].draft.as_ref().map(|draft| draft.text.clone()));
        }
    }

    #[test]
    fn every_sequence_is_released_once_by_each_part(seed: u64, kind in 0..ROUTERS, in_flight in 1..6usize) {
        let mut setup = Setup::new(seed, kind);
        setup.limits = setup.limits.with_in_flight(in_flight);
        let (_, log) = run(&setup);
        let released = log.released();
        let distinct: BTreeSet<_> = released.iter().map(|(role, id)| (role.to_string(), *id)).collect();
        // Drafter and verifier, and the scorer where the router has one, whether or not it was asked.
        let parts = if SCORED.contains(&kind) { 3 } else { 2 };
        prop_assert_eq!((released.len(), distinct.len()), (5 * parts, 5 * parts));
    }
}

#[test]
fn scorers_see_each_judged_step_once_and_in_batches() {
    for (kind, steps_a_turn) in [(3, 1), (4, 2), (9, 1), (10, 2)] {
        let (solutions, log) = run(&Setup::new(3, kind));
        let judged = steps_where(&solutions, |record| record.decision.estimate.is_some());
        let calls = log.of(Role::Scorer);
        assert_eq!(calls.len(), judged.len() * steps_a_turn, "router {kind}");
        assert!(calls.iter().any(|call| call.batch > steps_a_turn), "router {kind} never scores in batches");
    }
}

/// What borrows, boxes and shares a part hands the release on.
#[test]
fn a_release_reaches_the_scorer_through_every_wrapper() {
    let log = CallLog::new();
    let scorer = Shared::new(log.record(TableScorer::new([])), "table");
    let boxed: Box<dyn StepScorer> = Box::new(scorer.clone());
    let mut rsd = Budget::new(Rsd::new(boxed, 0.5).unwrap(), 3);
    let mut oracle: Box<dyn AdvantageRouter> = Box::new(log.record(Oracle::new(scorer, 0.0).unwrap()));
    AdvantageRouter::release(&mut &mut rsd, SequenceId(7));
    oracle.release(SequenceId(8));
    let (scorer, router) = (Role::Scorer, Role::Router);
    assert_eq!(log.released(), [(scorer, SequenceId(7)), (router, SequenceId(8)), (scorer, SequenceId(8))]);
}

#[test]
fn a_spent_budget_asks_nobody() {
    let (solutions, log) = run(&Setup::new(3, 9));
    let mut spent = 0;
    for solution in &solutions {
        let first = solution.records.iter().position(|record| record.author == Author::Target);
        let after = first.map_or(&[][..], |first| &solution.records[first + 1..]);
        assert!(after.iter().all(|record| record.author == Author::Draft && record.decision.estimate.is_none()));
        spent += after.len();
    }
    assert!(spent > 0, "the test needs a problem that goes on after its budget");
    assert!(log.of(Role::Scorer).len() <= solutions.iter().map(|s| s.steps.len()).sum::<usize>() - spent);
}

#[test]
fn one_model_alone_never_calls_the_other() {
    for (kind, idle) in [(0, Role::Verifier), (1, Role::Drafter), (11, Role::Verifier)] {
        let (solutions, log) = run(&Setup::new(1, kind));
        assert!(solutions.iter().all(|solution| !solution.steps.is_empty()));
        assert_eq!(log.of(idle), [], "router {kind}");
    }
}
