//! Everything that an evaluation left behind.

use std::fmt;
use std::path::{Path, PathBuf};

use arbitrage_router::Policy;

use super::{ReportError, Run, read};
use crate::replay::Dump;

/// An evaluation: policies × benchmarks.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The benchmarks, by name.
    pub benchmarks: Vec<Benchmark>,
    /// Traces that are not in it, by their paths.
    pub left_out: Vec<LeftOut>,
}

/// One benchmark with all policies that were run on it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// The runs: the two models alone, then families by their names, each by its thresholds.
    pub runs: Vec<Run>,
}

/// A trace that an evaluation leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The trace, relative to the evaluation's folder.
    pub path: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// Why a trace is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There are no grades beside it.
    Ungraded,
    /// It does not say what was run.
    Nameless,
    /// It was cut off, or goes on.
    CutOff {
        /// Problems that ended.
        ended: usize,
        /// Problems that should have.
        expected: usize,
    },
}

impl Evaluation {
    /// Reads `FOLDER/BENCHMARK/POLICY.jsonl` and `FOLDER/BENCHMARK/POLICY.grades.jsonl` of all benchmarks and policies. Folders of
    /// shards are no benchmarks.
    ///
    /// # Errors
    /// [`ReportError`], naming the file.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        Self::read_warmed(folder, 0)
    }

    /// [`read`](Self::read), with the first `warm_up` problems of each process counted for accuracy and not for time.
    ///
    /// # Errors
    /// [`ReportError`], naming the file.
    pub fn read_warmed(folder: &Path, warm_up: usize) -> Result<Self, ReportError> {
        read::evaluation(folder, warm_up)
    }

    /// The families, in the order in which they are met: the colour of each is its place.
    pub fn families(&self) -> Vec<&str> {
        let mut runs: Vec<&Run> = self.benchmarks.iter().flat_map(|benchmark| &benchmark.runs).collect();
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

impl Benchmark {
    /// A benchmark with its runs.
    pub fn new(name: impl Into<String>, mut runs: Vec<Run>) -> Self {
        runs.sort_by(|one, other| one.order(other));
        Self { name: name.into(), runs }
    }

    /// The run in which the target writes everything, which others are held against: without guesses if there is one.
    pub fn target(&self) -> Option<&Run> {
        let first = |is: fn(&Run) -> bool| self.runs.iter().find(|run| is(run));
        first(Run::is_target).or_else(|| first(Run::is_speculative))
    }

    /// The run in which the target writes everything with guesses, beside one without.
    pub fn speculative(&self) -> Option<&Run> {
        self.target().filter(|target| target.is_target())?;
        self.runs.iter().find(|run| run.is_speculative())
    }

    /// The runs by their families, in order.
    pub fn families(&self) -> Vec<&[Run]> {
        self.runs.chunk_by(|one, other| one.family == other.family).collect()
    }

    /// The runs of one family, in order.
    pub fn family(&self, name: &str) -> &[Run] {
        self.families().into_iter().find(|family| family[0].family == name).unwrap_or_default()
    }

    /// The collection that tells what other policies' calls would have gained: the oracle's if there is one, else that with the most
    /// places.
    pub fn collection(&self) -> Option<(&Run, &Dump)> {
        let rank = |(run, dump): &(&Run, &Dump)| (matches!(run.policy, Some(Policy::Oracle(_))), dump.places().count());
        let all = self.runs.iter().filter_map(|run| Some((run, run.dump.as_ref()?)));
        all.reduce(|best, other| if rank(&other) > rank(&best) { other } else { best })
    }

    /// The most problems that a run has.
    pub fn problems(&self) -> usize {
        self.runs.iter().map(|run| run.results.problems().len()).max().unwrap_or(0)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ungraded => f.write_str("no grades beside it"),
            Self::Nameless => f.write_str("does not say what was run"),
            Self::CutOff { ended, expected } => write!(f, "cut off: {ended} of {expected} problems have ended"),
        }
    }
}
