//! The figures of each run, computed once for tables and charts.

use arbitrage_router::metrics::Bootstrap;

use super::{Cell, Row};
use crate::metrics::{CompareError, Comparison, Summary, compare};
use crate::report::chart::COLOURS;
use crate::report::{Benchmark, Run};

/// A run with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts<'r> {
    /// The run.
    pub run: &'r Run,
    /// The place of its family, which is its colour and marker.
    pub slot: usize,
    /// Its own figures.
    pub summary: Summary,
    /// It against the target alone; `None` for the target, without it, and where both were not asked the same.
    pub against_target: Option<Comparison>,
}

impl<'r> Facts<'r> {
    /// The figures of all runs. What cannot be compared is told in `notes`.
    pub fn all(
        benchmark: &'r Benchmark,
        families: &[&str],
        bootstrap: &Bootstrap,
        notes: &mut Vec<String>,
    ) -> Vec<Self> {
        let target = benchmark.target();
        if target.is_none() {
            notes.push("There is no run of the target alone, so that nothing is held against it.".to_owned());
        }
        let mut against = |run: &Run| {
            let target = target.filter(|target| !std::ptr::eq(*target, run))?;
            let compared = compare(&run.results, &target.results, bootstrap);
            let tell =
                |error: &CompareError| notes.push(format!("{} is not held against the target: {error}.", run.label));
            compared.inspect_err(tell).ok()
        };
        let mut facts = Vec::new();
        for run in &benchmark.runs {
            let slot = families.iter().position(|family| *family == run.family).unwrap_or(0);
            facts.push(Self { run, slot, summary: Summary::of(&run.results), against_target: against(run) });
        }
        facts
    }

    /// A row of a family's.
    pub fn family_row(facts: &[Self], family: &str, cells: Vec<Cell>) -> Row {
        let slot = facts.iter().find(|facts| facts.run.family == family).map(|facts| facts.slot % COLOURS);
        Row { name: family.to_owned(), slot, cells }
    }

    /// A row of the run's.
    pub fn row(&self, cells: Vec<Cell>) -> Row {
        Row { name: self.run.label.clone(), slot: Some(self.slot % COLOURS), cells }
    }
}
