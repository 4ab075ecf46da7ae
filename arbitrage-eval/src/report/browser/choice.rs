//! Which problems are worth a look.

use std::collections::BTreeMap;

use crate::report::Run;
use crate::results::Outcome;

/// Problems to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'r> {
    /// Their ids: those on which policies differ, then the others, each by id.
    pub ids: Vec<&'r str>,
    /// How many of all problems policies differ on.
    pub differing: usize,
    /// All problems.
    pub all: usize,
}

/// At most `most` of the problems that the runs solved. The same are shown of every run, since solutions are there to be compared.
pub fn choose(runs: &[Run], most: usize) -> Choice<'_> {
    let mut outcomes: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for result in runs.iter().flat_map(|run| run.results.problems()) {
        outcomes.entry(&result.id).or_default().push(result.outcome);
    }
    let all = outcomes.len();
    let differs = |outcomes: &[Outcome]| outcomes.iter().any(|outcome| *outcome != outcomes[0]);
    let (first, then): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcomes)| differs(outcomes));
    let differing = first.len();
    let ids = first.into_iter().chain(then).map(|(id, _)| id).take(most).collect();
    Choice { ids, differing, all }
}
