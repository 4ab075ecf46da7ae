//! Results from traces that were killed, resumed, failed and graded in every way.

use arbitrage_core::trace::{Record, RunRecord, Trace};
use arbitrage_core::{Author, router::AlwaysDraft, testing::Scripted};
use arbitrage_core::{Engine, Limits, Problem, router::MeanLogprob, testing::Babbler};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

use super::*;
use crate::results::{GradeRow, Grades, Outcome, TraceResults};

fn problems(count: usize) -> Vec<Problem> {
    (0..count).map(|at| Problem::new(format!("Question {at}?")).with_id(at.to_string()).with_seed(at as u64)).collect()
}

/// The trace of one process over these problems.
fn trace(problems: &[Problem], in_flight: usize) -> Vec<Record> {
    let model = |author, seed| Babbler::new("babbler", author, seed);
    let sink = Arc::new(Mutex::new(Vec::new()));
    Engine::new(model(Author::Draft, 1), model(Author::Target, 2), MeanLogprob::new(-1.5).unwrap())
        .with_limits(Limits::default().with_steps(6).with_in_flight(in_flight))
        .with_sink(sink.clone())
        .solve_all(problems);
    std::mem::take(&mut *sink.lock().unwrap())
}

fn problem_results(records: &[Record], grades: &Grades, warm_up: usize) -> Result<TraceResults, ResultsError> {
    crate::results::problem_results(&Trace::from_records(records.to_vec()).unwrap(), grades, warm_up)
}

fn grades(ids: impl IntoIterator<Item = usize>) -> Grades {
    let verdict = |id: usize| if id.is_multiple_of(2) { Outcome::Right } else { Outcome::Wrong };
    Grades::new(ids.into_iter().map(|id| GradeRow::new(id.to_string(), verdict(id))))
}

fn run_record(trace: &[Record]) -> RunRecord {
    let Record::Run(run) = &trace[0] else { panic!("a trace begins with its run") };
    run.clone()
}

#[test]
fn the_first_problems_of_each_process_are_warm_up() {
    let mut records = trace(&problems(4), 1);
    records.extend(trace(&problems(7)[4..], 2));
    let found = problem_results(&records, &grades(0..7), 1).unwrap();
    let warm: Vec<_> = found.problems.iter().filter(|problem| problem.warm_up).map(|problem| &*problem.id).collect();
    assert_eq!(warm, ["0", "4"]);
    assert_eq!((found.unfinished, found.superseded), (0, 0));
    let timed = found.problems.iter().filter(|problem| problem.timed_seconds().is_some());
    assert_eq!(timed.count(), 5);
}

proptest! {
    /// A run that is killed anywhere and begun again gives what it would have given in one go.
    #[test]
    fn kills_leave_no_mark(cut in 1usize..40, in_flight in 1usize..4) {
        let whole = trace(&problems(6), in_flight);
        let cut = cut.min(whole.len());
        let is_open = |problem: &&Problem| {
            !whole[..cut].iter().any(|record| matches!(record, Record::Solution(end) if end.problem == problem.id))
        };
        let open: Vec<Problem> = problems(6).iter().filter(is_open).cloned().collect();
        let mut resumed = whole[..cut].to_vec();
        resumed.extend(trace(&open, in_flight));
        let [once, twice] = [&whole, &resumed].map(|records| problem_results(records, &grades(0..6), 0).unwrap());
        let usages = |found: &TraceResults| -> Vec<_> {
            let tokens = |usage: &arbitrage_core::Usage| (usage.draft.decoded, usage.target.decoded, usage.accepted_steps);
            found.problems.iter().map(|problem| (problem.id.clone(), problem.outcome, tokens(&problem.usage))).collect()
        };
        prop_assert_eq!(usages(&once), usages(&twice));
    }
}

#[test]
fn what_did_not_end_is_no_result() {
    let mut records = trace(&problems(3), 1);
    records.pop();
    let found = problem_results(&records, &grades(0..2), 0).unwrap();
    assert_eq!((found.problems.len(), found.unfinished), (2, 1));
    // An end of an earlier process is void where a later one began the problem anew.
    let run = Record::Run(run_record(&records));
    let again = records.iter().find(|record| matches!(record, Record::Step(step) if step.problem == "1")).cloned();
    records.extend([run, again.unwrap()]);
    assert_eq!(problem_results(&records, &grades(0..2), 0), Err(ResultsError::Unsolved { id: "1".to_owned() }));
}

#[test]
fn a_failure_is_an_outcome_of_its_own() {
    let sink = Arc::new(Mutex::new(Vec::new()));
    Engine::new(Scripted::new("draft", []), Scripted::new("target", []), AlwaysDraft)
        .with_sink(sink.clone())
        .solve_all(&[Problem::new(" ").with_id("0")]);
    let records = std::mem::take(&mut *sink.lock().unwrap());
    for grades in [Grades::default(), grades([0])] {
        let found = problem_results(&records, &grades, 0).unwrap().problems;
        assert_eq!((found[0].outcome, found[0].timed_seconds()), (Outcome::Errored, None));
    }
}

#[test]
fn grades_and_trace_are_of_the_same_problems() {
    let records = trace(&problems(3), 1);
    let error = |grades| problem_results(&records, &grades, 0).unwrap_err().to_string();
    assert!(error(grades(0..2)).contains("`2` was solved"));
    assert!(error(grades(0..4)).contains("`3` has a grade"));
    let mut twisted = records.clone();
    let mut end = records.iter().rev().find_map(|record| match record {
        Record::Solution(end) => Some(end.clone()),
        _ => None,
    });
    end.as_mut().unwrap().question = "Another?".to_owned();
    twisted.push(Record::Solution(end.unwrap()));
    assert!(Trace::from_records(twisted).is_err(), "one id, two questions");
}

#[test]
fn measured_seconds_replace_the_sum() {
    let records = trace(&problems(1), 1);
    let grades = Grades::new([GradeRow::new("0", Outcome::Right).with_seconds(2.5)]);
    assert_eq!(problem_results(&records, &grades, 0).unwrap().problems[0].seconds, 2.5);
}

#[test]
fn results_are_sorted_and_checked_made_or_read() {
    let mut problems = problem_results(&trace(&problems(3), 1), &grades(0..3), 0).unwrap().problems;
    problems.reverse();
    let results = PolicyResults::new("tables", "logprob", Some(-1.5), problems.clone()).unwrap();
    assert_eq!((results.problems()[0].id.as_str(), results.name()), ("0", "logprob:-1.5".to_owned()));
    let text = serde_json::to_string(&results).unwrap();
    let read: PolicyResults = serde_json::from_str(&text).unwrap();
    assert_eq!((read.name(), read.problems().len()), (results.name(), 3));
    assert!(serde_json::from_str::<PolicyResults>(&text.replace("\"id\":\"1\"", "\"id\":\"2\"")).is_err());

    let make = |problems| PolicyResults::new("tables", "logprob", None, problems).unwrap_err().to_string();
    let changed = |change: fn(&mut ProblemResult)| {
        let mut problems = problems.clone();
        change(&mut problems[1]);
        make(problems)
    };
    assert!(changed(|problem| problem.id = "0".to_owned()).contains("found two"));
    assert!(changed(|problem| problem.seconds = f64::NAN).contains("seconds expected"));
    assert!(changed(|problem| problem.usage.target.seconds = -1.0).contains("of the target"));
    assert!(PolicyResults::new("tables", "rsd", Some(f32::NAN), Vec::new()).is_err());
}
