//! One policy on one benchmark.

use std::collections::BTreeMap;

use arbitrage_core::trace::{RunRecord, Trace};
use arbitrage_router::Policy;

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
    /// The policy, where the record names a known one. `None` also where it [looks ahead](Self::looks_ahead): neither a replay of the
    /// policy alone nor its place among the baselines is then meant.
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
    /// The run that wrote this trace on `benchmark`. The first `warm_up` problems of each process count for accuracy and not for time. `None`
    /// where the trace has no run record.
    ///
    /// # Errors
    /// [`ResultsError`] where trace and grades are not of the same problems.
    pub fn new(benchmark: &str, trace: Trace, grades: Grades, warm_up: usize) -> Result<Option<Self>, ResultsError> {
        let Some(record) = trace.run.clone() else { return Ok(None) };
        let notes = &record.notes;
        let label = notes.label.as_ref().or(notes.policy.as_ref()).unwrap_or(&record.router).clone();
        let policy_text = notes.policy.as_ref().unwrap_or(&label);
        // A custom policy need not be registered in the process that writes the report.
        let policy: Option<Policy> = policy_text.parse().ok();
        let tau = policy.map_or_else(|| Policy::split(policy_text).1, |policy| policy.threshold());
        let policy = policy.filter(|_| !looks_ahead(&record));
        let family = notes.family.clone().unwrap_or_else(|| Policy::split(&label).0.to_owned());
        let found = problem_results(&trace, &grades, warm_up)?;
        let results = PolicyResults::new(benchmark, &*family, tau.filter(|tau| !tau.is_nan()), found.problems)?;
        let collected = PairedTrace::new(&trace).ok();
        let collected = collected.map(|paired| paired.with_known_outcomes(&results));
        let solutions = SolutionView::all(trace.trajectories);
        Ok(Some(Self { label, family, policy, record, results, solutions, grades, collected }))
    }

    /// Whether the policy does more than decide about one draft of each step: by handovers, or by a choice among several drafts.
    pub fn looks_ahead(&self) -> bool {
        looks_ahead(&self.record)
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

fn looks_ahead(record: &RunRecord) -> bool {
    record.drafts.is_some() || record.router.contains("handover(")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arbitrage_core::router::{AlwaysTarget, Handover, HandoverRule};
    use arbitrage_core::testing::Scripted;
    use arbitrage_core::trace::RunNotes;
    use arbitrage_core::{Engine, Problem, Route, router_fn};

    use super::*;
    use crate::results::{GradeRow, Outcome};

    #[test]
    fn a_policy_that_looks_ahead_is_no_baseline() {
        let (draft, target) = (Scripted::new("draft", ["4"]), Scripted::new("target", ["5"]));
        let records = Arc::new(Mutex::new(Vec::new()));
        let router = Handover::new(AlwaysTarget, HandoverRule::to_the_end(1).unwrap());
        let mut notes = RunNotes::default().with_policy("target", None);
        (notes.label, notes.family) = (Some("target+handover:1".to_owned()), Some("target+handover:1".to_owned()));
        let mut engine = Engine::new(draft, target, router).with_notes(notes).with_sink(records.clone());
        engine.solve(&Problem::new("2 + 2?").with_id("p")).unwrap();
        let trace = Trace::from_records(std::mem::take(&mut *records.lock().unwrap())).unwrap();
        let run = PolicyRun::new("sums", trace, Grades::new([GradeRow::new("p", Outcome::Wrong)]), 0).unwrap().unwrap();
        assert!(run.looks_ahead() && !run.is_target() && run.policy.is_none());
        assert_eq!((&*run.label, &*run.family), ("target+handover:1", "target+handover:1"));
    }

    #[test]
    fn an_unregistered_policy_keeps_its_name_and_threshold() {
        let records = Arc::new(Mutex::new(Vec::new()));
        let router = router_fn(|candidate| Route::escalate_if(candidate.draft.text.contains("maybe")));
        Engine::new(Scripted::new("draft", ["maybe 4"]), Scripted::new("target", ["4"]), router)
            .with_notes(RunNotes::default().with_policy("hedges", Some(1.0)))
            .with_sink(records.clone())
            .solve(&Problem::new("2 + 2?").with_id("p"))
            .unwrap();
        let trace = Trace::from_records(std::mem::take(&mut *records.lock().unwrap())).unwrap();
        let run = PolicyRun::new("sums", trace, Grades::new([GradeRow::new("p", Outcome::Right)]), 0).unwrap().unwrap();
        assert_eq!((run.policy, &*run.label, &*run.family), (None, "hedges:1", "hedges"));
        assert_eq!(run.results.name(), "hedges:1");
    }
}
