//! The runs of an evaluation.

use std::fmt;
use std::path::PathBuf;

use arbitrage_router::Policy;

use super::PolicyRun;
use crate::replay::PairedTrace;

/// The runs of an evaluation: policies × benchmarks.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EvaluationRuns {
    /// The benchmarks, by name.
    pub benchmarks: Vec<BenchmarkRuns>,
    /// Traces that cannot be reported, by path.
    pub skipped: Vec<SkippedTrace>,
}

/// One benchmark with the runs of all policies.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BenchmarkRuns {
    /// Name of the benchmark.
    pub name: String,
    /// The runs: the two models alone, then families by name, each by threshold.
    pub runs: Vec<PolicyRun>,
}

/// A run in which both models wrote every step, so that other policies can be replayed along it.
#[derive(Clone, Copy, Debug)]
pub struct Collection<'r> {
    /// The run.
    pub run: &'r PolicyRun,
    /// Its steps.
    pub trace: &'r PairedTrace,
}

/// A trace that cannot be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedTrace {
    /// The trace, relative to the evaluation's folder.
    pub path: PathBuf,
    /// Why it is skipped.
    pub reason: SkipReason,
}

/// Why a trace is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// It has no file of grades.
    Ungraded,
    /// It has no run record.
    NoRunRecord,
    /// The run was interrupted, or is still going on.
    Incomplete {
        /// Number of problems that ended.
        ended: usize,
        /// Number of all problems.
        expected: usize,
    },
}

impl EvaluationRuns {
    /// The families, in the order of their runs. The index of a family selects its colour.
    pub fn families(&self) -> Vec<&str> {
        let mut runs: Vec<&PolicyRun> = self.benchmarks.iter().flat_map(|benchmark| &benchmark.runs).collect();
        runs.sort_by(|one, other| one.order(other));
        let mut families: Vec<&str> = Vec::new();
        for run in runs {
            if !families.contains(&run.family.as_str()) {
                families.push(&run.family);
            }
        }
        families
    }
}

impl BenchmarkRuns {
    /// A benchmark with its runs.
    pub fn new(name: impl Into<String>, mut runs: Vec<PolicyRun>) -> Self {
        runs.sort_by(|one, other| one.order(other));
        Self { name: name.into(), runs }
    }

    /// The baseline of all comparisons: the run in which the target writes everything, preferably without speculative decoding.
    pub fn target(&self) -> Option<&PolicyRun> {
        let first = |is: fn(&PolicyRun) -> bool| self.runs.iter().find(|run| is(run));
        first(PolicyRun::is_target).or_else(|| first(PolicyRun::is_speculative))
    }

    /// The run in which the target writes everything with speculative decoding, if there is also one without.
    pub fn speculative(&self) -> Option<&PolicyRun> {
        self.target().filter(|target| target.is_target())?;
        self.runs.iter().find(|run| run.is_speculative())
    }

    /// The runs grouped by family, in order.
    pub fn families(&self) -> Vec<&[PolicyRun]> {
        self.runs.chunk_by(|one, other| one.family == other.family).collect()
    }

    /// The runs of one family, in order.
    pub fn family(&self, name: &str) -> &[PolicyRun] {
        self.families().into_iter().find(|family| family[0].family == name).unwrap_or_default()
    }

    /// The collection along which policies are replayed: the oracle's if there is one, else the one with the most steps.
    pub fn collection(&self) -> Option<Collection<'_>> {
        let rank = |collection: &Collection<'_>| {
            (matches!(collection.run.policy, Some(Policy::Oracle(_))), collection.trace.step_pairs().count())
        };
        let all = self.runs.iter().filter_map(|run| Some(Collection { run, trace: run.collected.as_ref()? }));
        all.reduce(|best, other| if rank(&other) > rank(&best) { other } else { best })
    }

    /// The largest number of problems of a run.
    pub fn problems(&self) -> usize {
        self.runs.iter().map(|run| run.results.problems().len()).max().unwrap_or(0)
    }
}

impl fmt::Display for SkippedTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ungraded => f.write_str("expected a file of grades next to it, found none"),
            Self::NoRunRecord => f.write_str("expected a run record that names models and policy, found none"),
            Self::Incomplete { ended, expected } => {
                write!(f, "incomplete: {ended} of {expected} problems have ended; resume the run")
            }
        }
    }
}
