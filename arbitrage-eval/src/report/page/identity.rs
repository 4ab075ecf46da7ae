//! What was run: models, limits and notes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::report::table::{ReportTable, TableCell, TableLayout, TableRow};
use crate::report::text::cut;
use crate::report::{EvaluationRuns, PolicyRun};

/// Maximum number of runs that are listed for a setting.
const MAX_LISTED_RUNS: usize = 8;
/// Maximum length of a setting, in characters.
const MAX_SETTING_CHARS: usize = 300;
/// Depth to which notes are shown field by field; deeper values are shown as JSON.
const MAX_NOTE_DEPTH: usize = 4;
/// Settings that differ for every run and are in the other tables.
const PER_RUN_SETTINGS: [&str; 5] = ["notes.benchmark", "notes.family", "notes.label", "notes.policy", "notes.promise"];

/// The pairs of models, usually one.
pub(crate) fn pairs(evaluation: &EvaluationRuns) -> Vec<String> {
    let pair = |run: &PolicyRun| format!("{} → {}", run.record.drafter.name, run.record.verifier.name);
    let mut pairs: Vec<String> = runs(evaluation).map(|(_, run)| pair(run)).collect();
    pairs.sort();
    pairs.dedup();
    pairs
}

/// Settings that all runs share, and those in which they differ.
pub(crate) fn tables(evaluation: &EvaluationRuns) -> Vec<ReportTable> {
    let count = runs(evaluation).count();
    let (mut shared, mut different) = (Vec::new(), Vec::new());
    for (name, values) in settings(evaluation) {
        for (value, of) in values {
            let row = |cells| TableRow { name: name.clone(), slot: None, cells };
            if of.len() == count {
                shared.push(row(vec![TableCell::text(value)]));
            } else {
                different.push(row(vec![TableCell::text(value), TableCell::text(list(evaluation, &of))]));
            }
        }
    }
    let table = |title: &str, caption: &str, head: &[&str], rows| ReportTable {
        title: title.to_owned(),
        caption: caption.to_owned(),
        head: head.iter().map(|name| (*name).to_owned()).collect(),
        rows,
        layout: TableLayout::Words,
    };
    let tables = [
        table(
            "Settings of all runs",
            "Models with the digests of their weights, limits, notes of the runs, and the grading profile.",
            &["Setting", "value"],
            shared,
        ),
        table(
            "Differences between runs",
            "Runs with different settings are only comparable as far as these settings do not matter.",
            &["Setting", "value", "runs"],
            different,
        ),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn runs(evaluation: &EvaluationRuns) -> impl Iterator<Item = (&str, &PolicyRun)> {
    evaluation.benchmarks.iter().flat_map(|benchmark| benchmark.runs.iter().map(|run| (benchmark.name.as_str(), run)))
}

/// Values by name, each with the indices of the runs that have it.
fn settings(evaluation: &EvaluationRuns) -> BTreeMap<String, BTreeMap<String, Vec<usize>>> {
    let mut settings: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
    for (at, (_, run)) in runs(evaluation).enumerate() {
        let mut found = Vec::new();
        // A record is plain data, so that it always has a JSON value.
        flatten("", &serde_json::to_value(&run.record).unwrap_or(Value::Null), MAX_NOTE_DEPTH, &mut found);
        found.extend(profiles(run).into_iter().map(|profile| ("grader".to_owned(), cut(profile, MAX_SETTING_CHARS))));
        for (name, value) in found.into_iter().filter(|(name, _)| !PER_RUN_SETTINGS.contains(&name.as_str())) {
            settings.entry(name).or_default().entry(value).or_default().push(at);
        }
    }
    settings
}

/// The grading profiles of the run: one, unless files of grades were mixed.
fn profiles(run: &PolicyRun) -> BTreeSet<&str> {
    run.grades.iter().map(|grade| grade.profile.as_str()).filter(|profile| !profile.is_empty()).collect()
}

fn flatten(name: &str, value: &Value, depth: usize, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if depth > 0 => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(&name, value, depth - 1, found);
            }
        }
        Value::Null => {}
        Value::String(text) => found.push((name.to_owned(), cut(text, MAX_SETTING_CHARS))),
        other => found.push((name.to_owned(), cut(&other.to_string(), MAX_SETTING_CHARS))),
    }
}

/// A list of runs, in which a benchmark whose runs are all included is named as a whole.
fn list(evaluation: &EvaluationRuns, of: &[usize]) -> String {
    let (mut names, mut first) = (Vec::new(), 0);
    for benchmark in &evaluation.benchmarks {
        let runs = first..first + benchmark.runs.len();
        first = runs.end;
        let included: Vec<usize> = of.iter().copied().filter(|at| runs.contains(at)).collect();
        if included.len() == runs.len() {
            names.push(format!("all of {}", benchmark.name));
        } else {
            names.extend(
                included.iter().map(|at| format!("{} on {}", benchmark.runs[at - runs.start].label, benchmark.name)),
            );
        }
    }
    let more = names.len().saturating_sub(MAX_LISTED_RUNS);
    names.truncate(MAX_LISTED_RUNS);
    let list = names.join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}
