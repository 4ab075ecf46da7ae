//! Roll-outs: what a score is, what is written for it, and what is left behind.

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

/// Writes one more step, which is right or wrong by a coin of the problem's seed, and notes the coins.
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

/// The typed error of a scorer.
fn refusal(outcome: Result<Vec<f32>, BoxError>) -> ScoreError {
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
    assert_eq!(scorer.begun(), 400);
}

#[test]
fn scripts_lead_where_they_lead() {
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

/// The checker sees the whole solution, under the problem as it was asked.
#[test]
fn the_whole_solution_is_checked() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let heard = seen.clone();
    let check = move |problem: &Problem, solution: &str| {
        heard.lock().unwrap().insert((problem.seed, solution.to_owned()));
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
    assert_eq!(scorer.begun(), 2, "what ended needs no completion");
}

#[test]
fn steps_that_nothing_can_follow_are_not_completed() {
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

/// Steps of one place are completed with the same random numbers, those of another with others.
#[test]
fn equal_steps_have_equal_scores() {
    let mut scorer = Rollouts::new(Coins::default(), 64, ends_right).unwrap();
    let problem = Problem::new("?").with_seed(1);
    let both = score(&mut scorer, &problem, &[open("a\n\n"), open("a\n\n")]).unwrap();
    assert_eq!((both[0], scorer.begun()), (both[1], 64), "completed once");
    let others = [Step::new("a\n\n", Finish::Length), open("b\n\n")];
    score(&mut scorer, &problem, &others).unwrap();
    assert_eq!(scorer.begun(), 64 * 3);
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

    /// Neither batch, nor order, nor how many run at a time, nor caches are seen; and all that was begun is released.
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
        let begun: BTreeSet<SequenceId> = calls.iter().map(|call| call.sequence).collect();
        let released: Vec<SequenceId> = log.released().into_iter().map(|(_, id)| id).collect();
        prop_assert_eq!(begun.len(), 5 * count);
        prop_assert_eq!(released.len(), begun.len());
        prop_assert_eq!(released.into_iter().collect::<BTreeSet<_>>(), begun);
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

/// A writer that never ends its text, and one that says the same for ever.
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
fn a_budget_is_kept_and_said() {
    let log = CallLog::new();
    let mut scorer = Rollouts::new(log.record(Coins::default()), 4, ends_right).unwrap().with_budget(10);
    let problem = Problem::new("?");
    let three = [open("a\n\n"), open("b\n\n"), open("c\n\n")];
    let error = refusal(score(&mut scorer, &problem, &three));
    assert_eq!(error, ScoreError::Budget { budget: 10, left: 10, asked: 12 });
    assert_eq!(error.to_string(), "12 completions asked for, 10 left of a budget of 10");
    assert!(log.calls().is_empty(), "nothing was begun");
    score(&mut scorer, &problem, &three[..2]).unwrap();
    assert_eq!(
        refusal(score(&mut scorer, &problem, &three[2..])),
        ScoreError::Budget { budget: 10, left: 2, asked: 4 }
    );
    assert_eq!((scorer.begun(), log.of(Role::Drafter).len()), (8, 8));
    let mut endless = Rollouts::new(Coins::default(), usize::MAX, ends_right).unwrap().with_budget(10);
    assert!(matches!(refusal(score(&mut endless, &problem, &three)), ScoreError::Budget { asked: usize::MAX, .. }));
}

/// The engine's oracle scores what the budget suffices for, and names it as the reason of the others' failure.
#[test]
fn a_spent_budget_ends_its_problems_only() {
    let (draft, target) = (Scripted::new("d", ["a\n\n", "right"]), Scripted::new("t", ["b\n\n", "wrong"]));
    let scorer = Rollouts::new(Coins::default(), 4, ends_right).unwrap().with_budget(8);
    let mut engine = Engine::new(draft, target, Oracle::new(scorer, 0.0).unwrap());
    let problems: Vec<_> = (0..2).map(|n| Problem::new("?").with_id(format!("p{n}")).with_seed(n)).collect();
    let answers = engine.solve_all(&problems);
    let error = answers[1].as_ref().unwrap_err().to_string();
    assert!(answers[0].is_ok() && error.contains("of a budget of 8"), "{error}");
}

#[test]
fn failures_name_the_writer_and_leave_nothing() {
    let problem = Problem::new("?");
    let log = CallLog::new();
    let flaky = log.record(Flaky::new(Babbler::new("b", Author::Target, 3).with_end_probability(0.0), 9));
    let mut scorer = Rollouts::new(flaky, 4, ends_right).unwrap();
    let error = score(&mut scorer, &problem, &[open("a\n\n")]).unwrap_err();
    assert!(error.to_string().starts_with("drafter `b` failed at step"), "{error}");
    assert!(matches!(error.downcast_ref(), Some(EngineError::Part { role: Role::Drafter, .. })));
    let begun: BTreeSet<_> = log.calls().iter().map(|call| call.sequence).collect();
    let released: BTreeSet<_> = log.released().into_iter().map(|(_, id)| id).collect();
    assert_eq!(begun, released);

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

/// Gives one answer too few.
struct Miser;

impl Drafter for Miser {
    fn name(&self) -> &str {
        "miser"
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], _: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().skip(1).map(|_| Ok(Step::new("right", Finish::EndOfText))).collect()
    }
}

#[test]
fn answers_that_are_nobodys_are_refused() {
    let mut scorer = Rollouts::new(Miser, 2, ends_right).unwrap();
    let error = score(&mut scorer, &Problem::new("?"), &[open("a\n\n")]).unwrap_err().to_string();
    assert!(error.contains("drafter `miser` gave 1 answers to 2 requests"), "{error}");
}

#[test]
fn nonsense_is_refused() {
    let none = Rollouts::new(Coins::default(), 0, ends_right).err();
    assert_eq!(none, Some(ConfigError::Limit { name: "roll-outs", least: 1, found: 0 }));
    let limits = Rollouts::new(Coins::default(), 1, ends_right).unwrap().with_limits(Limits::default().with_steps(0));
    assert!(matches!(limits.err(), Some(ConfigError::Limit { name: "steps", .. })));
}
