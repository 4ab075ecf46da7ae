//! From a folder to an evaluation.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_core::trace::{JsonlReader, Record};

use super::run::{CutOff, cut_off};
use super::{Answer, Benchmark, Evaluation, LeftOut, Reason, ReportError, Run};
use crate::results::Grades;

const TRACE: &str = ".jsonl";
const GRADES: &str = ".grades.jsonl";

/// Reads all benchmarks of a folder, in the order of their names.
pub fn evaluation(folder: &Path, warm_up: usize) -> Result<Evaluation, ReportError> {
    let mut evaluation = Evaluation::default();
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = name(&path);
        if name.starts_with("shard-") {
            continue;
        }
        let mut runs = Vec::new();
        for trace in entries(&path)?.into_iter().filter(|path| is_trace(path)) {
            match run(&name, &trace, warm_up)? {
                Ok(run) => runs.push(run),
                Err(reason) => {
                    let path = trace.strip_prefix(folder).unwrap_or(&trace).to_owned();
                    evaluation.left_out.push(LeftOut { path, reason });
                }
            }
        }
        if !runs.is_empty() {
            evaluation.benchmarks.push(Benchmark::new(name, runs));
        }
    }
    Ok(evaluation)
}

/// One run with its grades, or why it is left out.
fn run(benchmark: &str, trace: &Path, warm_up: usize) -> Result<Result<Run, Reason>, ReportError> {
    let grades_path = trace.with_file_name(name(trace).trim_end_matches(TRACE).to_owned() + GRADES);
    if !grades_path.is_file() {
        return Ok(Err(Reason::Ungraded));
    }
    let results = |source| ReportError::Results { path: trace.to_owned(), source };
    let (records, torn) = records(trace)?;
    if let Some(CutOff { ended, expected }) = cut_off(&records, torn).map_err(results)? {
        return Ok(Err(Reason::CutOff { ended, expected }));
    }
    let text = fs::read(&grades_path).map_err(|source| io(&grades_path, source))?;
    let grades = Grades::read(&grades_path, &*text)?;
    let Some(mut run) = Run::new(benchmark, records, &grades, warm_up).map_err(results)? else {
        return Ok(Err(Reason::Nameless));
    };
    run.answers = Answer::read(&grades_path, &text)?;
    Ok(Ok(run))
}

/// The records of a trace, and whether its last line was torn off.
fn records(path: &Path) -> Result<(Vec<Record>, bool), ReportError> {
    let mut reader = JsonlReader::open(path)?;
    let records = reader.by_ref().collect::<Result<_, _>>()?;
    Ok((records, reader.torn().is_some()))
}

/// What a folder holds, in the order of the names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let entries = fs::read_dir(folder).map_err(|source| io(folder, source))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(|source| io(folder, source)));
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn is_trace(path: &Path) -> bool {
    let name = name(path);
    name.ends_with(TRACE) && !name.ends_with(GRADES) && path.is_file()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn io(path: &Path, source: std::io::Error) -> ReportError {
    ReportError::Io { path: path.to_owned(), source }
}
