//! Selects the problems that the browser shows.

use std::collections::BTreeMap;

use crate::report::PolicyRun;
use crate::results::Outcome;

/// The problems to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProblemSelection<'r> {
    /// Their ids: those on which policies differ, then the others, each by id.
    pub ids: Vec<&'r str>,
    /// Number of problems on which policies differ.
    pub differing: usize,
    /// Number of all problems.
    pub all: usize,
}

/// At most `max_problems` of the problems that the runs solved. The same problems are shown for every run, so that solutions can be compared.
pub(crate) fn select(runs: &[PolicyRun], max_problems: usize) -> ProblemSelection<'_> {
    let mut outcomes: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for result in runs.iter().flat_map(|run| run.results.problems()) {
        outcomes.entry(&result.id).or_default().push(result.outcome);
    }
    let all = outcomes.len();
    let differs = |outcomes: &[Outcome]| outcomes.iter().any(|outcome| *outcome != outcomes[0]);
    let (first, then): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcomes)| differs(outcomes));
    let differing = first.len();
    let ids = first.into_iter().chain(then).map(|(id, _)| id).take(max_problems).collect();
    ProblemSelection { ids, differing, all }
}
