//! The figures of each run, computed once for tables and charts.

use arbitrage_router::metrics::Bootstrap;

use super::{BenchmarkRuns, PolicyRun};
use crate::metrics::{CompareError, PolicyComparison, PolicySummary, compare};

/// A run with its figures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunStats<'r> {
    /// The run.
    pub run: &'r PolicyRun,
    /// Index of its family, which selects colour and marker.
    pub slot: usize,
    /// Its own figures.
    pub summary: PolicySummary,
    /// Its comparison with the target alone; `None` for the target itself, without a run of the target, and where the two runs have
    /// different problems.
    pub against_target: Option<PolicyComparison>,
}

impl<'r> RunStats<'r> {
    /// The figures of all runs of a benchmark. Comparisons that fail are explained in `notes`.
    pub(crate) fn all(
        benchmark: &'r BenchmarkRuns,
        families: &[&str],
        bootstrap: &Bootstrap,
        notes: &mut Vec<String>,
    ) -> Vec<Self> {
        let target = benchmark.target();
        if target.is_none() {
            notes.push("There is no run of the target alone, so that no run is compared with it.".to_owned());
        }
        let mut against = |run: &PolicyRun| {
            let target = target.filter(|target| !std::ptr::eq(*target, run))?;
            let compared = compare(&run.results, &target.results, bootstrap);
            let explain =
                |error: &CompareError| notes.push(format!("{} is not compared with the target: {error}.", run.label));
            compared.inspect_err(explain).ok()
        };
        let mut stats = Vec::new();
        for run in &benchmark.runs {
            let slot = families.iter().position(|family| *family == run.family).unwrap_or(0);
            let summary = PolicySummary::of(&run.results);
            stats.push(Self { run, slot, summary, against_target: against(run) });
        }
        stats
    }
}
