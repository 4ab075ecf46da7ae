//! What was run, without when and where.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Cell, Kind, Row, Table};
use crate::report::text::cut;
use crate::report::{Evaluation, Run};

/// Most runs that are named beside a setting.
const NAMED: usize = 8;
/// Longest setting that is shown, in characters.
const LONGEST: usize = 300;
/// How deep notes are taken apart; what lies deeper is shown as JSON.
const DEPTH: usize = 4;
/// What each run has of its own, and the tables show.
const OWN: [&str; 4] = ["notes.benchmark", "notes.family", "notes.label", "notes.policy"];

/// The pairs of models, mostly one.
pub fn pairs(evaluation: &Evaluation) -> Vec<String> {
    let pair = |run: &Run| format!("{} → {}", run.record.drafter.name, run.record.verifier.name);
    let mut pairs: Vec<String> = runs(evaluation).map(|(_, run)| pair(run)).collect();
    pairs.sort();
    pairs.dedup();
    pairs
}

/// Settings that all runs share, and those in which they differ.
pub fn tables(evaluation: &Evaluation) -> Vec<Table> {
    let count = runs(evaluation).count();
    let (mut shared, mut different) = (Vec::new(), Vec::new());
    for (name, values) in settings(evaluation) {
        for (value, of) in values {
            let row = |cells| Row { name: name.clone(), slot: None, cells };
            if of.len() == count {
                shared.push(row(vec![Cell::text(value)]));
            } else {
                different.push(row(vec![Cell::text(value), Cell::text(named(evaluation, &of))]));
            }
        }
    }
    let table = |title: &str, caption: &str, head: &[&str], rows| Table {
        title: title.to_owned(),
        caption: caption.to_owned(),
        head: head.iter().map(|name| (*name).to_owned()).collect(),
        rows,
        kind: Kind::Words,
    };
    let tables = [
        table(
            "What all runs share",
            "Models by the digests of their weights, limits, the runs’ notes, and by whose conventions answers were graded.",
            &["Setting", "value"],
            shared,
        ),
        table(
            "In what they differ",
            "Runs with different settings compare as far as these do not matter.",
            &["Setting", "value", "of"],
            different,
        ),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn runs(evaluation: &Evaluation) -> impl Iterator<Item = (&str, &Run)> {
    evaluation.benchmarks.iter().flat_map(|benchmark| benchmark.runs.iter().map(|run| (benchmark.name.as_str(), run)))
}

/// By name, each value with the runs that have it.
fn settings(evaluation: &Evaluation) -> BTreeMap<String, BTreeMap<String, Vec<usize>>> {
    let mut settings: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
    for (at, (_, run)) in runs(evaluation).enumerate() {
        let mut found = Vec::new();
        // A record is plain data; should it have no JSON, there is nothing to show.
        flatten("", &serde_json::to_value(&run.record).unwrap_or(Value::Null), DEPTH, &mut found);
        found.extend(profiles(run).into_iter().map(|profile| ("grader".to_owned(), cut(profile, LONGEST))));
        for (name, value) in found.into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
            settings.entry(name).or_default().entry(value).or_default().push(at);
        }
    }
    settings
}

/// By whose conventions the run was graded: one profile, unless somebody mixed files.
fn profiles(run: &Run) -> BTreeSet<&str> {
    run.answers.values().filter_map(|answer| answer.profile.as_deref()).collect()
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
        Value::String(text) => found.push((name.to_owned(), cut(text, LONGEST))),
        other => found.push((name.to_owned(), cut(&other.to_string(), LONGEST))),
    }
}

/// Runs in words: whole benchmarks by their names.
fn named(evaluation: &Evaluation, of: &[usize]) -> String {
    let (mut names, mut first) = (Vec::new(), 0);
    for benchmark in &evaluation.benchmarks {
        let own = first..first + benchmark.runs.len();
        first = own.end;
        let held: Vec<usize> = of.iter().copied().filter(|at| own.contains(at)).collect();
        if held.len() == own.len() {
            names.push(format!("all of {}", benchmark.name));
        } else {
            names.extend(
                held.iter().map(|at| format!("{} on {}", benchmark.runs[at - own.start].label, benchmark.name)),
            );
        }
    }
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let list = names.join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}
