//! Policies that look past one decision on one draft: handovers, and several drafts of a step.

mod support;

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use arbitrage_core::router::{Budget, Handover, HandoverRule, MeanLogprob, Rsd, ThresholdRule};
use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::testing::{Babbler, CallLog, Flaky, Recording, TableScorer};
use arbitrage_core::trace::StepRecord;
use arbitrage_core::{
    AdvantageRouter, Author, ChooseBy, Drafter, Engine, Finish, Overlap, Prefix, Problem, Role, Route, SequenceId,
    SeveralDrafts, Solution, Step, StepResult, StepRule, StepsResult, Usage, forward_methods, router_fn,
};
use proptest::prelude::*;
use support::{ROUTERS, Setup, TestEngine, ascii_share, router, segmenter, setup, timeless};

type HandoverEngine = Engine<Recording<Babbler>, Recording<Babbler>, Handover<Box<dyn AdvantageRouter>>>;

fn with_handover(setup: &Setup, rule: HandoverRule) -> (HandoverEngine, CallLog) {
    let log = CallLog::new();
    let router = Handover::new(router(setup.router, &log), rule);
    let engine = Engine::new(log.record(setup.drafter()), log.record(setup.target()), router)
        .with_segmenter(segmenter(setup.segmenter))
        .with_limits(setup.limits)
        .with_overlap(setup.overlap);
    (engine, log)
}

fn solve_handover(setup: &Setup, rule: HandoverRule, problems: &[Problem]) -> Vec<Solution> {
    let answers = with_handover(setup, rule).0.solve_all(problems);
    answers.into_iter().map(|answer| timeless(answer.unwrap())).collect()
}

fn rule() -> impl Strategy<Value = HandoverRule> {
    (1..4usize, prop::option::of(1..4usize)).prop_map(|(after, steps)| match steps {
        None => HandoverRule::to_the_end(after).unwrap(),
        Some(steps) => HandoverRule::for_steps(after, steps).unwrap(),
    })
}

/// The steps that are handed over, found by walking through the authors with counters of its own.
fn handed_over(authors: &[Author], after: usize, steps: Option<usize>) -> Vec<bool> {
    let (mut escalated, mut until) = (0, 0);
    let mut handed = Vec::new();
    for (at, author) in authors.iter().enumerate() {
        handed.push(at < until);
        if at >= until && *author == Author::Target {
            escalated += 1;
            if escalated == after {
                (escalated, until) = (0, steps.map_or(usize::MAX, |steps| at + 1 + steps));
            }
        }
    }
    handed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_handover_that_never_comes_is_the_inner_router(setup in setup(), steps in prop::option::of(1..4usize)) {
        let rule = match steps {
            None => HandoverRule::to_the_end(usize::MAX).unwrap(),
            Some(steps) => HandoverRule::for_steps(usize::MAX, steps).unwrap(),
        };
        let problems = setup.problems(3);
        let plain: Vec<_> = setup.engine().0.solve_all(&problems).into_iter().map(|one| timeless(one.unwrap())).collect();
        prop_assert_eq!(solve_handover(&setup, rule, &problems), plain);
    }

    #[test]
    fn after_the_first_escalated_step_no_draft_is_written(setup in setup()) {
        let rule = HandoverRule::to_the_end(1).unwrap();
        for solution in solve_handover(&setup, rule, &setup.problems(3)) {
            let first = solution.records.iter().position(|record| record.author == Author::Target);
            let after = first.map_or(&[][..], |first| &solution.records[first + 1..]);
            prop_assert!(after.iter().all(|record| record.author == Author::Target && record.draft.is_none()));
        }
    }

    #[test]
    fn exactly_the_steps_of_a_handover_are_not_drafted(
        setup in setup(), after in 1..4usize, steps in prop::option::of(1..4usize),
    ) {
        // Routers that decide before a draft are left out: they skip drafts of their own.
        prop_assume!(![0, 1, 8, 9, 10, 11].contains(&setup.router));
        let rule = steps.map_or(HandoverRule::to_the_end(after), |steps| HandoverRule::for_steps(after, steps)).unwrap();
        for solution in solve_handover(&setup, rule, &setup.problems(3)) {
            let authors: Vec<Author> = solution.records.iter().map(|record| record.author).collect();
            let undrafted: Vec<bool> = solution.records.iter().map(|record| record.draft.is_none()).collect();
            prop_assert_eq!(undrafted, handed_over(&authors, after, steps));
            let joined: String = solution.steps.iter().map(|accepted| accepted.step.text.as_str()).collect();
            prop_assert_eq!(solution.text(), joined);
        }
    }

    #[test]
    fn handovers_do_not_depend_on_batch_order_caches_and_overlap(setup in setup(), rule in rule()) {
        let problems = setup.problems(4);
        let together = solve_handover(&setup, rule, &problems);
        let alone: Vec<_> =
            problems.iter().flat_map(|problem| solve_handover(&setup, rule, std::slice::from_ref(problem))).collect();
        prop_assert_eq!(&together, &alone);
        let without_cache = Setup { cached: false, overlap: Overlap::Off, ..setup.clone() };
        prop_assert_eq!(&together, &solve_handover(&without_cache, rule, &problems));
        let mut back = solve_handover(&setup, rule, &problems.into_iter().rev().collect::<Vec<_>>());
        back.reverse();
        prop_assert_eq!(&together, &back);
    }

    #[test]
    fn a_handover_releases_every_sequence_once(seed: u64, kind in 0..ROUTERS, rule in rule(), in_flight in 2..6usize) {
        let mut setup = Setup::new(seed, kind);
        setup.limits = setup.limits.with_in_flight(in_flight);
        let (mut engine, log) = with_handover(&setup, rule);
        engine.solve_all(&setup.problems(5));
        let released = log.released();
        let distinct: BTreeSet<_> = released.iter().map(|(role, id)| (role.to_string(), *id)).collect();
        let components = if [3, 4, 9, 10].contains(&kind) { 3 } else { 2 };
        prop_assert_eq!((released.len(), distinct.len()), (5 * components, 5 * components));
    }
}

#[test]
fn a_budget_around_a_handover_ends_it() {
    let (draft, target) = (script("draft", "abcdef"), script("target", "ABCDEF"));
    let handover = Handover::new(router_fn(|_| Route::Escalate), HandoverRule::to_the_end(1).unwrap());
    let mut engine = Engine::new(draft, target, Budget::new(handover, 3));
    assert_eq!(engine.solve(&Problem::new("?")).unwrap().text(), "A\n\nB\n\nC\n\nd\n\ne\n\nf\n\n");
    assert_eq!(engine.run_record().router, "budget(handover(closure, after=1), most=3)");
}

/// A model that writes one letter a step.
fn script(name: &str, letters: &'static str) -> impl Drafter + arbitrage_core::Verifier {
    let steps = letters.char_indices().map(|(at, letter)| {
        let finish = if at + 1 == letters.len() { Finish::EndOfText } else { Finish::Boundary };
        Step::new(format!("{letter}\n\n"), finish)
    });
    arbitrage_core::testing::Scripted::from_steps(name, steps)
}

/// How a draft is chosen in a test; routers of kind 3 and 5 have estimates.
fn chooser(kind: usize, setup: &mut Setup, log: &CallLog) -> ChooseBy {
    match kind {
        0 => ChooseBy::Logprob,
        1 => ChooseBy::score(log.record(ascii_share())),
        2 => {
            setup.router = 3;
            ChooseBy::Estimate(ThresholdRule::RSD)
        }
        _ => {
            setup.router = 5;
            ChooseBy::Estimate(ThresholdRule::LOGPROB)
        }
    }
}

const CHOOSERS: usize = 4;

fn with_drafts(setup: &Setup, count: usize, kind: usize) -> (TestEngine, CallLog) {
    let (mut setup, log) = (setup.clone(), CallLog::new());
    let by = chooser(kind, &mut setup, &log);
    let router: Box<dyn AdvantageRouter> = match setup.router {
        // RSD's own scorer is not logged, so that the log shows what the choice asks.
        3 => Box::new(log.record(Rsd::new(ascii_share(), 0.4).unwrap())),
        5 => Box::new(log.record(MeanLogprob::new(-1.2).unwrap())),
        kind => router(kind, &CallLog::new()),
    };
    let engine = Engine::new(log.record(setup.drafter()), log.record(setup.target()), router)
        .with_segmenter(segmenter(setup.segmenter))
        .with_limits(setup.limits)
        .with_overlap(setup.overlap)
        .with_drafts(SeveralDrafts::new(count, 1.0).unwrap(), by);
    (engine, log)
}

fn solve_drafts(setup: &Setup, count: usize, kind: usize, problems: &[Problem]) -> Vec<Solution> {
    let answers = with_drafts(setup, count, kind).0.solve_all(problems);
    answers.into_iter().map(|answer| timeless_choices(timeless(answer.unwrap()))).collect()
}

/// Without the costs that depend on caches and time.
fn timeless_choices(mut solution: Solution) -> Solution {
    let choices = solution.records.iter_mut().filter_map(|record| record.choice.as_mut());
    for candidate in choices.flat_map(|choice| &mut choice.candidates) {
        (candidate.cost.prefilled, candidate.cost.cached, candidate.cost.seconds) = (0, 0, 0.0);
    }
    solution
}

fn records(solutions: &[Solution]) -> impl Iterator<Item = &StepRecord> {
    solutions.iter().flat_map(|solution| &solution.records)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn one_draft_is_no_choice(mut setup in setup(), kind in 0..CHOOSERS) {
        chooser(kind, &mut setup, &CallLog::new());
        let problems = setup.problems(3);
        let plain: Vec<_> = setup.engine().0.solve_all(&problems).into_iter().map(|one| timeless(one.unwrap())).collect();
        let (mut engine, log) = with_drafts(&setup, 1, kind);
        let found: Vec<_> = engine.solve_all(&problems).into_iter().map(|one| timeless(one.unwrap())).collect();
        prop_assert_eq!(found, plain);
        prop_assert_eq!(log.of(Role::Scorer), []);
        prop_assert_eq!(engine.run_record().drafts, None);
    }

    #[test]
    fn the_first_of_the_best_drafts_is_chosen(setup in setup(), kind in 0..CHOOSERS, count in 2..6usize) {
        let solutions = solve_drafts(&setup, count, kind, &setup.problems(2));
        for record in records(&solutions) {
            let Some(choice) = &record.choice else {
                prop_assert!(record.draft.is_none() || kind >= 2, "a draft without a choice");
                continue;
            };
            let values: Vec<f32> = choice.candidates.iter().map(|draft| draft.value.unwrap()).collect();
            prop_assert_eq!(values.len(), count);
            let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(Some(choice.chosen), values.iter().position(|value| *value == best));
            prop_assert_eq!(&record.draft.as_ref().unwrap().text, &choice.candidates[choice.chosen].text);
            if kind >= 2 {
                prop_assert_eq!(record.decision.estimate, Some(best));
            }
        }
    }

    #[test]
    fn the_first_draft_is_the_drafters_own(setup in setup(), kind in 0..CHOOSERS) {
        let problems = setup.problems(2);
        let solutions = solve_drafts(&setup, 3, kind, &problems);
        let rule = segmenter(setup.segmenter);
        let rule = StepRule::new(&*rule, setup.limits.step_tokens);
        for (solution, problem) in solutions.iter().zip(&problems) {
            for record in solution.records.iter().filter(|record| record.choice.is_some()) {
                let mut drafter = Setup { cached: false, ..setup.clone() }.drafter();
                let prefix = Prefix::new(SequenceId(0), problem, &solution.steps[..record.index]);
                let own = drafter.draft(&[prefix], &rule).remove(0).unwrap();
                prop_assert_eq!(&record.choice.as_ref().unwrap().candidates[0].text, &own.text);
            }
        }
    }

    #[test]
    fn several_drafts_do_not_depend_on_batch_order_caches_and_overlap(
        setup in setup(), kind in 0..CHOOSERS, count in 2..4usize,
    ) {
        let problems = setup.problems(4);
        let together = solve_drafts(&setup, count, kind, &problems);
        let alone: Vec<_> = problems
            .iter()
            .flat_map(|problem| solve_drafts(&setup, count, kind, std::slice::from_ref(problem)))
            .collect();
        prop_assert_eq!(&together, &alone);
        let other = Setup { cached: false, overlap: Overlap::Off, ..setup.clone() };
        prop_assert_eq!(&together, &solve_drafts(&other, count, kind, &problems));
        let mut back = solve_drafts(&setup, count, kind, &problems.into_iter().rev().collect::<Vec<_>>());
        back.reverse();
        prop_assert_eq!(&together, &back);
    }

    #[test]
    fn the_usage_counts_all_drafts(setup in setup(), kind in 0..CHOOSERS) {
        let answers = with_drafts(&setup, 3, kind).0.solve_all(&setup.problems(3));
        let solutions: Vec<Solution> = answers.into_iter().map(Result::unwrap).collect();
        let total: Usage = solutions.iter().map(|solution| solution.usage).sum();
        let costs: Vec<_> = records(&solutions)
            .flat_map(|record| match &record.choice {
                Some(choice) => choice.candidates.iter().map(|draft| draft.cost).collect(),
                None => record.draft.iter().map(|draft| draft.cost).collect::<Vec<_>>(),
            })
            .collect();
        prop_assert_eq!(total.draft.calls, costs.len());
        prop_assert_eq!(total.draft.decoded, costs.iter().map(|cost| cost.decoded).sum::<usize>());
        prop_assert_eq!(total.draft.prefilled, costs.iter().map(|cost| cost.prefilled).sum::<usize>());
        prop_assert!((total.draft.seconds - costs.iter().map(|cost| cost.seconds).sum::<f64>()).abs() < 1e-9);
    }

    #[test]
    fn a_choice_asks_in_one_batch_and_its_decision_stands(seed: u64, kind in 0..CHOOSERS) {
        let setup = Setup::new(seed, 0);
        let (mut engine, log) = with_drafts(&setup, 4, kind);
        let solution = engine.solve(&setup.problems(1)[0]).unwrap();
        let chosen = solution.records.iter().filter(|record| record.choice.is_some()).count();
        let (role, idle) = if kind >= 2 { (Role::Router, Role::Scorer) } else { (Role::Scorer, Role::Router) };
        let asked = log.of(role);
        prop_assert_eq!(asked.len(), if kind == 0 { 0 } else { 4 * chosen });
        prop_assert!(asked.iter().all(|call| call.batch == 4));
        prop_assert_eq!(log.of(idle), []);
        prop_assert!(chosen > 0);
    }

    #[test]
    fn nothing_is_kept_of_a_finished_sequence(seed: u64, kind in 0..CHOOSERS, in_flight in 1..6usize, overlaps: bool) {
        let mut setup = Setup::new(seed, 0);
        let by = chooser(kind, &mut setup, &CallLog::new());
        let live = Arc::new(Mutex::new(HashSet::new()));
        let drafter = Counted { model: setup.drafter().with_rollback(), live: live.clone() };
        let mut engine = Engine::new(drafter, setup.target(), router(setup.router, &CallLog::new()))
            .with_limits(setup.limits.with_in_flight(in_flight))
            .with_overlap(if overlaps { Overlap::On } else { Overlap::Off })
            .with_drafts(SeveralDrafts::new(3, 1.0).unwrap(), by);
        engine.solve_all(&setup.problems(5)).into_iter().for_each(|answer| drop(answer.unwrap()));
        prop_assert!(live.lock().unwrap().is_empty());
    }
}

/// Knows which sequences it has been asked about and not told to release.
struct Counted {
    model: Babbler,
    live: Arc<Mutex<HashSet<SequenceId>>>,
}

impl Drafter for Counted {
    fn name(&self) -> &str {
        "counted"
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.live.lock().unwrap().extend(prefixes.iter().map(|prefix| prefix.id));
        self.model.draft(prefixes, rule)
    }
    fn release(&mut self, id: SequenceId) {
        self.live.lock().unwrap().remove(&id);
        Drafter::release(&mut self.model, id);
    }
}

#[test]
fn the_drafts_of_a_step_differ() {
    let setup = Setup::new(7, 0);
    let solutions = solve_drafts(&setup, 4, 0, &setup.problems(4));
    let texts = |record: &StepRecord| {
        let candidates = &record.choice.as_ref().unwrap().candidates;
        candidates.iter().map(|draft| draft.text.clone()).collect::<BTreeSet<_>>().len()
    };
    let counts: Vec<usize> = records(&solutions).map(texts).collect();
    assert!(counts.contains(&4), "{counts:?}");
    let others = records(&solutions).filter(|record| record.choice.as_ref().unwrap().chosen > 0).count();
    assert!(others > 0 && others < counts.len(), "{others} of {}", counts.len());
}

#[test]
fn a_step_that_is_decided_before_it_is_drafted_gets_one_draft_if_the_router_chooses() {
    for overlap in [Overlap::Off, Overlap::On] {
        let setup = Setup { overlap, ..Setup::new(3, 0) };
        let router = Budget::new(Rsd::new(ascii_share(), 0.9).unwrap(), 1);
        let mut engine = Engine::new(setup.drafter(), setup.target(), router)
            .with_limits(setup.limits)
            .with_overlap(overlap)
            .with_drafts(SeveralDrafts::new(3, 1.0).unwrap(), ChooseBy::Estimate(ThresholdRule::RSD));
        let solution = engine.solve(&setup.problems(1)[0]).unwrap();
        let (before, after) = solution.records.split_at(1);
        assert_eq!((before[0].author, after.is_empty()), (Author::Target, false));
        assert_eq!(before[0].choice.as_ref().unwrap().candidates.len(), 3);
        assert!(after.iter().all(|record| record.choice.is_none() && record.draft.is_some()), "{overlap:?}");
    }
}

#[test]
fn a_failing_router_escalates_or_ends_the_problem() {
    let setup = Setup::new(3, 0);
    let engine = || {
        Engine::new(setup.drafter(), setup.target(), Flaky::new(Rsd::new(ascii_share(), 0.4).unwrap(), 1))
            .with_limits(setup.limits)
            .with_drafts(SeveralDrafts::new(3, 1.0).unwrap(), ChooseBy::Estimate(ThresholdRule::RSD))
    };
    let problem = &setup.problems(1)[0];
    assert!(engine().solve(problem).unwrap_err().to_string().starts_with("router"));
    let solution = engine().with_fallback_to_target().solve(problem).unwrap();
    let first = &solution.records[0];
    assert_eq!((first.author, solution.usage.fallback_steps), (Author::Target, 1));
    let choice = first.choice.as_ref().unwrap();
    assert_eq!((choice.chosen, choice.candidates[0].value), (0, None));
    assert_eq!(solution.usage.draft.calls, 3 * solution.records.len());
}

#[test]
fn a_choice_that_cannot_be_made_is_an_error() {
    let setup = Setup::new(3, 0);
    let solve = |by| {
        let mut engine = Engine::new(setup.drafter(), setup.target(), router_fn(|_| Route::Accept))
            .with_drafts(SeveralDrafts::new(2, 1.0).unwrap(), by);
        engine.solve(&setup.problems(1)[0]).unwrap_err().to_string()
    };
    assert!(solve(ChooseBy::score(scorer_fn(|_, _| f32::NAN))).starts_with("scorer `"));
    assert!(solve(ChooseBy::score(TableScorer::new([]).with_default(2.0))).contains("expected in 0..=1, found 2"));
    assert!(solve(ChooseBy::Estimate(ThresholdRule::LEARNED)).contains("gives no estimate"));
}

/// Returns fewer drafts than were asked for.
struct Stingy(Babbler);

impl Drafter for Stingy {
    forward_methods!(Drafter, self => self.0; draft);
    fn name(&self) -> &str {
        "stingy"
    }
    fn draft_several(&mut self, prefixes: &[Prefix<'_>], _: SeveralDrafts, rule: &StepRule<'_>) -> Vec<StepsResult> {
        self.0.draft(prefixes, rule).into_iter().map(|step| Ok(vec![step?])).collect()
    }
}

#[test]
fn missing_drafts_are_an_error() {
    let setup = Setup::new(3, 0);
    let mut engine = Engine::new(Stingy(setup.drafter()), setup.target(), router_fn(|_| Route::Accept))
        .with_drafts(SeveralDrafts::new(2, 1.0).unwrap(), ChooseBy::Logprob);
    let error = engine.solve(&setup.problems(1)[0]).unwrap_err().to_string();
    assert!(error.contains("2 drafts of the step expected, 1 found"), "{error}");
}

#[test]
fn a_run_names_its_drafts() {
    let engine = with_drafts(&Setup::new(1, 0), 4, 1).0;
    let record = engine.run_record();
    let drafts = record.drafts.as_ref().unwrap();
    assert_eq!((drafts.count, drafts.temperature, drafts.chosen_by.as_str()), (4, 1.0, "score(closure)"));
    let line = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<arbitrage_core::trace::RunRecord>(&line).unwrap(), record);
    let plain = with_drafts(&Setup::new(1, 0), 1, 1).0.run_record();
    assert!(record.differences(&plain)[0].starts_with("drafts"));
}
