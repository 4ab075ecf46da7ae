use std::sync::{Arc, Mutex};

use arbitrage_core::router::Oracle;
use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::testing::Babbler;
use arbitrage_core::trace::Record;
use arbitrage_core::{Author, Engine, Limits, Prefix, Problem, Solution, Step};
use proptest::prelude::*;

use super::*;

/// An oracle's run on babblers, many problems in flight, with its trace. Every fourth score is a tie.
fn run(seed: u64, problems: usize, in_flight: usize, ends: f64) -> (Vec<Record>, Vec<Solution>) {
    let score = |_: &Prefix<'_>, step: &Step| (step.text.len() % 5) as f32 / 4.0;
    let draft = Babbler::new("draft", Author::Draft, seed).with_end_probability(ends);
    let target = Babbler::new("target", Author::Target, seed ^ 1).with_end_probability(ends);
    let trace = Arc::new(Mutex::new(Vec::new()));
    let limits = Limits::default().with_steps(9).with_step_tokens(9).with_in_flight(in_flight);
    let problem = |at| Problem::new(format!("Question {at}?")).with_id(format!("p{at}")).with_seed(seed + at as u64);
    let problems: Vec<Problem> = (0..problems).map(problem).collect();
    let mut engine = Engine::new(draft, target, Oracle::new(scorer_fn(score), 0.0).unwrap())
        .with_limits(limits)
        .with_sink(trace.clone());
    let solutions = engine.solve_all(&problems).into_iter().map(Result::unwrap).collect();
    let records = trace.lock().unwrap().clone();
    (records, solutions)
}

/// The examples of a trace with these records.
fn examples(records: Vec<Record>) -> Result<Examples, LabelError> {
    super::examples(&Trace::from_records(records).unwrap())
}

fn steps_mut(records: &mut [Record]) -> Vec<&mut StepRecord> {
    records.iter_mut().filter_map(|record| if let Record::Step(step) = record { Some(step) } else { None }).collect()
}

fn problem_of(record: &Record) -> &str {
    match record {
        Record::Step(step) => &step.problem,
        Record::Solution(end) => &end.problem,
        _ => "",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn examples_are_what_the_models_saw(seed in 0u64..1000, problems in 1usize..5, in_flight in 1usize..4) {
        let (records, solutions) = run(seed, problems, in_flight, 0.05);
        let found = examples(records).unwrap();
        prop_assert_eq!(found.skipped, Skipped::default());
        prop_assert_eq!(found.examples.len(), solutions.iter().map(|s| s.records.len()).sum::<usize>());
        for example in &found.examples {
            let at: usize = example.problem[1..].parse().unwrap();
            let record = &solutions[at].records[example.index];
            prop_assert_eq!(&example.question, &format!("Question {at}?"));
            prop_assert_eq!(&example.history[..], &solutions[at].steps[..example.index]);
            prop_assert_eq!(Some(&example.draft), record.draft.as_ref());
            prop_assert_eq!(Some(&example.target), record.target.as_ref());
            prop_assert_eq!(Some(example.advantage()), record.decision.estimate);
            prop_assert_eq!(example.label(), record.author == Author::Target);
        }
    }

    #[test]
    fn the_order_of_problems_does_not_matter(seed in 0u64..1000, problems in 2usize..6) {
        let (mut records, _) = run(seed, problems, 4, 0.05);
        let mixed = examples(records.clone()).unwrap();
        records.sort_by(|a, b| problem_of(b).cmp(problem_of(a)));
        prop_assert_eq!(examples(records).unwrap(), mixed);
    }

    #[test]
    fn a_resumed_run_gives_the_examples_of_an_uninterrupted_one(seed in 0u64..1000, kept in 0.0..1.0f64) {
        let (uninterrupted, _) = run(seed, 3, 3, 0.05);
        // The killed run sampled other texts, so that none of its records may be left.
        let (mut resumed, _) = run(seed + 5000, 3, 3, 0.05);
        resumed.truncate((resumed.len() as f64 * kept) as usize);
        let killed = steps_mut(&mut resumed).len();
        resumed.extend(uninterrupted.clone());
        let found = examples(resumed).unwrap();
        prop_assert_eq!(&found.examples, &examples(uninterrupted).unwrap().examples);
        prop_assert_eq!(found.skipped, Skipped { superseded: killed, ..Skipped::default() });
    }

    #[test]
    fn every_step_is_an_example_or_counted(seed in 0u64..1000, lost in prop::collection::vec(any::<bool>(), 60)) {
        let (mut records, _) = run(seed, 4, 2, 0.05);
        let mut lost = lost.into_iter().chain(std::iter::repeat(false));
        records.retain(|_| !lost.next().unwrap_or(false) || seed % 3 == 0);
        for step in steps_mut(&mut records) {
            match (lost.next(), step.index % 4) {
                (Some(true), 0) => step.draft = None,
                (Some(true), 1) => step.target = None,
                (Some(true), 2) => step.decision.draft_score = None,
                _ => {}
            }
        }
        let steps = steps_mut(&mut records).len();
        let found = examples(records).unwrap();
        prop_assert_eq!(found.examples.len() + found.skipped.steps(), steps);
        prop_assert!(found.examples.iter().all(|example| example.history.len() == example.index));
    }
}

#[test]
fn each_step_without_a_label_is_counted_under_its_reason() {
    let (records, _) = run(7, 1, 1, 0.0);
    let change = |edit: &dyn Fn(&mut StepRecord)| {
        let mut records = records.clone();
        edit(steps_mut(&mut records)[1]);
        examples(records).unwrap()
    };
    let steps = steps_mut(&mut records.clone()).len();
    assert!(steps > 3, "the test needs a few steps");
    let unscored = change(&|step| step.decision.target_score = None);
    assert_eq!((unscored.examples.len(), unscored.skipped.without_scores), (steps - 1, 1));
    let rejected = change(&|step| (step.draft, step.author) = (None, Author::Target));
    assert_eq!((rejected.examples.len(), rejected.skipped.without_draft), (steps - 1, 1));
    let lazy = change(&|step| (step.target, step.author) = (None, Author::Draft));
    assert_eq!((lazy.examples.len(), lazy.skipped.without_target), (steps - 1, 1));
    let broken = change(&|step| (step.target, step.author) = (None, Author::Target));
    assert_eq!((broken.examples.len(), broken.skipped.without_history), (1, steps - 2));
}

#[test]
fn unended_problems_are_dropped_and_counted() {
    let (mut records, _) = run(7, 2, 1, 0.0);
    let last = records.pop();
    assert!(matches!(last, Some(Record::Solution(_))));
    let of_second = records.iter().filter(|record| problem_of(record) == "p1").count();
    let found = examples(records).unwrap();
    assert!(found.examples.iter().all(|example| example.problem == "p0"));
    assert_eq!((found.skipped.unended_problems, found.skipped.unended_steps), (1, of_second));
}

#[test]
fn a_repeated_line_changes_nothing() {
    let (mut records, _) = run(7, 2, 1, 0.0);
    let expected = examples(records.clone()).unwrap().examples;
    let step = records.iter().position(|record| matches!(record, Record::Step(_))).unwrap();
    records.push(records[step].clone());
    let found = examples(records).unwrap();
    assert_eq!((found.examples, found.skipped.superseded), (expected, 1));
}

#[test]
fn non_finite_scores_are_refused_with_problem_and_step() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        let (mut records, _) = run(7, 2, 1, 0.0);
        steps_mut(&mut records)[2].decision.draft_score = Some(bad);
        let error = examples(records).unwrap_err();
        let LabelError::Score { problem, step, what, .. } = error else { panic!("{error}") };
        assert_eq!((problem.as_str(), step, what), ("p0", 2, "draft score"));
    }
}
