//! One policy on one benchmark.

use std::collections::BTreeMap;

use arbitrage_core::trace::{Record, RunRecord};
use arbitrage_router::Policy;
use arbitrage_router::labels::trajectories;

use super::SolutionView;
use crate::replay::PairedTrace;
use crate::results::{Grades, PolicyResults, ResultsError, problem_results};

/// One policy on one benchmark, with everything that a report shows of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PolicyRun {
    /// Its name, such as `rsd:0.5`.
    pub label: String,
    /// The common name of policies that differ only in their thresholds, such as `rsd`.
    pub family: String,
    /// The policy, where the record names a known one.
    pub policy: Option<Policy>,
    /// Models, limits and notes.
    pub record: RunRecord,
    /// Its results. Their policy is the family.
    pub results: PolicyResults,
    /// Its solutions, by id.
    pub solutions: BTreeMap<String, SolutionView>,
    /// Its grades.
    pub grades: Grades,
    /// Both models' steps, where the run is a collection.
    pub collected: Option<PairedTrace>,
}

impl PolicyRun {
    /// The run that wrote these records on `benchmark`. The first `warm_up` problems of each process count for accuracy and not for time.
    /// `None` where the records have no run record.
    ///
    /// # Errors
    /// [`ResultsError`] where the trace contradicts itself or its grades.
    pub fn new(
        benchmark: &str,
        records: Vec<Record>,
        grades: Grades,
        warm_up: usize,
    ) -> Result<Option<Self>, ResultsError> {
        let Some(record) = run_record(&records).cloned() else { return Ok(None) };
        let note = |name: &str| record.notes.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let label = note("label").or_else(|| note("policy")).unwrap_or_else(|| record.router.clone());
        let policy: Option<Policy> = note("policy").unwrap_or_else(|| label.clone()).parse().ok();
        let family = note("family").unwrap_or_else(|| without_threshold(&label).to_owned());
        let found = problem_results(&records, &grades, warm_up)?;
        let results = PolicyResults::new(benchmark, &*family, policy.and_then(threshold), found.problems)?;
        let collected = PairedTrace::new(&records).ok();
        let collected = collected.map(|trace| trace.clone().with_outcomes(&results).unwrap_or(trace));
        let solutions = SolutionView::all(trajectories(records)?.0);
        Ok(Some(Self { label, family, policy, record, results, solutions, grades, collected }))
    }

    /// Whether the target writes everything without speculative decoding.
    pub fn is_target(&self) -> bool {
        self.policy == Some(Policy::Target) && !self.has_speculation()
    }

    /// Whether the target writes everything with token-level speculative decoding.
    pub fn is_speculative(&self) -> bool {
        self.policy == Some(Policy::Target) && self.has_speculation()
    }

    fn has_speculation(&self) -> bool {
        self.results.problems().iter().any(|problem| problem.usage.target.guessed > 0)
    }

    /// Whether the policy is RSD, the paper's baseline.
    pub fn is_rsd(&self) -> bool {
        matches!(self.policy, Some(Policy::Rsd(_)))
    }

    /// Order of runs in a report: the two models alone, then families by name, each by threshold.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |run: &Self| match run.policy {
            Some(Policy::Target) => u8::from(run.has_speculation()),
            Some(Policy::Draft) => 2,
            _ => 3,
        };
        let tau = |run: &Self| run.results.tau.unwrap_or(f32::NEG_INFINITY);
        let by_name = rank(self).cmp(&rank(other)).then_with(|| self.family.cmp(&other.family));
        by_name.then_with(|| tau(self).total_cmp(&tau(other))).then_with(|| self.label.cmp(&other.label))
    }
}

pub(super) fn run_record(records: &[Record]) -> Option<&RunRecord> {
    records.iter().find_map(|record| if let Record::Run(run) = record { Some(run) } else { None })
}

fn without_threshold(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

fn threshold(policy: Policy) -> Option<f32> {
    policy.to_string().split_once(':').and_then(|(_, tau)| tau.parse().ok()).filter(|tau: &f32| !tau.is_nan())
}
