//! The drafter works while router and target do, and only the times show it.

mod support;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use arbitrage_core::testing::{CallLog, Flaky, Scripted};
use arbitrage_core::trace::{Record, TraceSink};
use arbitrage_core::{
    Accepted, AdvantageRouter, Author, BoxError, Candidate, Decision, Drafter, Engine, Evidence, Limits, Overlap,
    Prefix, Problem, Rewrite, Role, Route, Step, StepResult, StepRule, Stop, Usage, Verifier, forward_methods,
    router_fn,
};
use proptest::prelude::*;
use support::{Setup, expected_stop, router, segmenter, setup, timeless, timeless_usage};

type Trace = Arc<Mutex<Vec<Record>>>;

/// The results and the trace of a run, without times.
type Observed = (Vec<Result<arbitrage_core::Solution, String>>, Vec<Record>);

fn observe<D, V, R>(
    engine: Engine<D, V, R>,
    sink: impl FnOnce(Trace) -> Box<dyn TraceSink>,
    problems: &[Problem],
) -> Observed
where
    D: Drafter,
    V: Verifier,
    R: AdvantageRouter,
{
    let trace = Trace::default();
    let mut engine = engine.with_sink(sink(trace.clone()));
    let answers = engine.solve_all(problems);
    let answers = answers.into_iter().map(|answer| answer.map(timeless).map_err(|error| error.to_string())).collect();
    let records = trace.lock().unwrap().drain(..).map(timeless_record).collect();
    (answers, records)
}

fn timeless_record(mut record: Record) -> Record {
    match &mut record {
        Record::Run(run) => run.overlap = Overlap::Off,
        Record::Step(step) => {
            (step.router_seconds, step.discarded) = (0.0, None);
            for step in step.draft.iter_mut().chain(&mut step.target) {
                let decoded = step.cost.decoded;
                step.cost = arbitrage_core::StepCost::new(0, 0, decoded, 0.0);
            }
        }
        Record::Solution(end) => end.usage = timeless_usage(end.usage),
        _ => {}
    }
    record
}

/// How a drafter fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Error,
    NotANumber,
    Panic,
}

/// A drafter that fails after certain texts, however often it is called.
struct Faulty<D> {
    model: D,
    fault: Fault,
}

impl<D: Drafter> Drafter for Faulty<D> {
    forward_methods!(Drafter, self => self.model; name, release);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = self.model.draft(prefixes, rule);
        let inject = |(prefix, step): (&Prefix<'_>, StepResult)| match (prefix.text().len() % 11 == 5, self.fault) {
            (false, _) | (true, Fault::None) => step,
            (true, Fault::Error) => Err(format!("no step after {} bytes", prefix.text().len()).into()),
            (true, Fault::NotANumber) => Ok(step?.with_first_entropy(f32::NAN)),
            (true, Fault::Panic) => panic!("no step after {:?} of {}", prefix.text(), prefix.problem.id),
        };
        prefixes.iter().zip(steps).map(inject).collect()
    }
}

/// The components that fail. Router, verifier and sink fail at a request with a certain number; the drafter cannot, since overlap
/// changes the number of its requests.
#[derive(Clone, Debug)]
struct Faults {
    drafter: Fault,
    router: Option<usize>,
    verifier: Option<usize>,
    sink: Option<usize>,
    fallback: bool,
}

prop_compose! {
    fn faults()(
        drafter in prop::sample::select(vec![Fault::None, Fault::Error, Fault::NotANumber]),
        router in prop::option::of(0..12usize), verifier in prop::option::of(0..12usize),
        sink in prop::option::weighted(0.2, 0..20usize), fallback: bool,
    ) -> Faults {
        Faults { drafter, router, verifier, sink, fallback }
    }
}

fn run(setup: &Setup, faults: &Faults, problems: &[Problem]) -> Observed {
    const NEVER: usize = usize::MAX;
    let drafter = Faulty { model: setup.drafter(), fault: faults.drafter };
    let verifier = Flaky::new(setup.target(), faults.verifier.unwrap_or(NEVER));
    let router = Flaky::new(router(setup.router, &CallLog::new()), faults.router.unwrap_or(NEVER));
    let engine = Engine::new(drafter, verifier, router)
        .with_segmenter(segmenter(setup.segmenter))
        .with_limits(setup.limits)
        .with_overlap(setup.overlap);
    let engine = if faults.fallback { engine.with_fallback_to_target() } else { engine };
    observe(engine, |trace| Box::new(Flaky::new(trace, faults.sink.unwrap_or(NEVER))), problems)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn overlap_is_unobservable(setup in setup(), faults in faults(), count in 1..7usize, blank in 0..20usize) {
        let mut problems = setup.problems(count);
        if let Some(problem) = problems.get_mut(blank) {
            problem.question = " ".to_owned();
        }
        let with = |overlap| run(&Setup { overlap, ..setup.clone() }, &faults, &problems);
        let plain = with(Overlap::Off);
        prop_assert_eq!(&plain, &with(Overlap::On));
    }

    #[test]
    fn every_call_of_the_drafter_is_counted(setup in setup()) {
        let (mut engine, log) = setup.engine();
        let answers = engine.solve_all(&setup.problems(4));
        let usage: Usage = answers.into_iter().map(|answer| answer.unwrap().usage).sum();
        prop_assert_eq!(log.of(Role::Drafter).len(), usage.draft.calls + usage.discarded.calls);
        if setup.overlap == Overlap::Off {
            prop_assert_eq!(usage.discarded, Default::default());
        }
    }

    #[test]
    fn the_drafter_is_never_called_after_the_end(setup in setup()) {
        let setup = Setup { overlap: Overlap::On, ..setup };
        let prefixes = Arc::new(Mutex::new(Vec::new()));
        let drafter = RecordsPrefixes { model: setup.drafter(), prefixes: prefixes.clone() };
        let mut engine = Engine::new(drafter, setup.target(), router(setup.router, &CallLog::new()))
            .with_segmenter(segmenter(setup.segmenter))
            .with_limits(setup.limits)
            .with_overlap(setup.overlap);
        engine.solve_all(&setup.problems(3));
        for steps in prefixes.lock().unwrap().iter() {
            prop_assert_eq!(expected_stop(steps, &setup.limits), None);
        }
    }

    #[test]
    fn panics_happen_where_they_would_without_overlap(setup in setup(), count in 1..4usize) {
        let problems = setup.problems(count);
        let with = |overlap| {
            let setup = Setup { overlap, ..setup.clone() };
            let trace = Trace::default();
            let drafter = Faulty { model: setup.drafter(), fault: Fault::Panic };
            let mut engine = Engine::new(drafter, setup.target(), router(setup.router, &CallLog::new()))
                .with_limits(setup.limits)
                .with_overlap(overlap)
                .with_sink(trace.clone());
            let mut done = Vec::new();
            let solve = || engine.solve_each(&problems, |at, answer| done.push((at, answer.map(timeless).unwrap())));
            let panic = catch_unwind(AssertUnwindSafe(solve)).map_err(|panic| *panic.downcast::<String>().unwrap());
            let records: Vec<_> = trace.lock().unwrap().drain(..).map(timeless_record).collect();
            (panic, done, records)
        };
        prop_assert_eq!(with(Overlap::Off), with(Overlap::On));
    }
}

/// A drafter that records the prefixes that it has to continue.
struct RecordsPrefixes<D> {
    model: D,
    prefixes: Arc<Mutex<Vec<Vec<Accepted>>>>,
}

impl<D: Drafter> Drafter for RecordsPrefixes<D> {
    forward_methods!(Drafter, self => self.model; name, release);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = prefixes.iter().map(|prefix| prefix.steps.to_vec()).filter(|steps| !steps.is_empty());
        self.prefixes.lock().unwrap().extend(steps);
        self.model.draft(prefixes, rule)
    }
}

/// A script with a step for each of `texts`.
fn scripted(name: &str, texts: &[&str]) -> Scripted {
    Scripted::new(name, texts.iter().copied())
}

/// The drafter's requests: index of the step, and number of sequences in the call.
fn requests(log: &CallLog) -> Vec<(usize, usize)> {
    log.of(Role::Drafter).iter().map(|call| (call.step, call.batch)).collect()
}

#[test]
fn a_step_that_was_drafted_ahead_is_not_drafted_again() {
    let log = CallLog::new();
    let draft = scripted("d", &["a\n\n", "b b\n\n", "c c c\n\n", "d d d d\n\n", "e"]).with_seconds_per_token(1.0);
    let target = scripted("t", &["A\n\n", "B\n\n", "C\n\n", "D\n\n", "E"]);
    let router = router_fn(|c| Route::escalate_if(c.draft.text.starts_with('b')));
    let mut engine = Engine::new(log.record(draft), target, log.record(router)).with_overlap(Overlap::On);
    let solution = engine.solve(&Problem::new("?")).unwrap();
    assert_eq!(solution.text(), "a\n\nB\n\nc c c\n\nd d d d\n\ne");
    // Step 2 was drafted after "b b" and again after "B". Nothing is drafted after the last step.
    assert_eq!(requests(&log), [(0, 1), (1, 1), (2, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!((solution.usage.draft.calls, solution.usage.discarded.calls), (5, 1));
    assert_eq!((solution.usage.discarded.decoded, solution.usage.discarded.seconds), (4, 4.0));
    assert_eq!(solution.usage.draft.seconds, 15.0);
    let discarded = solution.records.iter().map(|record| record.discarded.is_some());
    assert_eq!(discarded.collect::<Vec<_>>(), [false, true, false, false, false]);
}

#[test]
fn a_draft_written_ahead_is_dropped_if_the_router_escalates_without_one() {
    /// Escalates step 1 before it is drafted.
    struct EscalatesEarly;
    impl AdvantageRouter for EscalatesEarly {
        fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
            (prefix.steps.len() == 1).then(|| Route::Escalate.into())
        }
        fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
            assert_ne!(candidate.prefix.steps.len(), 1);
            Ok(Route::Accept.into())
        }
    }
    let log = CallLog::new();
    let draft = log.record(scripted("d", &["a\n\n", "b\n\n", "c"]));
    let target = log.record(scripted("t", &["A\n\n", "B\n\n", "C"]));
    let solution =
        Engine::new(draft, target, EscalatesEarly).with_overlap(Overlap::On).solve(&Problem::new("?")).unwrap();
    assert_eq!(solution.text(), "a\n\nB\n\nc");
    assert_eq!(solution.records[1].draft, None);
    assert_eq!(log.of(Role::Verifier)[0].text, None, "the target is shown no draft");
    assert_eq!(solution.records.iter().filter_map(|record| record.discarded).count(), 1);
    assert!(solution.records[1].discarded.is_some());
}

#[test]
fn nothing_is_drafted_ahead_if_there_is_nothing_to_overlap_with() {
    // Always-draft decides before the draft, so neither router nor target has work.
    let threads = |router| {
        let setup = Setup { overlap: Overlap::On, ..Setup::new(3, router) };
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let drafter = OnThread { model: setup.drafter(), threads: threads.clone() };
        let router = support::router(router, &CallLog::new());
        Engine::new(drafter, setup.target(), router).with_overlap(setup.overlap).solve_all(&setup.problems(3));
        threads.lock().unwrap().len()
    };
    assert_eq!(threads(0), 1);
    assert!(threads(2) > 1);
}

/// A drafter that records the threads it is called on.
struct OnThread<D> {
    model: D,
    threads: Arc<Mutex<HashSet<ThreadId>>>,
}

impl<D: Drafter> Drafter for OnThread<D> {
    forward_methods!(Drafter, self => self.model; name);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.threads.lock().unwrap().insert(std::thread::current().id());
        self.model.draft(prefixes, rule)
    }
}

#[test]
fn limits_end_the_drafting_ahead() {
    let script: Vec<String> = (0..9).map(|n| format!("step {n}\n\n")).collect();
    let script: Vec<&str> = script.iter().map(String::as_str).collect();
    let all = Limits::default();
    for (limits, stop, steps) in [
        (all.with_steps(1), Stop::Steps, 1),
        (all.with_steps(3), Stop::Steps, 3),
        (all.with_tokens(7), Stop::Tokens, 3),
        (all, Stop::EndOfText, 9),
    ] {
        let log = CallLog::new();
        let mut engine =
            Engine::new(log.record(scripted("d", &script)), scripted("t", &[]), router_fn(|_| Route::Accept))
                .with_limits(limits)
                .with_overlap(Overlap::On);
        let solution = engine.solve(&Problem::new("?")).unwrap();
        assert_eq!((solution.stop, solution.steps.len()), (stop, steps));
        assert_eq!(requests(&log), (0..steps).map(|step| (step, 1)).collect::<Vec<_>>(), "{limits:?}");
        assert_eq!(solution.usage.discarded.calls, 0);
    }
}

#[test]
fn a_wrong_number_of_steps_ahead_counts_only_if_it_is_repeated() {
    /// Returns one step too many from the second on.
    struct Generous(Scripted);
    impl Drafter for Generous {
        fn name(&self) -> &str {
            "generous"
        }
        fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
            let surplus = prefixes.iter().any(|prefix| !prefix.steps.is_empty());
            let surplus = surplus.then(|| Ok(Step::new("surplus", arbitrage_core::Finish::Boundary)));
            Drafter::draft(&mut self.0, prefixes, rule).into_iter().chain(surplus).collect()
        }
    }
    let draft = || Generous(scripted("d", &["a\n\n", "b"]));
    let solve = |escalate| {
        let router = router_fn(move |_| Route::escalate_if(escalate));
        let mut engine = Engine::new(draft(), scripted("t", &["A"]), router).with_overlap(Overlap::On);
        engine.solve(&Problem::new("?")).map(|solution| solution.text()).map_err(|error| error.to_string())
    };
    assert_eq!(solve(true).as_deref(), Ok("A"));
    assert_eq!(solve(false).unwrap_err(), "drafter `generous` gave 2 answers to 1 requests");
}

#[test]
fn random_runs_roll_back() {
    // A cache that assumes that sequences only grow is wrong here: it holds steps that were drafted after rejected ones.
    let text = |rolls_back: bool, seed| {
        let setup = Setup { overlap: Overlap::On, ..Setup::new(seed, 2) };
        let model = Setup { cached: false, ..setup.clone() }.drafter();
        let draft = if rolls_back { model.with_rollback() } else { model.with_cache() };
        let mut engine = Engine::new(draft, setup.target(), router(2, &CallLog::new()))
            .with_limits(setup.limits)
            .with_overlap(setup.overlap);
        engine.solve_all(&setup.problems(4)).into_iter().map(|answer| answer.unwrap().text()).collect::<Vec<_>>()
    };
    let differ = (0..20).filter(|&seed| text(true, seed) != text(false, seed)).count();
    assert!(differ > 10, "{differ} of 20");
}

/// One side of a rendezvous: it signals the other side, and waits for its signal.
struct Rendezvous {
    here: Sender<()>,
    there: Receiver<()>,
    missed: Arc<AtomicBool>,
}

impl Rendezvous {
    /// Both sides, and whether one of them timed out.
    fn pair() -> (Self, Self, Arc<AtomicBool>) {
        let ((here, a), (there, b), missed) = (channel(), channel(), Arc::new(AtomicBool::new(false)));
        let one = Self { here, there: b, missed: missed.clone() };
        (one, Self { here: there, there: a, missed: missed.clone() }, missed)
    }

    fn wait(&self) {
        self.here.send(()).ok();
        if self.there.recv_timeout(Duration::from_secs(20)).is_err() {
            self.missed.store(true, Ordering::Relaxed);
        }
    }
}

/// A component that, when it is first called for step `at`, waits until the other one is called too.
struct Waits<T> {
    inner: T,
    at: usize,
    rendezvous: Option<Rendezvous>,
    evidence: Evidence,
}

impl<T> Waits<T> {
    fn new(inner: T, at: usize, rendezvous: Option<Rendezvous>, evidence: Evidence) -> Self {
        Self { inner, at, rendezvous, evidence }
    }

    fn wait(&mut self, step: usize) {
        if let Some(rendezvous) = self.rendezvous.take_if(|_| step == self.at) {
            rendezvous.wait();
        }
    }
}

impl<T: Drafter> Drafter for Waits<T> {
    forward_methods!(Drafter, self => self.inner; name);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.wait(prefixes[0].steps.len());
        self.inner.draft(prefixes, rule)
    }
}

impl<T: Verifier> Verifier for Waits<T> {
    forward_methods!(Verifier, self => self.inner; name);

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.wait(requests[0].prefix.steps.len());
        self.inner.rewrite(requests, rule)
    }
}

impl<T: AdvantageRouter> AdvantageRouter for Waits<T> {
    fn evidence(&self) -> Evidence {
        self.evidence
    }
    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        self.wait(candidate.prefix.steps.len());
        self.inner.route(candidate)
    }
}

const DRAFTS: [&str; 3] = ["a\n\n", "b\n\n", "c"];
const TARGETS: [&str; 3] = ["A\n\n", "B\n\n", "C"];

#[test]
fn the_drafter_writes_step_1_while_the_router_decides_on_step_0() {
    let (one, other, missed) = Rendezvous::pair();
    let evidence = Evidence::DraftOnly;
    let draft = Waits::new(scripted("d", &DRAFTS), 1, Some(one), evidence);
    let router = Waits::new(router_fn(|_| Route::Accept), 0, Some(other), evidence);
    let mut engine = Engine::new(draft, scripted("t", &TARGETS), router).with_overlap(Overlap::On);
    assert_eq!(engine.solve(&Problem::new("?")).unwrap().text(), "a\n\nb\n\nc");
    assert!(!missed.load(Ordering::Relaxed));
}

#[test]
fn the_drafter_writes_step_1_while_the_target_writes_step_0() {
    for (evidence, route, text) in [
        (Evidence::DraftOnly, Route::Escalate, "A\n\nB\n\nC"),
        (Evidence::Both, Route::Escalate, "A\n\nB\n\nC"),
        (Evidence::Both, Route::Accept, "a\n\nb\n\nc"),
    ] {
        let (one, other, missed) = Rendezvous::pair();
        let draft = Waits::new(scripted("d", &DRAFTS), 1, Some(one), evidence);
        let target = Waits::new(scripted("t", &TARGETS), 0, Some(other), evidence);
        let router = Waits::new(router_fn(move |_| route), 0, None, evidence);
        let mut engine = Engine::new(draft, target, router).with_overlap(Overlap::On);
        assert_eq!(engine.solve(&Problem::new("?")).unwrap().text(), text);
        assert!(!missed.load(Ordering::Relaxed), "{evidence:?}, {route:?}");
    }
}

#[test]
fn a_rejected_sequence_does_not_hold_up_the_drafts_of_the_others() {
    // Both sequences are drafted ahead in one call; the accepted one needs no draft in the next iteration.
    let log = CallLog::new();
    let draft = log.record(scripted("d", &DRAFTS));
    let router = router_fn(|c| Route::escalate_if(c.prefix.problem.id == "hard" && c.prefix.steps.is_empty()));
    let mut engine = Engine::new(draft, scripted("t", &TARGETS), router).with_overlap(Overlap::On);
    let problems = ["easy", "hard"].map(|id| Problem::new("?").with_id(id));
    let texts: Vec<_> = engine.solve_all(&problems).into_iter().map(|answer| answer.unwrap().text()).collect();
    assert_eq!(texts, ["a\n\nb\n\nc", "A\n\nb\n\nc"]);
    assert_eq!(requests(&log), [(0, 2), (0, 2), (1, 2), (1, 2), (1, 1), (2, 2), (2, 2)]);
}

#[test]
fn traces_without_overlap_do_not_mention_it() {
    let usage = serde_json::to_value(Usage::default()).unwrap();
    assert!(usage.get("discarded").is_none());
    assert_eq!(serde_json::from_value::<Usage>(usage).unwrap(), Usage::default());
    let trace = Trace::default();
    let solve = |overlap| {
        let mut engine = Engine::new(scripted("d", &DRAFTS), scripted("t", &TARGETS), router_fn(|_| Route::Escalate))
            .with_overlap(overlap)
            .with_sink(trace.clone());
        engine.solve(&Problem::new("?")).unwrap();
        trace.lock().unwrap().drain(..).map(|record| serde_json::to_string(&record).unwrap()).collect::<String>()
    };
    let (plain, overlapped) = (solve(Overlap::Off), solve(Overlap::On));
    assert!(!plain.contains("discarded") && !plain.contains("overlap"));
    assert!(overlapped.contains(r#""discarded":{"#) && overlapped.contains(r#""overlap":"on""#));
}

#[test]
fn steps_that_are_assumed_accepted_are_the_drafts() {
    let prefixes = Arc::new(Mutex::new(Vec::new()));
    let drafter = RecordsPrefixes { model: scripted("d", &DRAFTS), prefixes: prefixes.clone() };
    let router = router_fn(|_| Route::Escalate);
    Engine::new(drafter, scripted("t", &TARGETS), router).with_overlap(Overlap::On).solve(&Problem::new("?")).unwrap();
    let prefixes = prefixes.lock().unwrap();
    let shown = |steps: &Vec<Accepted>| {
        steps.iter().map(|accepted| (accepted.step.text.trim().to_owned(), accepted.author)).collect::<Vec<_>>()
    };
    let (a, b) = (|text: &str| (text.to_owned(), Author::Draft), |text: &str| (text.to_owned(), Author::Target));
    assert_eq!(
        prefixes.iter().map(shown).collect::<Vec<_>>(),
        [vec![a("a")], vec![b("A")], vec![b("A"), a("b")], vec![b("A"), b("B")]]
    );
}

#[test]
fn a_trace_whose_overlap_was_measured_is_read() {
    let engine = Engine::new(scripted("d", &[]), scripted("t", &[]), router_fn(|_| Route::Accept));
    let run = serde_json::to_string(&engine.with_overlap(Overlap::On).run_record()).unwrap();
    let old = run.replace(r#""overlap":"on""#, r#""overlap":"measured""#);
    assert_ne!(run, old);
    let read: arbitrage_core::trace::RunRecord = serde_json::from_str(&old).unwrap();
    assert_eq!(read.overlap, Overlap::On);
}
