//! Roll-outs: their scores, the completions that are written for them, and that all are released.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use arbitrage_core::router::Oracle;
use arbitrage_core::scorer::Rollouts;
use arbitrage_core::segmenter::Newline;
use arbitrage_core::testing::{Babbler, CallLog, Flaky, Scripted};
use arbitrage_core::{
    Accepted, Author, BoxError, ConfigError, Drafter, Engine, EngineError, Finish, Limits, Prefix, Problem, Role,
    ScoreError, SequenceId, Step, StepResult, StepRule, StepScorer,
};
use proptest::prelude::*;

/// Writes one more step, right or wrong at random by the problem's seed, and records which.
#[derive(Clone, Default)]
struct Coins(Arc<Mutex<BTreeMap<u64, bool>>>);

impl Drafter for Coins {
    fn name(&self) -> &str {
        "coins"
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], _: &StepRule<'_>) -> Vec<StepResult> {
        let toss = |prefix: &Prefix<'_>| {
            let right = prefix.draw(Author::Target).uniform() < 0.3;
            self.0.lock().unwrap().insert(prefix.problem.seed, right);
            Ok(Step::new(if right { "right" } else { "wrong" }, Finish::EndOfText))
        };
        prefixes.iter().map(toss).collect()
    }
}

fn ends_right(_: &Problem, solution: &str) -> Result<bool, BoxError> {
    Ok(solution.ends_with("right"))
}

fn open(text: &str) -> Step {
    Step::new(text, Finish::Boundary)
}

fn score(scorer: &mut impl StepScorer, problem: &Problem, steps: &[Step]) -> Result<Vec<f32>, BoxError> {
    let prefix = Prefix::new(SequenceId(0), problem, &[]);
    scorer.score(&steps.iter().map(|step| (prefix, step)).collect::<Vec<_>>())
}

/// The scorer's typed error.
fn score_error(outcome: Result<Vec<f32>, BoxError>) -> ScoreError {
    *outcome.unwrap_err().downcast::<ScoreError>().unwrap()
}

#[test]
fn a_score_is_the_share_of_right_completions() {
    let (coins, problem) = (Coins::default(), Problem::new("?").with_seed(7));
    let mut scorer = Rollouts::new(coins.clone(), 400, ends_right).unwrap();
    let found = score(&mut scorer, &problem, &[open("so\n\n")]).unwrap();
    let seen = coins.0.lock().unwrap().clone();
    let right = seen.values().filter(|right| **right).count();
    assert_eq!(seen.len(), 400, "every completion has a seed of its own");
    assert!(!seen.contains_key(&7));
    assert_eq!(found, [right as f32 / 400.0]);
    assert!((found[0] - 0.3).abs() < 0.1, "{found:?}");
    assert_eq!(scorer.started(), 400);
}

#[test]
fn scores_follow_the_scripts() {
    let writer = Scripted::new("w", ["", "so it is right"])
        .with_problem("wrong", ["", "so it is not"])
        .with_problem("long", ["", "then\n\n", "then\n\n", "right"]);
    let mut scorer = Rollouts::new(writer, 3, ends_right).unwrap();
    for (id, expected) in [("", 1.0), ("wrong", 0.0), ("long", 1.0)] {
        assert_eq!(score(&mut scorer, &Problem::new("?").with_id(id), &[open("a\n\n")]).unwrap(), [expected], "{id}");
    }
    assert_eq!(scorer.range(), (0.0, 1.0));
    assert_eq!(scorer.name(), "3 roll-outs by w");
}

/// The checker gets the whole solution, and the problem with its own seed.
#[test]
fn the_whole_solution_is_checked() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let recorded = seen.clone();
    let check = move |problem: &Problem, solution: &str| {
        recorded.lock().unwrap().insert((problem.seed, solution.to_owned()));
        Ok(true)
    };
    let mut scorer = Rollouts::new(Scripted::new("w", ["", "", "c"]), 2, check).unwrap();
    let problem = Problem::new("?").with_seed(5);
    let steps = [Accepted { step: open("a\n\n"), author: Author::Draft }];
    let prefix = Prefix::new(SequenceId(3), &problem, &steps);
    let ended = Step::new("end", Finish::EndOfText);
    assert_eq!(scorer.score(&[(prefix, &open("b\n\n")), (prefix, &ended)]).unwrap(), [1.0, 1.0]);
    let expected = [(5, "a\n\nb\n\nc".to_owned()), (5, "a\n\nend".to_owned())];
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from(expected));
    assert_eq!(scorer.started(), 2, "a step that ended the text needs no completion");
}

#[test]
fn final_steps_are_not_completed() {
    let log = CallLog::new();
    let mut scorer = Rollouts::new(log.record(Coins::default()), 4, ends_right).unwrap().with_budget(0);
    let steps = [
        Step::new("right", Finish::EndOfText),
        Step::new("wrong", Finish::EndOfText),
        Step::new("right", Finish::Context),
    ];
    assert_eq!(score(&mut scorer, &Problem::new("?"), &steps).unwrap(), [1.0, 0.0, 0.0]);
    assert!(score(&mut scorer, &Problem::new("?"), &[]).unwrap().is_empty());
    assert!(log.calls().is_empty());
}

/// Steps after the same prefix are completed with the same random numbers, other steps with others.
#[test]
fn equal_steps_have_equal_scores() {
    let mut scorer = Rollouts::new(Coins::default(), 64, ends_right).unwrap();
    let problem = Problem::new("?").with_seed(1);
    let both = score(&mut scorer, &problem, &[open("a\n\n"), open("a\n\n")]).unwrap();
    assert_eq!((both[0], scorer.started()), (both[1], 64), "completed once");
    let others = [Step::new("a\n\n", Finish::Length), open("b\n\n")];
    score(&mut scorer, &problem, &others).unwrap();
    assert_eq!(scorer.started(), 64 * 3);
    let seeds = |seed: u64, given: usize| {
        let coins = Coins::default();
        let mut scorer = Rollouts::new(coins.clone(), 64, ends_right).unwrap();
        let problem = Problem::new("?").with_seed(seed);
        let steps: Vec<_> = (0..given).map(|_| Accepted { step: open("a\n\n"), author: Author::Draft }).collect();
        scorer.score(&[(Prefix::new(SequenceId(0), &problem, &steps), &open("b\n\n"))]).unwrap();
        let seeds: HashSet<u64> = coins.0.lock().unwrap().keys().copied().collect();
        seeds
    };
    assert_eq!(seeds(1, 2), seeds(1, 2));
    assert!(seeds(1, 2).is_disjoint(&seeds(1, 3)) && seeds(1, 2).is_disjoint(&seeds(2, 2)));
}

fn babbling(seed: u64, in_flight: usize, log: &CallLog) -> impl StepScorer {
    let writer = log.record(Babbler::new("b", Author::Target, seed).with_end_probability(0.1).with_rollback());
    let check = |_: &Problem, solution: &str| Ok(solution.len().is_multiple_of(2));
    let limits = Limits::default().with_steps(6).with_step_tokens(10).with_in_flight(in_flight);
    Rollouts::new(writer, 5, check).unwrap().with_limits(limits).unwrap().with_segmenter(Newline::new())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Scores depend neither on batch and order nor on caches and the completions in flight, and all sequences are released.
    #[test]
    fn a_batch_equals_its_steps(seed: u64, count in 1usize..6, in_flight in 1usize..40) {
        let problems: Vec<_> = (0..count as u64).map(|n| Problem::new(format!("{n}?")).with_seed(seed ^ n)).collect();
        let texts: Vec<Step> = (0..count).map(|n| open(&format!("step {n}\n"))).collect();
        let items: Vec<_> =
            problems.iter().zip(&texts).map(|(p, step)| (Prefix::new(SequenceId(0), p, &[]), step)).collect();
        let log = CallLog::new();
        let together = babbling(seed, in_flight, &log).score(&items).unwrap();
        let alone: Vec<f32> = items.chunks(1).rev().map(|item| babbling(seed, 99, &CallLog::new()).score(item).unwrap()[0]).collect();
        prop_assert!(together.iter().eq(alone.iter().rev()));
        prop_assert!(together.iter().all(|score| (0.0..=1.0).contains(score) && (score * 5.0).fract() == 0.0));
        let calls = log.calls();
        let started: BTreeSet<SequenceId> = calls.iter().map(|call| call.sequence).collect();
        let released: Vec<SequenceId> = log.released().into_iter().map(|(_, id)| id).collect();
        prop_assert_eq!(started.len(), 5 * count);
        prop_assert_eq!(released.len(), started.len());
        prop_assert_eq!(released.into_iter().collect::<BTreeSet<_>>(), started);
        prop_assert!(calls.iter().all(|call| call.batch <= in_flight));
    }
}

#[test]
fn completions_of_a_call_run_in_one_batch() {
    let log = CallLog::new();
    let mut scorer = Rollouts::new(log.record(Coins::default()), 8, ends_right).unwrap();
    score(&mut scorer, &Problem::new("?"), &[open("a\n\n"), open("b\n\n"), open("c\n\n")]).unwrap();
    let calls = log.of(Role::Drafter);
    assert!(calls.len() == 24 && calls.iter().all(|call| call.batch == 24));
}

/// A writer that never ends its text, and one that repeats itself.
#[test]
fn endless_completions_are_cut_and_wrong() {
    let right = |_: &Problem, _: &str| -> Result<bool, BoxError> { Ok(true) };
    let limits = Limits::default().with_steps(7).with_step_tokens(5).with_in_flight(3);
    for limits in [limits, limits.with_tokens(9), limits.with_steps(usize::MAX)] {
        let log = CallLog::new();
        let writer = Babbler::new("b", Author::Target, 1).with_end_probability(0.0);
        let mut scorer = Rollouts::new(log.record(writer), 4, right).unwrap().with_limits(limits).unwrap();
        assert_eq!(score(&mut scorer, &Problem::new("?"), &[open("a\n\n")]).unwrap(), [0.0]);
        assert_eq!(log.released().len(), 4);
    }
    let steps: Vec<Step> = (0..99).map(|_| open("again\n\n")).collect();
    let log = CallLog::new();
    let mut scorer = Rollouts::new(log.record(Scripted::from_steps("r", steps)), 1, right).unwrap();
    assert_eq!(score(&mut scorer, &Problem::new("?"), &[open("a\n\n")]).unwrap(), [0.0]);
    assert_eq!(log.of(Role::Drafter).len(), Limits::default().repeats);
}

#[test]
fn a_budget_is_kept_and_reported() {
    let log = CallLog::new();
    let mut scorer = Rollouts::new(log.record(Coins::default()), 4, ends_right).unwrap().with_budget(10);
    let problem = Problem::new("?");
    let three = [open("a\n\n"), open("b\n\n"), open("c\n\n")];
    let error = score_error(score(&mut scorer, &problem, &three));
    assert_eq!(error, ScoreError::Budget { budget: 10, left: 10, requested: 12 });
    assert_eq!(error.to_string(), "scoring needs 12 completions, but only 10 of a budget of 10 are left");
    assert!(log.calls().is_empty(), "nothing was started");
    score(&mut scorer, &problem, &three[..2]).unwrap();
    assert_eq!(
        score_error(score(&mut scorer, &problem, &three[2..])),
        ScoreError::Budget { budget: 10, left: 2, requested: 4 }
    );
    assert_eq!((scorer.started(), log.of(Role::Drafter).len()), (8, 8));
    let mut endless = Rollouts::new(Coins::default(), usize::MAX, ends_right).unwrap().with_budget(10);
    assert!(matches!(
        score_error(score(&mut endless, &problem, &three)),
        ScoreError::Budget { requested: usize::MAX, .. }
    ));
}

/// The oracle scores the steps for which the budget suffices, and the others fail with the budget as the reason.
#[test]
fn a_spent_budget_ends_its_problems_only() {
    let (draft, target) = (Scripted::new("d", ["a\n\n", "right"]), Scripted::new("t", ["b\n\n", "wrong"]));
    let scorer = Rollouts::new(Coins::default(), 4, ends_right).unwrap().with_budget(8);
    let mut engine = Engine::new(draft, target, Oracle::new(scorer, 0.0).unwrap());
    let problems: Vec<_> = (0..2).map(|n| Problem::new("?").with_id(format!("p{n}")).with_seed(n)).collect();
    let answers = engine.solve_all(&problems);
    let error = answers[1].as_ref().unwrap_err().to_string();
    assert!(answers[0].is_ok() && error.contains("of a budget of 8 are left"), "{error}");
}

#[test]
fn failures_name_the_writer_and_release_everything() {
    let problem = Problem::new("?");
    let log = CallLog::new();
    let flaky = log.record(Flaky::new(Babbler::new("b", Author::Target, 3).with_end_probability(0.0), 9));
    let mut scorer = Rollouts::new(flaky, 4, ends_right).unwrap();
    let error = score(&mut scorer, &problem, &[open("a\n\n")]).unwrap_err();
    assert!(error.to_string().starts_with("drafter `b` failed at step"), "{error}");
    assert!(matches!(error.downcast_ref(), Some(EngineError::Component { role: Role::Drafter, .. })));
    let started: BTreeSet<_> = log.calls().iter().map(|call| call.sequence).collect();
    let released: BTreeSet<_> = log.released().into_iter().map(|(_, id)| id).collect();
    assert_eq!(started, released);

    let nan = Step::new("x\n\n", Finish::Boundary).with_logprobs(vec![f32::NAN]);
    let mut scorer = Rollouts::new(Scripted::from_steps("n", vec![nan; 3]), 2, ends_right).unwrap();
    assert!(score(&mut scorer, &problem, &[open("a\n\n")]).unwrap_err().to_string().contains("not finite"));

    let lost = |problem: &Problem, _: &str| Err(format!("`{}` has no answer", problem.id).into());
    let log = CallLog::new();
    let mut scorer = Rollouts::new(log.record(Coins::default()), 3, lost).unwrap();
    let error = score(&mut scorer, &problem.clone().with_id("p"), &[open("a\n\n")]).unwrap_err();
    assert_eq!(error.to_string(), "`p` has no answer");
    assert_eq!(log.released().len(), 3);
}

/// Returns one step too few.
struct Miscounting;

impl Drafter for Miscounting {
    fn name(&self) -> &str {
        "miscounting"
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], _: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().skip(1).map(|_| Ok(Step::new("right", Finish::EndOfText))).collect()
    }
}

#[test]
fn a_wrong_number_of_completions_is_an_error() {
    let mut scorer = Rollouts::new(Miscounting, 2, ends_right).unwrap();
    let error = score(&mut scorer, &Problem::new("?"), &[open("a\n\n")]).unwrap_err().to_string();
    assert!(error.contains("drafter `miscounting` gave 1 answers to 2 requests"), "{error}");
}

#[test]
fn invalid_parameters_are_refused() {
    let none = Rollouts::new(Coins::default(), 0, ends_right).err();
    assert_eq!(none, Some(ConfigError::Limit { name: "roll-outs", least: 1, found: 0 }));
    let limits = Rollouts::new(Coins::default(), 1, ends_right).unwrap().with_limits(Limits::default().with_steps(0));
    assert!(matches!(limits.err(), Some(ConfigError::Limit { name: "steps", .. })));
}
