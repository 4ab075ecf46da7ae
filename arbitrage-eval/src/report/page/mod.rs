//! What a report says, before it is HTML or Markdown.

mod accuracy;
mod break_even;
mod calls;
mod curves;
mod facts;
mod identity;
mod latency;
mod roles;
mod speed_up;
mod table;

pub use facts::Facts;
pub use table::{Cell, Kind, Row, Table};

use arbitrage_core::Overlap;
use serde::Serialize;

use super::figures::{Figure, figures};
use super::number::counted;
use super::{Benchmark, Evaluation, Options};

/// A whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// The pair of models, or pairs.
    pub pairs: Vec<String>,
    /// What was measured, in a sentence.
    pub summary: String,
    /// Models, limits and notes.
    pub identity: Vec<Table>,
    /// Traces that are left out, each with its reason.
    pub left_out: Vec<String>,
    /// The benchmarks.
    pub sections: Vec<Section>,
}

/// One benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// The most problems of a run of it.
    pub problems: usize,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its charts.
    pub figures: Vec<Figure>,
    /// What a reader has to know of its figures.
    pub notes: Vec<String>,
}

impl Page {
    /// The report of an evaluation.
    pub fn new(evaluation: &Evaluation, options: &Options) -> Self {
        let families = evaluation.families();
        let section = |(at, benchmark)| Section::new(at, benchmark, &families, options);
        Self {
            title: options.title.clone(),
            pairs: identity::pairs(evaluation),
            summary: summary(evaluation),
            identity: identity::tables(evaluation),
            left_out: evaluation.left_out.iter().map(ToString::to_string).collect(),
            sections: evaluation.benchmarks.iter().enumerate().map(section).collect(),
        }
    }
}

impl Section {
    fn new(at: usize, benchmark: &Benchmark, families: &[&str], options: &Options) -> Self {
        let mut notes = Vec::new();
        let facts = Facts::all(benchmark, families, &options.bootstrap, &mut notes);
        let tables = vec![
            accuracy::table(&facts),
            speed_up::table(benchmark, &facts, &options.bootstrap, &mut notes),
            latency::table(&facts),
            break_even::table(benchmark, &facts),
            roles::table(&facts),
            calls::table(&facts),
            curves::table(benchmark, &facts, &options.bootstrap),
        ];
        notes.extend(batched(benchmark));
        notes.dedup();
        Self {
            name: benchmark.name.clone(),
            problems: benchmark.problems(),
            tables: tables.into_iter().filter(|table| !table.rows.is_empty()).collect(),
            figures: figures(at, benchmark, &facts),
            notes,
        }
    }
}

fn summary(evaluation: &Evaluation) -> String {
    let runs: usize = evaluation.benchmarks.iter().map(|benchmark| benchmark.runs.len()).sum();
    let problems: usize = evaluation.benchmarks.iter().map(Benchmark::problems).sum();
    let (runs, benchmarks) = (counted(runs, "run"), counted(evaluation.benchmarks.len(), "benchmark"));
    format!("{runs} on {benchmarks}, {} in all.", counted(problems, "problem"))
}

/// What seconds mean where problems shared a machine or roles shared seconds.
fn batched(benchmark: &Benchmark) -> Option<String> {
    let most = benchmark.runs.iter().map(|run| run.record.limits.in_flight).max()?;
    let overlaps = benchmark.runs.iter().any(|run| run.record.overlap != Overlap::Off);
    let batch = format!(
        "Up to {most} problems were in flight: where no wall time was measured, seconds are a problem's share of its batch"
    );
    match (most > 1, overlaps) {
        (false, false) => None,
        (true, false) => Some(batch + "."),
        (false, true) => Some("Roles overlapped: their seconds add up to more than the wall time.".to_owned()),
        (true, true) => Some(batch + ", and roles overlapped: their seconds add up to more than the wall time."),
    }
}
