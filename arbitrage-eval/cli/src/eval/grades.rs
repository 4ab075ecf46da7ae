//! Grades of whole runs, also in the format of lm-evaluation-harness.

use std::path::Path;

use arbitrage_core::trace::{SolutionRecord, Trace};
use arbitrage_eval::harness::{GradedRun, LmEvalSample, canonical, write_lm_eval};
use arbitrage_eval::results::{GradeRow, Outcome};

use super::LoadedBenchmark;
use super::plan::PlannedRun;
use crate::Failure;
use crate::run_notes::problems_note;

/// Grades a run again. Missing and incomplete runs are named and skipped.
pub(super) fn regrade(
    benchmark: &LoadedBenchmark<'_>,
    planned: &PlannedRun<'_>,
    evaluation: &Path,
) -> Result<(), Failure> {
    let path = planned.trace_path(&benchmark.folder(evaluation));
    if !path.is_file() {
        anstream::eprintln!("skipped: {}: there is no such run", path.display());
        return Ok(());
    }
    let trace = Trace::read(&path)?;
    check_problems(&trace, benchmark, &path)?;
    let (records, missing) = canonical(trace, &benchmark.set.problems);
    if !missing.is_empty() {
        let (missing, all) = (missing.len(), benchmark.set.problems.len());
        anstream::eprintln!("skipped: {}: {missing} of {all} problems have no solution yet", path.display());
        return Ok(());
    }
    export_lm_eval(&GradedRun::grade(Trace::from_records(records)?, &benchmark.set.gold, path)?, benchmark)
}

/// Writes the grades of a run in the format of lm-evaluation-harness, into the folder `lm-eval` next to its trace.
pub(super) fn export_lm_eval(graded: &GradedRun, benchmark: &LoadedBenchmark<'_>) -> Result<(), Failure> {
    let Some(run) = &graded.trace.run else { return Ok(()) };
    let solutions = graded.trace.solutions().into_iter().zip(&graded.grades);
    let samples =
        solutions.filter(|(_, grade)| grade.verdict != Outcome::Errored).map(|(end, grade)| sample(end, grade));
    let samples: Vec<LmEvalSample<'_>> = samples.collect();
    let folder = graded.path.with_file_name("lm-eval").join(graded.path.file_stem().unwrap_or_default());
    Ok(write_lm_eval(&folder, &benchmark.config.name, run, &samples)?)
}

/// Refuses a run on other problems than those of the configuration.
fn check_problems(trace: &Trace, benchmark: &LoadedBenchmark<'_>, path: &Path) -> Result<(), Failure> {
    let expected = problems_note(&benchmark.set.problems);
    match trace.run.as_ref().and_then(|run| run.notes.problems.as_ref()) {
        Some(found) if *found != expected => Err(format!(
            "{}: notes.problems: expected {} problems (digest {}) as in the configuration, found {} (digest {})",
            path.display(),
            expected.count,
            expected.digest,
            found.count,
            found.digest
        )
        .into()),
        _ => Ok(()),
    }
}

fn sample<'a>(end: &'a SolutionRecord, grade: &'a GradeRow) -> LmEvalSample<'a> {
    LmEvalSample {
        id: &end.problem,
        question: &end.question,
        gold: &grade.gold,
        response: &end.text,
        extracted: &grade.extracted,
        is_right: grade.verdict == Outcome::Right,
    }
}
