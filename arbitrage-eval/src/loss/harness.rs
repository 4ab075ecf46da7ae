//! Makes the runs that a threshold is calibrated by.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_core::trace::{JsonlSink, Record, Trace, TraceSink};
use arbitrage_core::{AdvantageRouter, BoxError, Drafter, Engine, EngineError, Problem, Solution, Verifier};
use arbitrage_router::Policy;
use arbitrage_router::calibrate::{FixedSequence, LossTest};

use super::copied::unchanged;
use super::tau_grid::{given, quantiles, safest};
use super::{LossError, LossPoint, PairedRuns, SolvedRun, TauGrid};
use crate::gold::Gold;
use crate::harness::{HarnessError, Records, file_name, solve_into};

/// One in so many problems is used to find thresholds, where they are quantiles.
const PILOT_INTERVAL: usize = 10;

/// Calibrates the threshold of a policy by runs of its own: the target once, then the pair at one threshold after the other, from the safest
/// on, up to the first of which nothing is shown.
///
/// ```
/// use arbitrage_core::router::ThresholdRule;
/// use arbitrage_core::{Engine, Problem, testing::Scripted};
/// use arbitrage_eval::gold::Gold;
/// use arbitrage_eval::loss::{LossHarness, TauGrid};
/// use arbitrage_router::Policy;
/// use arbitrage_router::calibrate::{LossTest, LossVerdict};
///
/// let folder = tempfile::tempdir()?;
/// let problems: Vec<_> = (0..80).map(|at| Problem::new(format!("Repeat {at}")).with_id(format!("p{at}"))).collect();
/// let gold = Gold::default().with_fallback(|problem| problem.question.strip_prefix("Repeat ").map(str::to_owned));
/// let harness = LossHarness {
///     folder: folder.path(),
///     problems: &problems,
///     gold: &gold,
///     policy: Policy::Random(0.0),
///     taus: TauGrid::Given(vec![1.0, 0.0]),
///     is_repeatable: true,
/// };
/// // Both models answer nothing but 4, so that the target solves too few problems.
/// let engine = |policy: Policy, _: &[Problem]| {
///     let (draft, target) = (Scripted::new("draft", [r"\boxed{4}"]), Scripted::new("target", [r"\boxed{4}"]));
///     let notes = arbitrage_core::trace::RunNotes::default().with_policy(policy.name(), policy.threshold());
///     Ok(Engine::new(draft, target, policy.router(None)?).with_notes(notes))
/// };
/// let test = LossTest::new(0.05, 0.95)?;
/// let runs = harness.run(test, engine, &mut ())?;
/// assert_eq!(runs.calibrate(test).verdict, LossVerdict::TooFew { problems: 1, needed: 59 });
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LossHarness<'a> {
    /// The folder of the runs' traces, which is created if necessary. A calibration that was interrupted is resumed from them.
    pub folder: &'a Path,
    /// The problems, on which nothing was trained. Each needs an id of its own.
    pub problems: &'a [Problem],
    /// Their answers.
    pub gold: &'a Gold,
    /// The policy, whose own threshold is ignored.
    pub policy: Policy,
    /// The thresholds to be tested.
    pub taus: TauGrid,
    /// Whether the same decisions lead to the same texts, as they do with models in this process. Then problems whose decisions do not change
    /// from one threshold to the next are copied and not solved again.
    pub is_repeatable: bool,
}

/// A run of a calibration that is about to begin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LossRun<'a> {
    /// The policy with its threshold.
    pub policy: Policy,
    /// Whether it only serves to find thresholds.
    pub is_pilot: bool,
    /// Its trace.
    pub path: &'a Path,
    /// Number of problems that need not be solved, because the trace has them or because they were copied.
    pub done: usize,
    /// Number of all problems.
    pub problems: usize,
}

/// Follows the progress of a calibration. `()` ignores it.
pub trait LossWatcher {
    /// The sink of a run's trace: that of the file, or one around it that may end the calibration by an error.
    type Sink: TraceSink + 'static;

    /// The sink that records are written to.
    fn sink(&mut self, file: JsonlSink) -> Self::Sink;

    /// A run begins.
    fn begin(&mut self, run: &LossRun<'_>);

    /// A problem has ended, with a solution or an error.
    fn solved(&mut self, problem: &Problem, solution: Result<&Solution, &EngineError>);

    /// A run has ended. For the run of a threshold, what was counted and whether it passed.
    fn end(&mut self, tested: Option<(&LossPoint, bool)>);
}

impl LossWatcher for () {
    type Sink = JsonlSink;

    fn sink(&mut self, file: JsonlSink) -> JsonlSink {
        file
    }

    fn begin(&mut self, _run: &LossRun<'_>) {}

    fn solved(&mut self, _problem: &Problem, _solution: Result<&Solution, &EngineError>) {}

    fn end(&mut self, _tested: Option<(&LossPoint, bool)>) {}
}

/// A run with all that identifies it.
struct NamedRun<'a> {
    /// Name of the trace, without its extension.
    name: String,
    policy: Policy,
    problems: &'a [Problem],
    /// The run before, from which unchanged problems are copied.
    previous: Option<&'a Path>,
}

impl LossHarness<'_> {
    /// Makes the runs that `test` needs and returns them. `engine` builds the engine of a policy for problems, with notes that identify
    /// policy, router and problems; it is called once for each run.
    ///
    /// # Errors
    /// [`LossError`], naming the file: where it cannot be written, or holds another run; and errors of `engine` and of the watcher's sink.
    pub fn run<D: Drafter, V: Verifier, R: AdvantageRouter>(
        &self,
        test: LossTest,
        mut engine: impl FnMut(Policy, &[Problem]) -> Result<Engine<D, V, R>, BoxError>,
        watcher: &mut impl LossWatcher,
    ) -> Result<PairedRuns, LossError> {
        fs::create_dir_all(self.folder).map_err(|source| HarnessError::io(self.folder, source))?;
        let (taus, problems) = self.thresholds(&mut engine, watcher)?;
        let planned =
            NamedRun { name: "target".to_owned(), policy: Policy::Target, problems: &problems, previous: None };
        let target = self.solve(&planned, &mut engine, watcher)?;
        watcher.end(None);
        let mut runs = vec![SolvedRun::read(&target, self.gold)?];
        let mut sequence = FixedSequence::new(test);
        for tau in taus {
            let previous = runs.last().filter(|_| runs.len() > 1).map(|run| run.path.clone());
            let (name, policy, previous) = (format!("tau-{tau}"), self.at(tau)?, previous.as_deref());
            let planned = NamedRun { name, policy, problems: &problems, previous };
            let path = self.solve(&planned, &mut engine, watcher)?;
            let run = SolvedRun::read(&path, self.gold)?;
            let point = LossPoint::new(test, tau, &runs[0].results, &run.results);
            let goes_on = sequence.push(tau, point.tested.counts).is_continue();
            watcher.end(Some((&point, goes_on)));
            runs.push(run);
            if !goes_on {
                break;
            }
        }
        PairedRuns::new(runs)
    }

    /// The thresholds, and the problems to test them on.
    fn thresholds<D: Drafter, V: Verifier, R: AdvantageRouter>(
        &self,
        engine: &mut impl FnMut(Policy, &[Problem]) -> Result<Engine<D, V, R>, BoxError>,
        watcher: &mut impl LossWatcher,
    ) -> Result<(Vec<f32>, Vec<Problem>), LossError> {
        let count = match &self.taus {
            TauGrid::Given(taus) => return Ok((given(self.policy, taus)?, self.problems.to_vec())),
            TauGrid::Quantiles(count) => *count,
        };
        let is_pilot = |at: usize| at.is_multiple_of(PILOT_INTERVAL);
        let part = |pilot| self.problems.iter().enumerate().filter(move |(at, _)| is_pilot(*at) == pilot);
        let [pilot, others] = [true, false].map(|pilot| part(pilot).map(|(_, one)| one.clone()).collect::<Vec<_>>());
        let policy = self.at(safest(self.policy)?)?;
        let planned = NamedRun { name: "pilot".to_owned(), policy, problems: &pilot, previous: None };
        let path = self.solve(&planned, engine, watcher)?;
        watcher.end(None);
        Ok((quantiles(self.policy, &read(&path)?, count)?, others))
    }

    fn at(&self, tau: f32) -> Result<Policy, LossError> {
        let invalid = |error: arbitrage_router::PolicyError| LossError::Thresholds {
            policy: self.policy.name().to_owned(),
            reason: error.to_string(),
        };
        self.policy.with_threshold(tau).map_err(invalid)
    }

    /// Solves what the run's trace does not have, and returns the trace's path.
    fn solve<D: Drafter, V: Verifier, R: AdvantageRouter>(
        &self,
        planned: &NamedRun<'_>,
        engine: &mut impl FnMut(Policy, &[Problem]) -> Result<Engine<D, V, R>, BoxError>,
        watcher: &mut impl LossWatcher,
    ) -> Result<PathBuf, LossError> {
        let NamedRun { name, policy, problems, previous } = planned;
        let path = self.folder.join(format!("{}.jsonl", file_name(name)));
        let mut engine = engine(*policy, problems).map_err(LossError::Engine)?;
        if let Some(previous) = previous.filter(|_| self.is_repeatable) {
            let from = previous.file_name().unwrap_or_default().to_string_lossy();
            let notes = engine.run_record().notes.with("unchanged_copied_from", from);
            engine = engine.with_notes(notes);
            copy_unchanged(&engine, *policy, previous, &path)?;
        }
        let (file, records) = Records::open(&path)?;
        let done = problems.len() - records.open_problems(problems).len();
        let is_pilot = name == "pilot";
        watcher.begin(&LossRun { policy: *policy, is_pilot, path: &path, done, problems: problems.len() });
        let sink = watcher.sink(file);
        solve_into(engine, problems, sink, &records, |problem, solution| watcher.solved(problem, solution))?;
        Ok(path)
    }
}

fn read(path: &Path) -> Result<Trace, LossError> {
    Trace::read(path).map_err(|source| LossError::Trace { path: path.to_owned(), source })
}

/// Copies the problems of the trace `previous` whose decisions are the same under `policy` into the trace at `path`, as far as it lacks them.
fn copy_unchanged<D: Drafter, V: Verifier, R: AdvantageRouter>(
    engine: &Engine<D, V, R>,
    policy: Policy,
    previous: &Path,
    path: &Path,
) -> Result<(), LossError> {
    let (Some(rule), Some(tau)) = (policy.rule(), policy.threshold()) else { return Ok(()) };
    let (mut file, records) = Records::open(path)?;
    let run = engine.run_record();
    records.check(&run)?;
    let is_missing = |copied: &Vec<Record>| {
        copied.iter().any(|record| matches!(record, Record::Solution(end) if !records.has(&end.problem)))
    };
    let mut copied = unchanged(read(previous)?, rule, tau).filter(is_missing).flatten().peekable();
    // The run's own record comes first, as when the engine begins.
    let run = copied.peek().is_some().then_some(Record::Run(run));
    run.into_iter().chain(copied).try_for_each(|record| file.write(&record)).map_err(LossError::Engine)
}
