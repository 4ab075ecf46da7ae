//! Reads an evaluation's folder.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arbitrage_core::trace::{Trace, TraceError};

use super::{BenchmarkRuns, EvaluationRuns, PolicyRun, ReportError, SkipReason, SkippedTrace};
use crate::results::Grades;

const TRACE_SUFFIX: &str = ".jsonl";
const GRADES_SUFFIX: &str = ".grades.jsonl";

impl EvaluationRuns {
    /// Reads `FOLDER/BENCHMARK/POLICY.jsonl` and `FOLDER/BENCHMARK/POLICY.grades.jsonl` of all benchmarks and policies. Folders of shards
    /// are ignored.
    ///
    /// # Errors
    /// [`ReportError`], naming the file.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        Self::read_warmed(folder, 0)
    }

    /// As [`read`](Self::read); the first `warm_up` problems of each process count for accuracy and not for time.
    ///
    /// # Errors
    /// [`ReportError`], naming the file.
    pub fn read_warmed(folder: &Path, warm_up: usize) -> Result<Self, ReportError> {
        let mut evaluation = Self::default();
        for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            let name = file_name(&path);
            if name.starts_with("shard-") {
                continue;
            }
            let mut runs = Vec::new();
            for trace in entries(&path)?.into_iter().filter(|path| is_trace(path)) {
                match read_run(&name, &trace, warm_up)? {
                    Ok(run) => runs.push(run),
                    Err(reason) => {
                        let path = trace.strip_prefix(folder).unwrap_or(&trace).to_owned();
                        evaluation.skipped.push(SkippedTrace { path, reason });
                    }
                }
            }
            if !runs.is_empty() {
                evaluation.benchmarks.push(BenchmarkRuns::new(name, runs));
            }
        }
        Ok(evaluation)
    }
}

/// One run with its grades, or why it is skipped.
fn read_run(benchmark: &str, trace: &Path, warm_up: usize) -> Result<Result<PolicyRun, SkipReason>, ReportError> {
    let grades_path = trace.with_file_name(file_name(trace).trim_end_matches(TRACE_SUFFIX).to_owned() + GRADES_SUFFIX);
    if !grades_path.is_file() {
        return Ok(Err(SkipReason::Ungraded));
    }
    let found = Trace::read(trace).map_err(|error| match error {
        TraceError::Jsonl(error) => ReportError::Trace(error),
        source => ReportError::InconsistentTrace { path: trace.to_owned(), source },
    })?;
    let ended = found.trajectories.values().filter(|trajectory| trajectory.end.is_some()).count();
    let noted = found.run.as_ref().and_then(|run| run.notes.problems.as_ref()).map_or(0, |problems| problems.count);
    let expected = found.trajectories.len().max(noted);
    if ended < expected || ended == 0 || found.torn.is_some() {
        return Ok(Err(SkipReason::Incomplete { ended, expected }));
    }
    let grades = File::open(&grades_path).map_err(|source| io(&grades_path, source))?;
    let grades = Grades::read(&grades_path, BufReader::new(grades))?;
    let results = |source| ReportError::Results { path: trace.to_owned(), source };
    let run = PolicyRun::new(benchmark, found, grades, warm_up).map_err(results)?;
    Ok(run.ok_or(SkipReason::NoRunRecord))
}

/// The entries of a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let entries = fs::read_dir(folder).map_err(|source| io(folder, source))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(|source| io(folder, source)));
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn is_trace(path: &Path) -> bool {
    let name = file_name(path);
    name.ends_with(TRACE_SUFFIX) && !name.ends_with(GRADES_SUFFIX) && path.is_file()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn io(path: &Path, source: std::io::Error) -> ReportError {
    ReportError::Io { path: path.to_owned(), source }
}
