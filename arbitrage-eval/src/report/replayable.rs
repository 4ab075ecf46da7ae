//! How far a collection tells what a family would have done along it.

use std::borrow::Cow;
use std::collections::HashMap;

use arbitrage_router::Policy;

use super::{Run, Written};
use crate::replay::{Dump, Place};

/// A collection as far as a family's policy can be replayed along it: all of it, or, of one that is [partly known](is_partial), the
/// places that it judged. Its runs judged a place where they came by the same steps, so that the same draft followed the same history. They leave the collection
/// where they first decide otherwise, and that place is still among them.
pub fn replayable<'d>(family: &[Run], (collection, dump): (&Run, &'d Dump)) -> Cow<'d, Dump> {
    if !is_partial(family) {
        return Cow::Borrowed(dump);
    }
    let judgements = judgements(family, collection);
    let judged = |id: &str, place: &Place| judgements.get(&(id, place.index)).copied();
    let dump = dump.clone();
    let mut dump = if is_trained(family) { dump.with_estimates(judged) } else { dump.with_scores(judged) };
    let is_known = |place: &Place| place.estimate.or(place.judged).is_some();
    dump.problems.iter_mut().for_each(|problem| problem.places.retain(is_known));
    dump.problems.retain(|problem| !problem.places.is_empty());
    Cow::Owned(dump)
}

/// Whether a family decides by what a collection does not hold: a trained router's estimates, or RSD's scores, whose scorer is not the
/// one that the collection was scored by.
pub fn is_partial(family: &[Run]) -> bool {
    is_trained(family) || family.iter().any(|run| matches!(run.policy, Some(Policy::Rsd(_))))
}

/// Whether a family is a trained router's.
pub fn is_trained(family: &[Run]) -> bool {
    family.iter().any(|run| matches!(run.policy, Some(Policy::Learned(_))))
}

/// Estimates, of which RSD's are its scores of the draft, by problem and index. They do not depend on thresholds, so that all runs of a family give theirs.
fn judgements<'r>(family: &'r [Run], collection: &Run) -> HashMap<(&'r str, usize), f32> {
    let mut found = HashMap::new();
    for (id, solution) in family.iter().flat_map(|run| &run.solutions) {
        let Some(collected) = collection.solutions.get(id) else { continue };
        for (index, (own, other)) in solution.steps.iter().zip(&collected.steps).enumerate() {
            let is_one_draft = own.draft.is_some() && text(own.draft.as_ref()) == text(other.draft.as_ref());
            if let Some(estimate) = own.decision.estimate.filter(|_| is_one_draft) {
                found.entry((id.as_str(), index)).or_insert(estimate);
            }
            if text(own.committed()) != text(other.committed()) {
                break;
            }
        }
    }
    found
}

fn text(written: Option<&Written>) -> Option<&str> {
    written.map(|written| written.text.as_str())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arbitrage_core::scorer::scorer_fn;
    use arbitrage_core::testing::Scripted;
    use arbitrage_core::{AdvantageRouter, Decision, Engine, Problem, Route, router_fn};
    use serde_json::json;

    use super::*;
    use crate::results::{Grade, Grades, Outcome};

    const DRAFT: [&str; 4] = ["good 0\n\n", "bad 1\n\n", "good 2\n\n", "good 3"];
    const TARGET: [&str; 4] = ["bad 0\n\n", "good one\n\n", "bad two\n\n", "bad three"];

    fn run(policy: &str, router: impl AdvantageRouter) -> Run {
        let sink = Arc::new(Mutex::new(Vec::new()));
        let notes = json!({ "policy": policy, "family": policy.split(':').next() });
        Engine::new(Scripted::new("draft", DRAFT), Scripted::new("target", TARGET), router)
            .with_notes(notes)
            .with_sink(sink.clone())
            .solve(&Problem::new("What?").with_id("p"))
            .unwrap();
        let records = std::mem::take(&mut *sink.lock().unwrap());
        let grades = Grades::new([Grade::new("p", Outcome::Right)]);
        Run::new("set", records, &grades, 0).unwrap().unwrap()
    }

    /// Follows the draft but for the step that it writes badly.
    fn collection() -> Run {
        let scorer = scorer_fn(|_, step| if step.text.starts_with("good") { 1.0 } else { 0.0 });
        run("oracle:0", Policy::Oracle(0.0).router(Some(Box::new(scorer))).unwrap())
    }

    /// A trained router that escalates these steps, and says of each where it is.
    fn probe(escalated: &'static [usize]) -> Run {
        let router = router_fn(move |candidate| {
            let at = candidate.prefix.steps.len();
            Decision::new(Route::escalate_if(escalated.contains(&at))).with_estimate(at as f32 / 8.0)
        });
        run("learned:0.5", router)
    }

    fn estimates(family: &[Run]) -> Vec<(usize, Option<f32>)> {
        let collection = collection();
        let dump = replayable(family, (&collection, collection.dump.as_ref().unwrap()));
        dump.places().map(|(_, place)| (place.index, place.estimate)).collect()
    }

    #[test]
    fn a_trained_family_is_replayed_where_its_runs_came_by() {
        let judged = |to: usize| (0..to).map(|at| (at, Some(at as f32 / 8.0))).collect::<Vec<_>>();
        assert_eq!(estimates(&[probe(&[])]), judged(2), "it leaves at the second step, which it has judged");
        assert_eq!(estimates(&[probe(&[0])]), judged(1));
        assert_eq!(estimates(&[probe(&[1])]), judged(4), "it decides as was collected");
        assert_eq!(estimates(&[probe(&[0]), probe(&[1, 2]), probe(&[])]), judged(3), "runs speak for each other");
    }

    #[test]
    fn rsd_is_replayed_by_what_its_own_scorer_said() {
        let scorer = scorer_fn(|prefix, _| if prefix.steps.len() == 1 { 0.25 } else { 0.75 });
        let rsd = run("rsd:0.5", Policy::Rsd(0.5).router(Some(Box::new(scorer))).unwrap());
        let collection = collection();
        let dump = replayable(&[rsd], (&collection, collection.dump.as_ref().unwrap())).into_owned();
        let said: Vec<_> = dump.places().map(|(_, place)| (place.judged, place.draft.score)).collect();
        assert_eq!(said, [(Some(0.75), 1.0), (Some(0.25), 0.0), (Some(0.75), 1.0), (Some(0.75), 1.0)]);
    }

    #[test]
    fn others_are_replayed_along_everything() {
        let random = run("random:0.5", Policy::Random(0.5).router(None).unwrap());
        assert_eq!(estimates(&[random]), (0..4).map(|at| (at, None)).collect::<Vec<_>>());
    }
}
