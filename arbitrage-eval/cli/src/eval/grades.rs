//! Verdicts on whole runs.

use std::path::Path;

use arbitrage_core::trace::{Record, RunRecord, SolutionRecord, read_jsonl};
use arbitrage_eval::harness::{Graded, Sample, canonical, grade, write_grades, write_lm_eval};
use arbitrage_eval::results::Outcome;
use arbitrage_router::labels::LabelError;

use super::Set;
use super::plan::Planned;
use crate::Failure;
use crate::output::problems_note;

/// Grades a whole run, beside its records, and tells it to those who read lm-evaluation-harness's files.
pub fn told(set: &Set<'_>, path: &Path, lm_eval: &Path) -> Result<(), Failure> {
    told_of(&read_jsonl(path)?, set, path, lm_eval)
}

/// The same, anew. Runs that are not there, or not whole, are told and left as they are.
pub fn regrade(set: &Set<'_>, planned: &Planned<'_>, evaluation: &Path) -> Result<(), Failure> {
    let (folder, slug) = (set.folder(evaluation), planned.slug());
    let path = folder.join(format!("{slug}.jsonl"));
    if !path.is_file() {
        anstream::eprintln!("left out: {}: there is no such run", path.display());
        return Ok(());
    }
    let records = read_jsonl(&path)?;
    same_problems(&records, set, &path)?;
    let wrong = |error: LabelError| format!("{}: {error}", path.display());
    let (records, missing) = canonical(records, &set.problems).map_err(wrong)?;
    if !missing.is_empty() {
        let (missing, all) = (missing.len(), set.problems.len());
        anstream::eprintln!("left out: {}: {missing} of {all} problems have not ended", path.display());
        return Ok(());
    }
    told_of(&records, set, &path, &folder.join("lm-eval").join(slug))
}

fn told_of(records: &[Record], set: &Set<'_>, path: &Path, lm_eval: &Path) -> Result<(), Failure> {
    let grades = grade(records, &set.gold);
    write_grades(&grades, &path.with_extension("grades.jsonl"))?;
    let ends = records.iter().filter_map(|record| if let Record::Solution(end) = record { Some(end) } else { None });
    let known = ends.zip(&grades).filter(|(_, grade)| grade.verdict != Outcome::Errored);
    let samples: Vec<Sample<'_>> = known.map(|(end, grade)| sample(end, grade)).collect();
    run(records).map_or(Ok(()), |run| Ok(write_lm_eval(lm_eval, &set.benchmark.name, run, &samples)?))
}

/// Refuses answers to other problems than those that the run was asked.
fn same_problems(records: &[Record], set: &Set<'_>, path: &Path) -> Result<(), Failure> {
    let (expected, found) = (problems_note(&set.problems), run(records).map(|run| &run.notes["problems"]));
    match found {
        Some(found) if *found != expected => Err(format!(
            "{}: holds a run over other problems than the configuration names: notes.problems {found}, then {expected}",
            path.display()
        )
        .into()),
        _ => Ok(()),
    }
}

fn run(records: &[Record]) -> Option<&RunRecord> {
    records.iter().find_map(|record| if let Record::Run(run) = record { Some(run) } else { None })
}

fn sample<'a>(end: &'a SolutionRecord, grade: &'a Graded) -> Sample<'a> {
    Sample {
        id: &end.problem,
        question: &end.question,
        gold: &grade.gold,
        response: &end.text,
        extracted: &grade.extracted,
        is_right: grade.verdict == Outcome::Right,
    }
}
