//! Canonical records are the same however a run was interrupted, batched or sharded.

use std::path::Path;

use arbitrage_core::router::Random;
use arbitrage_core::segmenter::Newline;
use arbitrage_core::testing::Babbler;
use arbitrage_core::trace::{JsonlSink, Record, Trace, TraceSink};
use arbitrage_core::{Author, BoxError, Draw, Engine, Limits, Problem, StepCost, Target, Usage};
use arbitrage_eval::harness::{HarnessError, Records, Shard, canonical, solve_into, write_canonical};
use proptest::prelude::*;

type Pair = Engine<Babbler, Target<Babbler>, Random>;

fn engine(in_flight: usize, rate: f32) -> Pair {
    let babbler = |author| Babbler::new(format!("{author:?}"), author, 7).with_end_probability(0.3);
    Engine::new(babbler(Author::Draft), Target(babbler(Author::Target)), Random::new(rate).unwrap())
        .with_segmenter(Newline::new())
        .with_limits(Limits::default().with_steps(6).with_step_tokens(8).with_in_flight(in_flight))
}

fn problems(count: u64) -> Vec<Problem> {
    (0..count).map(|n| Problem::new(format!("{n}?")).with_id(format!("p{n}")).with_seed(n)).collect()
}

fn run(path: &Path, problems: &[Problem], in_flight: usize) -> Result<usize, HarnessError> {
    let (sink, records) = Records::open(path)?;
    let mut solved = 0;
    solve_into(engine(in_flight, 0.4), problems, sink, &records, |_, _| solved += 1)?;
    Ok(solved)
}

/// The canonical records without measurements.
fn content(path: &Path, problems: &[Problem]) -> Vec<Record> {
    let (mut records, missing) = canonical(Trace::read(path).unwrap(), problems);
    assert!(missing.is_empty());
    for record in &mut records {
        match record {
            Record::Run(run) => run.limits = Limits::default(),
            Record::Step(step) => {
                step.router_seconds = 0.0;
                step.draft.iter_mut().chain(&mut step.target).for_each(|step| step.cost = StepCost::default());
            }
            Record::Solution(end) => end.usage = Usage::default(),
            _ => {}
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn interruptions_batches_and_shards_leave_no_trace(cuts in prop::collection::vec(0.0..1.0f64, 0..5), in_flight in 1usize..9, shards in 1usize..5) {
        let folder = tempfile::tempdir().unwrap();
        let [whole, pieces, merged] = ["whole", "pieces", "merged"].map(|name| folder.path().join(name));
        let problems = problems(12);
        prop_assert_eq!(run(&whole, &problems, 4).unwrap(), 12);
        let expected = content(&whole, &problems);
        for cut in cuts {
            run(&pieces, &problems, in_flight).unwrap();
            let length = std::fs::metadata(&pieces).unwrap().len();
            std::fs::File::options().write(true).open(&pieces).unwrap().set_len((length as f64 * cut) as u64).unwrap();
        }
        run(&pieces, &problems, in_flight).unwrap();
        prop_assert_eq!(run(&pieces, &problems, in_flight).unwrap(), 0, "nothing is left to solve");
        prop_assert_eq!(&content(&pieces, &problems), &expected);

        let mut paths = Vec::new();
        for shard in Shard::all(shards) {
            let path = folder.path().join(shard.folder());
            run(&path, &shard.of(&problems), in_flight).unwrap();
            paths.push(path);
        }
        write_canonical(Trace::read_all(&paths).unwrap(), &problems, &merged).unwrap();
        prop_assert_eq!(&content(&merged, &problems), &expected);
    }
}

#[test]
fn incomplete_and_mixed_runs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other, out] = ["one", "other", "out"].map(|name| folder.path().join(name));
    run(&one, &problems(3), 2).unwrap();
    let error = write_canonical(Trace::read(&one).unwrap(), &problems(5), &out).unwrap_err();
    assert!(
        matches!(&error, HarnessError::Incomplete { expected: 5, missing: 2, first, .. } if first == "p3"),
        "{error}"
    );
    let (sink, records) = Records::open(&other).unwrap();
    solve_into(engine(2, 0.5), &problems(3), sink, &records, |_, _| ()).unwrap();
    let both = Trace::read_all([&one, &other]).unwrap();
    let error = write_canonical(both, &problems(3), &out).unwrap_err().to_string();
    assert!(error.contains("another run") && error.contains("router"), "{error}");
    assert!(!out.exists());
    let (_, records) = Records::open(&other).unwrap();
    let error = solve_into(engine(2, 0.4), &problems(3), Vec::new(), &records, |_, _| ()).unwrap_err();
    assert!(matches!(error, HarnessError::AnotherRun { .. }), "{error}");
    let mut steps = Trace::read(&one).unwrap();
    steps.run = None;
    assert!(matches!(write_canonical(steps, &problems(3), &out), Err(HarnessError::NoRunRecord { .. })));
}

/// A sink that fails after so many records.
struct Full(JsonlSink, usize);

impl TraceSink for Full {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.1 = self.1.checked_sub(1).ok_or("no room")?;
        self.0.write(record)
    }
}

#[test]
fn a_run_whose_sink_fails_ends_and_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, full] = ["whole", "full"].map(|name| folder.path().join(name));
    let problems = problems(9);
    run(&whole, &problems, 4).unwrap();
    let mut draw = Draw::new(1);
    for _ in 0..20 {
        let room = 1 + (draw.uniform() * 12.0) as usize;
        let (sink, records) = Records::open(&full).unwrap();
        match solve_into(engine(3, 0.4), &problems, Full(sink, room), &records, |_, _| ()) {
            Ok(()) => break,
            Err(error) => assert_eq!(error.to_string(), "no room"),
        }
    }
    run(&full, &problems, 3).unwrap();
    assert_eq!(content(&full, &problems), content(&whole, &problems));
}
