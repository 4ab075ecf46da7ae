//! The part of a collection along which a family of policies can be replayed.

use std::borrow::Cow;
use std::collections::HashMap;

use arbitrage_core::router::Signal;
use arbitrage_router::Policy;

use super::{Collection, PolicyRun, StepText};
use crate::replay::{PairedTrace, StepPair};

/// The part of a collection along which a family can be replayed: all of it, or, for a [partial](is_partial) family, the steps for which
/// its runs have an estimate. These are the steps that a run drafted after the same history, up to and including the one at which it first
/// decided differently from the collection.
pub(crate) fn replayable<'r>(family: &[PolicyRun], collection: Collection<'r>) -> Cow<'r, PairedTrace> {
    if !is_partial(family) {
        return Cow::Borrowed(collection.trace);
    }
    let estimates = estimates(family, collection.run);
    let estimate = |id: &str, pair: &StepPair| estimates.get(&(id, pair.index)).copied();
    let trace = collection.trace.clone();
    let compares_scores = signals(family).any(|signal| signal == Signal::DraftScore);
    let mut trace = if compares_scores { trace.with_rsd_scores(estimate) } else { trace.with_estimates(estimate) };
    let is_known = |pair: &StepPair| pair.estimate.or(pair.rsd_score).is_some();
    trace.problems.iter_mut().for_each(|problem| problem.pairs.retain(is_known));
    trace.problems.retain(|problem| !problem.pairs.is_empty());
    Cow::Owned(trace)
}

/// Whether a family decides by numbers that a collection does not have: the estimates of a trained or custom router, or the scores of RSD,
/// whose scorer may not be the one of the collection.
pub(crate) fn is_partial(family: &[PolicyRun]) -> bool {
    signals(family).any(|signal| matches!(signal, Signal::Estimate | Signal::DraftScore))
}

fn signals(family: &[PolicyRun]) -> impl Iterator<Item = Signal> {
    family.iter().filter_map(|run| Some(run.policy?.rule()?.signal))
}

/// Whether a family is of a trained router.
pub(crate) fn is_trained(family: &[PolicyRun]) -> bool {
    family.iter().any(|run| matches!(run.policy, Some(Policy::Learned(_))))
}

/// The estimates of a family's runs, by problem and index of the step; those of RSD are its scores of the draft. They do not depend on the
/// threshold, so that all runs of the family contribute.
fn estimates<'r>(family: &'r [PolicyRun], collection: &PolicyRun) -> HashMap<(&'r str, usize), f32> {
    let mut found = HashMap::new();
    for (id, solution) in family.iter().flat_map(|run| &run.solutions) {
        let Some(collected) = collection.solutions.get(id) else { continue };
        for (index, (step, collected)) in solution.steps.iter().zip(&collected.steps).enumerate() {
            let is_same_draft = step.draft.is_some() && text(step.draft.as_ref()) == text(collected.draft.as_ref());
            if let Some(estimate) = step.decision.estimate.filter(|_| is_same_draft) {
                found.entry((id.as_str(), index)).or_insert(estimate);
            }
            if text(step.committed()) != text(collected.committed()) {
                break;
            }
        }
    }
    found
}

fn text(step: Option<&StepText>) -> Option<&str> {
    step.map(|step| step.text.as_str())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arbitrage_core::scorer::scorer_fn;
    use arbitrage_core::testing::Scripted;
    use arbitrage_core::trace::Trace;
    use arbitrage_core::{AdvantageRouter, Decision, Engine, Problem, Route, router_fn};
    use serde_json::json;

    use super::*;
    use crate::results::{GradeRow, Grades, Outcome};

    const DRAFT: [&str; 4] = ["good 0\n\n", "bad 1\n\n", "good 2\n\n", "good 3"];
    const TARGET: [&str; 4] = ["bad 0\n\n", "good one\n\n", "bad two\n\n", "bad three"];

    fn run(policy: &str, router: impl AdvantageRouter) -> PolicyRun {
        let sink = Arc::new(Mutex::new(Vec::new()));
        let notes = json!({ "policy": policy, "family": policy.split(':').next() });
        Engine::new(Scripted::new("draft", DRAFT), Scripted::new("target", TARGET), router)
            .with_notes(notes)
            .with_sink(sink.clone())
            .solve(&Problem::new("What?").with_id("p"))
            .unwrap();
        let records = std::mem::take(&mut *sink.lock().unwrap());
        let grades = Grades::new([GradeRow::new("p", Outcome::Right)]);
        PolicyRun::new("set", Trace::from_records(records).unwrap(), grades, 0).unwrap().unwrap()
    }

    /// Accepts all drafts except the bad one.
    fn collection() -> PolicyRun {
        let scorer = scorer_fn(|_, step| if step.text.starts_with("good") { 1.0 } else { 0.0 });
        run("oracle:0", Policy::Oracle(0.0).router(Some(Box::new(scorer))).unwrap())
    }

    /// A trained router that escalates the given steps, with estimates that depend on the index alone.
    fn probe(escalated: &'static [usize]) -> PolicyRun {
        let router = router_fn(move |candidate| {
            let at = candidate.prefix.steps.len();
            Decision::new(Route::escalate_if(escalated.contains(&at))).with_estimate(at as f32 / 8.0)
        });
        run("learned:0.5", router)
    }

    fn replayed_estimates(family: &[PolicyRun]) -> Vec<(usize, Option<f32>)> {
        let run = collection();
        let collection = Collection { run: &run, trace: run.collected.as_ref().unwrap() };
        replayable(family, collection).step_pairs().map(|(_, pair)| (pair.index, pair.estimate)).collect()
    }

    #[test]
    fn a_trained_family_is_replayed_where_its_runs_have_estimates() {
        let known = |to: usize| (0..to).map(|at| (at, Some(at as f32 / 8.0))).collect::<Vec<_>>();
        assert_eq!(
            replayed_estimates(&[probe(&[])]),
            known(2),
            "the run differs at the second step, which has an estimate"
        );
        assert_eq!(replayed_estimates(&[probe(&[0])]), known(1));
        assert_eq!(replayed_estimates(&[probe(&[1])]), known(4), "the run decides as the collected one");
        assert_eq!(
            replayed_estimates(&[probe(&[0]), probe(&[1, 2]), probe(&[])]),
            known(3),
            "runs of a family are combined"
        );
    }

    #[test]
    fn rsd_is_replayed_by_the_scores_of_its_own_scorer() {
        let scorer = scorer_fn(|prefix, _| if prefix.steps.len() == 1 { 0.25 } else { 0.75 });
        let rsd = run("rsd:0.5", Policy::Rsd(0.5).router(Some(Box::new(scorer))).unwrap());
        let run = collection();
        let collection = Collection { run: &run, trace: run.collected.as_ref().unwrap() };
        let trace = replayable(&[rsd], collection).into_owned();
        let scores: Vec<_> = trace.step_pairs().map(|(_, pair)| (pair.rsd_score, pair.draft.score)).collect();
        assert_eq!(scores, [(Some(0.75), 1.0), (Some(0.25), 0.0), (Some(0.75), 1.0), (Some(0.75), 1.0)]);
    }

    #[test]
    fn other_families_are_replayed_along_the_whole_collection() {
        let random = run("random:0.5", Policy::Random(0.5).router(None).unwrap());
        assert_eq!(replayed_estimates(&[random]), (0..4).map(|at| (at, None)).collect::<Vec<_>>());
    }
}
