//! What a router said of steps whose advantage another run tells.

use std::collections::HashMap;

use super::{Run, Written};
use crate::replay::{Dump, Place};

/// A router's estimates of a collection's places, by problem and index: those where its run came by the same steps, so that it judged
/// the same draft after the same history.
pub type Estimates<'r> = HashMap<(&'r str, usize), f32>;

/// The estimates that `run` has for the places of `collection`.
pub fn estimates<'r>(run: &'r Run, collection: &Run) -> Estimates<'r> {
    let mut found = Estimates::new();
    for (id, solution) in &run.solutions {
        let Some(collected) = collection.solutions.get(id) else { continue };
        for (index, (own, other)) in solution.steps.iter().zip(&collected.steps).enumerate() {
            let is_one_draft = own.draft.is_some() && text(own.draft.as_ref()) == text(other.draft.as_ref());
            if let Some(estimate) = own.decision.estimate.filter(|_| is_one_draft) {
                found.insert((id.as_str(), index), estimate);
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

/// The problems of a collection of which every place has an estimate.
pub fn estimated(dump: &Dump, estimates: &Estimates<'_>) -> Dump {
    let estimate = |id: &str, place: &Place| estimates.get(&(id, place.index)).copied();
    let mut dump = dump.clone().with_estimates(estimate);
    dump.problems.retain(|problem| problem.places.iter().all(|place| place.estimate.is_some()));
    dump
}
