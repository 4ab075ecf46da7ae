use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::router::MeanLogprob;
use crate::testing::Babbler;
use crate::trace::JsonlSink;
use crate::{Author, Engine, Limits, Problem};

/// The records of a run on babblers, with up to `in_flight` problems at a time.
fn run(seed: u64, problems: usize, in_flight: usize) -> Vec<Record> {
    let (draft, target) =
        (Babbler::new("draft", Author::Draft, seed), Babbler::new("target", Author::Target, seed ^ 1));
    let records = Arc::new(Mutex::new(Vec::new()));
    let limits = Limits::default().with_steps(9).with_step_tokens(9).with_in_flight(in_flight);
    let problem = |at| Problem::new(format!("Question {at}?")).with_id(format!("p{at}")).with_seed(seed + at as u64);
    let problems: Vec<Problem> = (0..problems).map(problem).collect();
    let mut engine =
        Engine::new(draft, target, MeanLogprob::new(-1.2).unwrap()).with_limits(limits).with_sink(records.clone());
    engine.solve_all(&problems);
    records.lock().unwrap().clone()
}

fn trace(records: Vec<Record>) -> Trace {
    Trace::from_records(records).unwrap()
}

fn problem_of(record: &Record) -> &str {
    match record {
        Record::Run(_) => "",
        Record::Step(step) => &step.problem,
        Record::Solution(end) => &end.problem,
    }
}

fn steps_and_ends(trace: &Trace) -> Vec<(&String, &BTreeMap<usize, StepRecord>, &Option<SolutionRecord>)> {
    trace.trajectories.iter().map(|(id, one)| (id, &one.steps, &one.end)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_record_is_found_again(seed in 0u64..1000, problems in 1usize..5, in_flight in 1usize..4) {
        let records = run(seed, problems, in_flight);
        let found = trace(records.clone());
        prop_assert_eq!((found.runs().count(), found.superseded, found.torn), (1, 0, None));
        prop_assert_eq!(found.trajectories.len(), problems);
        let ends: Vec<_> = records.iter().filter_map(|r| if let Record::Solution(end) = r { Some(end) } else { None }).collect();
        prop_assert_eq!(found.solutions(), ends);
        for one in found.trajectories.values() {
            let end = one.final_end().unwrap();
            let history = one.history();
            prop_assert_eq!(history.iter().map(|accepted| accepted.step.text.as_str()).collect::<String>(), end.text.clone());
            prop_assert_eq!(history.len(), one.steps.len());
        }
    }

    #[test]
    fn the_order_of_problems_does_not_matter(seed in 0u64..1000, problems in 2usize..6) {
        let mut records = run(seed, problems, 4);
        let interleaved = trace(records.clone());
        records.sort_by(|a, b| problem_of(b).cmp(problem_of(a)));
        let sorted = trace(records);
        prop_assert_eq!(steps_and_ends(&sorted), steps_and_ends(&interleaved));
    }

    #[test]
    fn a_resumed_run_gives_the_records_of_the_last_process(seed in 0u64..1000, kept in 0.0..1.0f64) {
        let complete = run(seed, 3, 3);
        // The killed run sampled other texts, so that none of its records may be left.
        let mut resumed = run(seed + 5000, 3, 3);
        resumed.truncate((resumed.len() as f64 * kept) as usize);
        let killed = resumed.iter().filter(|record| matches!(record, Record::Step(_))).count();
        resumed.extend(complete.clone());
        let (found, complete) = (trace(resumed), trace(complete));
        prop_assert_eq!(steps_and_ends(&found), steps_and_ends(&complete));
        prop_assert_eq!(found.superseded, killed);
    }
}

#[test]
fn a_file_is_read_with_its_unfinished_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let records = run(7, 2, 1);
    let mut sink = JsonlSink::create(&path).unwrap();
    records.iter().for_each(|record| sink.write(record).unwrap());
    drop(sink);
    assert_eq!(steps_and_ends(&Trace::read(&path).unwrap()), steps_and_ends(&trace(records)));

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 5]).unwrap();
    let cut_off = Trace::read(&path).unwrap();
    assert!(cut_off.torn.is_some());
    assert_eq!((cut_off.solutions().len(), cut_off.trajectories.len()), (1, 2));
    assert!(matches!(Trace::read(folder.path().join("other")), Err(TraceError::Jsonl(JsonlError::Io { .. }))));
    let both = Trace::read_all([&path, &path]).unwrap();
    assert_eq!((both.runs().count(), both.trajectories.len()), (2, 2));
}

#[test]
fn processes_are_told_apart_by_their_run_records() {
    let mut records = run(7, 3, 1);
    let first = trace(records.clone());
    assert_eq!(first.trajectories.values().map(|one| one.order_in_process).collect::<Vec<_>>(), [0, 1, 2]);
    // A second process takes up the last problem, begins it anew, and is killed.
    let Record::Run(mut again) = records[0].clone() else { panic!("a trace begins with its run") };
    let step = records.iter().find(|record| problem_of(record) == "p2").unwrap().clone();
    records.extend([Record::Run(again.clone()), step]);
    let resumed = trace(records.clone());
    assert_eq!(resumed.trajectories.values().map(|one| one.order_in_process).collect::<Vec<_>>(), [0, 1, 0]);
    assert!(resumed.differences().is_empty());
    let last = &resumed.trajectories["p2"];
    assert!(last.end.is_some() && last.final_end().is_none(), "the second attempt did not end");
    // A third one runs with another router.
    again.router = "rsd".to_owned();
    records.push(Record::Run(again));
    assert_eq!(trace(records).differences(), ["router: \"logprob(τ=-1.2)\", then \"rsd\""]);
    assert!(Trace::default().differences().is_empty());
}

#[test]
fn a_repeated_line_changes_nothing() {
    let mut records = run(7, 2, 1);
    let expected = trace(records.clone());
    let step = records.iter().position(|record| matches!(record, Record::Step(_))).unwrap();
    records.push(records[step].clone());
    let found = trace(records);
    assert_eq!((steps_and_ends(&found), found.superseded), (steps_and_ends(&expected), 1));
}

#[test]
fn one_id_for_two_questions_is_refused() {
    let mut records = run(7, 2, 1);
    for record in &mut records {
        match record {
            Record::Step(step) => step.problem = "same".into(),
            Record::Solution(end) => end.problem = "same".into(),
            Record::Run(_) => {}
        }
    }
    assert_eq!(Trace::from_records(records), Err(QuestionConflict { problem: "same".into() }));
}

#[test]
fn a_history_ends_before_a_missing_step() {
    let first = |seed| trace(run(seed, 1, 1)).trajectories.remove("p0").unwrap();
    let mut one = (0..).map(first).find(|one| one.steps.len() > 2).unwrap();
    one.steps.remove(&1);
    assert_eq!(one.history().len(), 1);
}
