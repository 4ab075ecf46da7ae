//! What is promised of a policy.

use std::path::Path;

use arbitrage_core::Limits;
use arbitrage_core::trace::RunNotes;
use arbitrage_router::Policy;
use arbitrage_router::calibrate::{Promise, PromiseConditions};
use arbitrage_router::learned::Card;

use crate::Failure;

/// What is promised of `policy` under these settings, where `folder` is that of the trained router: `None` for a policy without one, for a
/// router of which nothing was shown, and at another threshold than that of the promise. Where only the settings are others, a note on
/// standard error names them.
pub(crate) fn promise(
    policy: Policy,
    folder: Option<&Path>,
    limits: Limits,
    notes: &RunNotes,
    draft: &str,
) -> Result<Option<Promise>, Failure> {
    let (Policy::Learned(tau), Some(folder)) = (policy, folder) else { return Ok(None) };
    let card = Card::open(folder)?;
    let card = tau.map_or(Ok(card.clone()), |tau| card.with_threshold(tau))?;
    let conditions = PromiseConditions::new(limits, notes, draft, notes.target.as_deref().unwrap_or_default());
    if let Some(promise) = card.shown.as_ref().filter(|promise| promise.is_for(card.tau)) {
        let differences = promise.differences(&conditions);
        if !differences.is_empty() {
            anstream::eprintln!("the promise of the router's card is for other settings: {}", differences.join("; "));
        }
    }
    Ok(card.promise(&conditions).cloned())
}
