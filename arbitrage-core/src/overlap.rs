//! Whether the drafter works ahead while router and target work.

use serde::{Deserialize, Serialize};

/// Whether the drafter goes on from its own step while the router or the target is still working on that step.
///
/// If the step is accepted, its successor is drafted already. If the target writes another step instead, the step drafted after
/// the rejected one is discarded, and the drafter rolls back as the contract of [`Drafter`](crate::Drafter) requires. Texts,
/// decisions and errors are the same as without overlap: a drafter that fails or panics while it works ahead is called again in
/// the next iteration, and only a failure there counts. Times and cache hits differ.
///
/// The price is a thread for each iteration (tens of microseconds), the discarded work
/// ([`Usage::discarded`](crate::Usage::discarded)), and the cores, memory bandwidth or server capacity that the target could have
/// used. An iteration lasts as long as the slower side, so a long draft can delay a fast decision. Overlap gains most where the two
/// sides share nothing: models on different devices, remote models, slow scorers. With one sequence in flight it hides nothing
/// behind a target's rewrite, since the step drafted meanwhile is discarded; with several, it hides the drafts of the sequences
/// whose steps were accepted. The seconds of the roles add up to more than the wall time.
///
/// ```
/// use arbitrage_core::{Engine, Overlap, Problem, Route, router_fn, testing::Scripted};
///
/// let solve = |overlap| {
///     let draft = Scripted::new("draft", ["6 times 7\n\n", "is 43.\n\n", "So 43."]);
///     let target = Scripted::new("target", ["Six times seven\n\n", "is 42.\n\n", "So 42."]);
///     let router = router_fn(|c| Route::escalate_if(c.draft.text.contains("is 43")));
///     Engine::new(draft, target, router).with_overlap(overlap).solve(&Problem::new("What is 6 times 7?"))
/// };
/// let (plain, overlapped) = (solve(Overlap::Off)?, solve(Overlap::On)?);
/// assert_eq!(plain.text(), overlapped.text());
/// // "is 43." was drafted while the router decided on "6 times 7", and was used. The first "So 43." was discarded.
/// assert_eq!((plain.usage.discarded.calls, overlapped.usage.discarded.calls), (0, 1));
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Overlap {
    /// The drafter waits for router and target. Nothing is discarded.
    #[default]
    Off,
    /// The drafter works ahead wherever router or target have work and another step can follow.
    ///
    /// Older traces may say `measured`, where the engine switched overlap on for a part of the run. They are read as `On`, since
    /// their times cannot be compared with those of a run without overlap either.
    #[serde(alias = "measured")]
    On,
}

impl Overlap {
    pub(crate) fn is_off(&self) -> bool {
        *self == Self::Off
    }
}
