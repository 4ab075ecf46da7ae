//! One policy on one benchmark.

use std::collections::BTreeMap;

use arbitrage_core::trace::{Record, RunRecord};
use arbitrage_router::Policy;
use arbitrage_router::labels::trajectories;

use super::{Answer, Solution};
use crate::replay::Dump;
use crate::results::{EvaluationError, Grades, PolicyResults, problem_results};

/// One policy on one benchmark, with everything that a report shows of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// What it is called, such as `rsd:0.5`.
    pub label: String,
    /// What the policies are called that differ from it in their thresholds alone, such as `rsd`.
    pub family: String,
    /// The policy, where the record names one that is known.
    pub policy: Option<Policy>,
    /// Models, limits and notes.
    pub record: RunRecord,
    /// Its results. Their policy is the family.
    pub results: PolicyResults,
    /// Its solutions, by id.
    pub solutions: BTreeMap<String, Solution>,
    /// What the grader compared, by id.
    pub answers: BTreeMap<String, Answer>,
    /// Its places with both steps and both scores, where it is a collection.
    pub dump: Option<Dump>,
}

/// A trace that was begun and not brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CutOff {
    /// Problems that ended.
    pub ended: usize,
    /// Problems that it should hold, or has begun.
    pub expected: usize,
}

impl Run {
    /// The run that left these records on `benchmark`, of which the first `warm_up` problems of each process count for accuracy and not
    /// for time. `None` where the records do not say what was run.
    ///
    /// # Errors
    /// [`EvaluationError`] where the trace contradicts itself or its grades.
    pub fn new(
        benchmark: &str,
        records: Vec<Record>,
        grades: &Grades,
        warm_up: usize,
    ) -> Result<Option<Self>, EvaluationError> {
        let Some(record) = run_record(&records).cloned() else { return Ok(None) };
        let note = |name: &str| record.notes.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let label = note("label").or_else(|| note("policy")).unwrap_or_else(|| record.router.clone());
        let policy: Option<Policy> = note("policy").unwrap_or_else(|| label.clone()).parse().ok();
        let family = note("family").unwrap_or_else(|| plain(&label).to_owned());
        let found = problem_results(&records, grades, warm_up)?;
        let results = PolicyResults::new(benchmark, &*family, policy.and_then(threshold), found.problems)?;
        let dump = Dump::new(&records).ok();
        let dump = dump.map(|dump| dump.clone().with_outcomes(&results).unwrap_or(dump));
        let solutions = Solution::all(trajectories(records)?.0);
        Ok(Some(Self { label, family, policy, record, results, solutions, answers: BTreeMap::new(), dump }))
    }

    /// Whether the target writes everything, token by token.
    pub fn is_target(&self) -> bool {
        self.policy == Some(Policy::Target) && !self.has_guesses()
    }

    /// Whether the target writes everything and verifies guesses of several tokens at a time: token-level speculation.
    pub fn is_speculative(&self) -> bool {
        self.policy == Some(Policy::Target) && self.has_guesses()
    }

    fn has_guesses(&self) -> bool {
        self.results.problems().iter().any(|problem| problem.usage.target.guessed > 0)
    }

    /// Whether it is of the paper's baseline.
    pub fn is_rsd(&self) -> bool {
        matches!(self.policy, Some(Policy::Rsd(_)))
    }

    /// Where it stands among others: the two models alone, then families by their names, each by its thresholds.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |run: &Self| match run.policy {
            Some(Policy::Target) => u8::from(run.has_guesses()),
            Some(Policy::Draft) => 2,
            _ => 3,
        };
        let tau = |run: &Self| run.results.tau.unwrap_or(f32::NEG_INFINITY);
        let by_name = rank(self).cmp(&rank(other)).then_with(|| self.family.cmp(&other.family));
        by_name.then_with(|| tau(self).total_cmp(&tau(other))).then_with(|| self.label.cmp(&other.label))
    }
}

/// Whether problems of the trace have no end: those that it began, or that its record says it has.
pub(super) fn cut_off(records: &[Record], torn: bool) -> Result<Option<CutOff>, EvaluationError> {
    let (begun, _) = trajectories(records.iter().cloned())?;
    let ended = begun.values().filter(|trajectory| trajectory.end.is_some()).count();
    let promised = run_record(records).and_then(|run| run.notes.get("problems")?.get("count")?.as_u64());
    let promised = promised.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let expected = begun.len().max(promised);
    Ok((ended < expected || torn || ended == 0).then_some(CutOff { ended, expected }))
}

fn run_record(records: &[Record]) -> Option<&RunRecord> {
    records.iter().find_map(|record| if let Record::Run(run) = record { Some(run) } else { None })
}

/// A policy's name without its threshold.
fn plain(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

fn threshold(policy: Policy) -> Option<f32> {
    policy.to_string().split_once(':').and_then(|(_, tau)| tau.parse().ok()).filter(|tau: &f32| !tau.is_nan())
}
