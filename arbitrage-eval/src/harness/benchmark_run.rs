//! One policy on one benchmark, from an engine to graded results in an evaluation's folder.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_core::trace::{JsonlSink, RunNotes, Trace, TraceSink};
use arbitrage_core::{AdvantageRouter, Drafter, Engine, EngineError, Problem, Solution, Verifier};
use arbitrage_router::Policy;

use super::{GradedRun, HarnessError, Records, solve_into};
use crate::gold::Gold;

/// A benchmark of an evaluation: its problems, their answers, and the folder of its runs.
///
/// Any engine can be measured on it, with a built-in policy or a router of your own that is registered as a
/// [`CustomPolicy`](arbitrage_router::CustomPolicy). [`report::write`](crate::report::write()) on the same evaluation's folder then
/// compares all its runs.
///
/// ```
/// use arbitrage_core::{Engine, Problem, testing::Scripted};
/// use arbitrage_eval::{gold::Gold, harness::BenchmarkHarness, report};
/// use arbitrage_router::Policy;
///
/// let evaluation = tempfile::tempdir()?;
/// let problems = [Problem::new("Repeat 4").with_id("p1")];
/// let gold = Gold::default().with_fallback(|problem| problem.question.strip_prefix("Repeat ").map(str::to_owned));
/// let runs = BenchmarkHarness { evaluation: evaluation.path(), benchmark: "repeat", problems: &problems, gold: &gold };
/// for policy in [Policy::Draft, Policy::Target] {
///     let (draft, target) = (Scripted::new("draft", ["5"]), Scripted::new("target", [r"\boxed{4}"]));
///     runs.run(policy, Engine::new(draft, target, policy.router(None)?), |_, _| ())?;
/// }
/// let files = report::write(evaluation.path(), &Default::default())?;
/// assert!(std::fs::read_to_string(files.markdown)?.contains("repeat"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BenchmarkHarness<'a> {
    /// The folder of the evaluation, which is created if necessary.
    pub evaluation: &'a Path,
    /// The benchmark's name: that of its subfolder.
    pub benchmark: &'a str,
    /// The problems. Each needs an id of its own.
    pub problems: &'a [Problem],
    /// Their answers.
    pub gold: &'a Gold,
}

impl BenchmarkHarness<'_> {
    /// Solves the problems with `engine` under the name of `policy` and grades the solutions. A run that was interrupted is resumed;
    /// one that is complete is only graded again. `on_solution` receives each problem with its solution or error. Returns the path of
    /// the trace.
    ///
    /// # Errors
    /// [`HarnessError`], naming the file: where it cannot be written, or holds a run of another engine or policy.
    pub fn run<D: Drafter, V: Verifier, R: AdvantageRouter>(
        &self,
        policy: Policy,
        engine: Engine<D, V, R>,
        on_solution: impl FnMut(&Problem, Result<&Solution, &EngineError>),
    ) -> Result<PathBuf, HarnessError> {
        let label = policy.to_string();
        let notes = RunNotes {
            benchmark: Some(self.benchmark.to_owned()),
            label: Some(label.clone()),
            ..RunNotes::default().with_policy(policy.name(), policy.threshold())
        };
        let graded = self.open(&label)?.solve(engine.with_notes(notes), |sink| sink, on_solution)?;
        Ok(graded.path)
    }

    /// Opens the trace of the run with this label, for a run that needs notes, a sink or a progress of its own.
    ///
    /// # Errors
    /// [`HarnessError`], naming the file that cannot be written, or the trace that cannot be read.
    pub fn open(&self, label: &str) -> Result<OpenRun<'_>, HarnessError> {
        let folder = self.evaluation.join(self.benchmark);
        fs::create_dir_all(&folder).map_err(|source| HarnessError::io(&folder, source))?;
        let path = trace_path(&folder, label);
        let (sink, records) = Records::open(&path)?;
        Ok(OpenRun { harness: self, path, sink, records })
    }
}

/// A run whose trace is open, and locked against other processes.
#[derive(Debug)]
pub struct OpenRun<'a> {
    harness: &'a BenchmarkHarness<'a>,
    path: PathBuf,
    sink: JsonlSink,
    records: Records,
}

impl OpenRun<'_> {
    /// The number of problems that the trace has no end of.
    pub fn open_problems(&self) -> usize {
        self.records.open_problems(self.harness.problems).len()
    }

    /// Solves these problems with `engine`, puts the trace into the problems' order, and grades it. `sink` may wrap the sink of the
    /// trace; `on_solution` receives each problem with its solution or error.
    ///
    /// # Errors
    /// As for [`BenchmarkHarness::run`], and [`HarnessError::Sink`] with the error of a sink that ended the run.
    pub fn solve<D: Drafter, V: Verifier, R: AdvantageRouter, S: TraceSink + 'static>(
        self,
        engine: Engine<D, V, R>,
        sink: impl FnOnce(JsonlSink) -> S,
        on_solution: impl FnMut(&Problem, Result<&Solution, &EngineError>),
    ) -> Result<GradedRun, HarnessError> {
        let Self { harness: BenchmarkHarness { problems, gold, .. }, path, .. } = self;
        solve_into(engine, problems, sink(self.sink), &self.records, on_solution)?;
        GradedRun::write(Trace::read(&path)?, problems, gold, path)
    }
}

/// A policy's name as the name of a file on any system.
pub fn file_name(name: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let text: String = name.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    if text.starts_with('.') { format!("_{text}") } else { text }
}

/// The trace of the run with this label in the folder of a benchmark.
pub fn trace_path(folder: &Path, label: &str) -> PathBuf {
    folder.join(format!("{}.jsonl", file_name(label)))
}
