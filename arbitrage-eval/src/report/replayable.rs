//! How far a collection tells what a family would have done along it.

use std::collections::HashMap;

use arbitrage_router::Policy;

use super::{Run, Written};
use crate::replay::{Dump, Place};

/// A collection as far as a family's policy can be replayed along it: all of it, or, of a trained router, the places that it judged. Its
/// runs judged a place where they came by the same steps, so that the same draft followed the same history. They leave the collection
/// where they first decide otherwise, and that place is still among them.
pub fn replayable(family: &[Run], (collection, dump): (&Run, &Dump)) -> Dump {
    if !is_trained(family) {
        return dump.clone();
    }
    let estimates = estimates(family, collection);
    let estimate = |id: &str, place: &Place| estimates.get(&(id, place.index)).copied();
    let mut dump = dump.clone().with_estimates(estimate);
    dump.problems.iter_mut().for_each(|problem| problem.places.retain(|place| place.estimate.is_some()));
    dump.problems.retain(|problem| !problem.places.is_empty());
    dump
}

/// Whether a family is a trained router's, of which a collection tells but a part.
pub fn is_trained(family: &[Run]) -> bool {
    family.iter().any(|run| matches!(run.policy, Some(Policy::Learned(_))))
}

/// Estimates by problem and index. They do not depend on thresholds, so that all runs of a family give theirs.
fn estimates<'r>(family: &'r [Run], collection: &Run) -> HashMap<(&'r str, usize), f32> {
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
