//! The content of a report, independent of HTML and Markdown.

mod accuracy;
mod break_even;
mod calls;
mod curves;
mod identity;
mod latency;
mod roles;
mod rows;
mod speed_up;

use arbitrage_core::Overlap;
use serde::Serialize;

use super::figures::{Figure, figures};
use super::number::counted;
use super::stats::RunStats;
use super::table::ReportTable;
use super::{BenchmarkRuns, EvaluationRuns, ReportSettings};

/// A whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Page {
    /// Its title.
    pub title: String,
    /// The pairs of models.
    pub pairs: Vec<String>,
    /// How much was measured, in one sentence.
    pub summary: String,
    /// Models, limits and notes.
    pub identity: Vec<ReportTable>,
    /// Traces that are skipped, each with its reason.
    pub skipped: Vec<String>,
    /// The benchmarks.
    pub sections: Vec<Section>,
}

/// One benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Section {
    /// Its name.
    pub name: String,
    /// The largest number of problems of a run.
    pub problems: usize,
    /// Its tables.
    pub tables: Vec<ReportTable>,
    /// Its charts.
    pub figures: Vec<Figure>,
    /// Remarks on its figures.
    pub notes: Vec<String>,
}

impl Page {
    /// The report of an evaluation.
    pub(crate) fn new(evaluation: &EvaluationRuns, settings: &ReportSettings) -> Self {
        let families = evaluation.families();
        let section = |(at, benchmark)| Section::new(at, benchmark, &families, settings);
        Self {
            title: settings.title.clone(),
            pairs: identity::pairs(evaluation),
            summary: summary(evaluation),
            identity: identity::tables(evaluation),
            skipped: evaluation.skipped.iter().map(ToString::to_string).collect(),
            sections: evaluation.benchmarks.iter().enumerate().map(section).collect(),
        }
    }
}

impl Section {
    fn new(at: usize, benchmark: &BenchmarkRuns, families: &[&str], settings: &ReportSettings) -> Self {
        let mut notes = Vec::new();
        let stats = RunStats::all(benchmark, families, &settings.bootstrap, &mut notes);
        let tables = vec![
            accuracy::table(&stats),
            speed_up::table(benchmark, &stats, &settings.bootstrap, &mut notes),
            latency::table(&stats),
            break_even::table(benchmark, &stats),
            roles::table(&stats),
            calls::table(&stats),
            curves::table(benchmark, &stats, &settings.bootstrap),
        ];
        notes.extend(promises(benchmark));
        notes.extend(batched(benchmark));
        notes.dedup();
        Self {
            name: benchmark.name.clone(),
            problems: benchmark.problems(),
            tables: tables.into_iter().filter(|table| !table.rows.is_empty()).collect(),
            figures: figures(at, benchmark, &stats),
            notes,
        }
    }
}

/// What is promised of the runs' routers at their thresholds.
fn promises(benchmark: &BenchmarkRuns) -> impl Iterator<Item = String> {
    benchmark.runs.iter().filter_map(|run| Some(format!("{}: {}.", run.label, run.record.notes.promise.as_ref()?)))
}

fn summary(evaluation: &EvaluationRuns) -> String {
    let runs: usize = evaluation.benchmarks.iter().map(|benchmark| benchmark.runs.len()).sum();
    let problems: usize = evaluation.benchmarks.iter().map(BenchmarkRuns::problems).sum();
    let (runs, benchmarks) = (counted(runs, "run"), counted(evaluation.benchmarks.len(), "benchmark"));
    format!("{runs} on {benchmarks}, {} in all.", counted(problems, "problem"))
}

/// Explains the meaning of seconds where problems or roles ran at the same time.
fn batched(benchmark: &BenchmarkRuns) -> Option<String> {
    let most = benchmark.runs.iter().map(|run| run.record.limits.in_flight).max()?;
    let overlaps = benchmark.runs.iter().any(|run| run.record.overlap != Overlap::Off);
    let batch = format!(
        "Up to {most} problems were in flight; where no wall time was measured, seconds are a problem’s share of its batch"
    );
    match (most > 1, overlaps) {
        (false, false) => None,
        (true, false) => Some(batch + "."),
        (false, true) => Some("Roles overlapped, so that their seconds sum to more than the wall time.".to_owned()),
        (true, true) => Some(batch + ", and roles overlapped, so that their seconds sum to more than the wall time."),
    }
}

#[cfg(test)]
mod tests {
    use arbitrage_core::trace::{RunNotes, Trace};
    use arbitrage_core::{Engine, router::AlwaysDraft, testing::Scripted};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::PolicyRun;
    use crate::results::{GradeRow, Grades, Outcome};

    #[test]
    fn a_promise_is_among_the_notes_of_its_benchmark() {
        let section = |promise: Option<&str>| {
            let trace = Arc::new(Mutex::new(Trace::default()));
            let notes =
                RunNotes { promise: promise.map(str::to_owned), ..RunNotes::default().with_policy("learned", None) };
            Engine::new(Scripted::new("draft", ["4"]), Scripted::new("target", []), AlwaysDraft)
                .with_notes(notes)
                .with_sink(trace.clone())
                .solve(&arbitrage_core::Problem::new("2 + 2?").with_id("p"))
                .unwrap();
            let grades = Grades::new([GradeRow::new("p", Outcome::Right)]);
            let run = PolicyRun::new("sums", std::mem::take(&mut *trace.lock().unwrap()), grades, 0).unwrap().unwrap();
            let benchmarks = vec![BenchmarkRuns::new("sums", vec![run])];
            let page = Page::new(&EvaluationRuns { benchmarks, ..Default::default() }, &ReportSettings::default());
            assert!(!format!("{:?}", page.identity).contains("notes.promise"));
            page.sections[0].notes.clone()
        };
        assert!(section(Some("few are lost")).contains(&"learned: few are lost.".to_owned()));
        assert!(!section(None).iter().any(|note| note.starts_with("learned:")));
    }
}
