//! The table of speed-ups at equal accuracy.

use std::fmt;

use arbitrage_router::metrics::Bootstrap;

use super::curves::curve;
use super::rows::family_row;
use crate::metrics::{CompareError, Curve, SpeedUp, speed_up};
use crate::report::number::{MISSING, NumberFormat};
use crate::report::stats::RunStats;
use crate::report::table::{ReportTable, TableCell, TableLayout};
use crate::report::{BenchmarkRuns, PolicyRun};

/// The speed-up of each family over RSD, token-level speculation and the target alone, as far as these were run. `notes` explain missing
/// ones.
pub(crate) fn table(
    benchmark: &BenchmarkRuns,
    stats: &[RunStats<'_>],
    bootstrap: &Bootstrap,
    notes: &mut Vec<String>,
) -> ReportTable {
    let baselines = baselines(benchmark);
    let mut missing = vec![Vec::new(); baselines.len()];
    let mut rows = Vec::new();
    for family in benchmark.families().into_iter().filter(|_| !baselines.is_empty()) {
        let (name, curve) = (&family[0].family, curve(family));
        let mut cells = Vec::new();
        for (baseline, missing) in baselines.iter().zip(&mut missing) {
            let found = curve.as_ref().filter(|_| baseline.name != name);
            let found = found.and_then(|curve| {
                let explain = |error: &CompareError| missing.push(why(name, error));
                speed_up(curve, &baseline.curve, bootstrap).inspect_err(explain).ok()
            });
            cells.extend(baseline.cells(found));
        }
        rows.push(family_row(stats, name, cells));
    }
    notes.extend(baselines.iter().zip(&missing).filter_map(|(baseline, missing)| baseline.note(missing)));
    ReportTable {
        title: "Speed-up at matched accuracy".to_owned(),
        caption: "Mean latency of the baseline divided by the family’s at equal accuracy, interpolated between neighbouring thresholds, \
                  with bootstrap intervals over problems. For a baseline with several thresholds it is the mean over the accuracies \
                  that both reach, and the maximum, which is biased upwards as the maximum of noisy values."
            .to_owned(),
        head: std::iter::once("Family".to_owned()).chain(baselines.iter().flat_map(Baseline::head)).collect(),
        rows,
        layout: TableLayout::Wide,
    }
}

/// A baseline that families are compared with.
struct Baseline<'b> {
    name: &'b str,
    what: &'static str,
    curve: Curve,
    /// Least and greatest accuracy.
    accuracies: AccuracySpan,
}

fn baselines(benchmark: &BenchmarkRuns) -> Vec<Baseline<'_>> {
    let families = benchmark.families();
    let all = [
        ("RSD", families.iter().find(|family| family[0].is_rsd()).copied()),
        ("token-level speculation", alone(benchmark.speculative())),
        ("the target alone", alone(benchmark.target())),
    ];
    all.into_iter().filter_map(|(what, family)| Baseline::new(what, family?)).collect()
}

fn alone(run: Option<&PolicyRun>) -> Option<&[PolicyRun]> {
    run.map(std::slice::from_ref)
}

impl<'b> Baseline<'b> {
    fn new(what: &'static str, family: &'b [PolicyRun]) -> Option<Self> {
        let curve = curve(family)?;
        let reached = || curve.points().into_iter().map(|point| point.accuracy);
        let accuracies = AccuracySpan { least: reached().reduce(f64::min)?, greatest: reached().reduce(f64::max)? };
        Some(Self { name: &family[0].family, what, curve, accuracies })
    }

    fn is_one_point(&self) -> bool {
        self.accuracies.least == self.accuracies.greatest
    }

    fn head(&self) -> Vec<String> {
        let what = self.what;
        if self.is_one_point() {
            return vec![format!("over {what}, at its accuracy of {}", self.accuracies)];
        }
        vec![format!("over {what}, mean"), "at accuracies".to_owned(), "maximum".to_owned(), "at accuracy".to_owned()]
    }

    fn cells(&self, found: Option<SpeedUp>) -> Vec<TableCell> {
        let mean = TableCell::range(NumberFormat::Ratio, found.map(|found| found.mean));
        if self.is_one_point() {
            return vec![mean];
        }
        vec![
            mean,
            TableCell::text(found.map_or_else(
                || MISSING.to_owned(),
                |found| AccuracySpan { least: found.from, greatest: found.to }.to_string(),
            )),
            TableCell::range(NumberFormat::Ratio, found.map(|found| found.greatest)),
            TableCell::figure(NumberFormat::Share, found.map(|found| found.at)),
        ]
    }

    /// A note on the families without a speed-up over it.
    fn note(&self, missing: &[String]) -> Option<String> {
        let (what, reached) = (self.what, self.accuracies);
        (!missing.is_empty())
            .then(|| format!("No speed-up over {what}, which reaches {reached}: {}.", missing.join("; ")))
    }
}

fn why(family: &str, error: &CompareError) -> String {
    match error {
        CompareError::NoCommonAccuracy { first: (least, greatest), .. } => {
            format!("{family} reaches {}", AccuracySpan { least: *least, greatest: *greatest })
        }
        error => format!("{family}: {error}"),
    }
}

/// Least and greatest of the accuracies that a curve reaches.
#[derive(Clone, Copy)]
struct AccuracySpan {
    least: f64,
    greatest: f64,
}

impl fmt::Display for AccuracySpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, greatest) = (NumberFormat::Share.show(self.least), NumberFormat::Share.show(self.greatest));
        if least == greatest { f.write_str(&least) } else { write!(f, "{least} to {greatest}") }
    }
}
