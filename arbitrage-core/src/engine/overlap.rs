//! Two models at work at once.

use serde::{Deserialize, Serialize};

/// Whether the drafter goes on from its own step while the router, or the target, is still at work on that step.
///
/// A step that is accepted has its successor drafted already; where the target wrote another step instead, what was
/// drafted behind the rejected one is thrown away, and the drafter rolls back by the contract of
/// [`Drafter`](crate::Drafter). Texts, decisions and errors are those of a run without overlap: a drafter that fails ahead
/// of its turn, or panics, is asked again in its turn, and the failure counts only there. Only times change, and so do
/// the caches' hits.
///
/// What it costs: a thread a turn (tens of microseconds), the work that is thrown away
/// ([`Usage::discarded`](crate::Usage::discarded)), and cores, memory bandwidth or a server's capacity that the target
/// could have used. A turn lasts as long as the slower side, so a long draft ahead can hold up a short verdict. It gains
/// most where the two sides share nothing: models on different devices, remote models, slow scorers. With one sequence in
/// flight a target's rewrite hides nothing, since the step drafted beside it falls; with several, it hides the drafts of
/// those that were accepted. The seconds of the roles add up to more than the wall time.
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
/// // "is 43." was written beside the verdict on "6 times 7", and kept; the first "So 43." fell with it.
/// assert_eq!((plain.usage.discarded.calls, overlapped.usage.discarded.calls), (0, 1));
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Overlap {
    /// The drafter waits for the verdict. Nothing is thrown away.
    #[default]
    Off,
    /// The drafter goes on, wherever router or target have work and a step could follow.
    On,
    /// The engine's first 60 turns are run with and without in alternation, and overlap is kept if the wall time a
    /// token was more than 5% less with it. [`Engine::overlap_choice`](crate::Engine::overlap_choice) tells.
    Measured,
}

impl Overlap {
    pub(crate) fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// Does `work` here and `ahead` on another thread, and returns what came of `ahead`: nothing if it panicked, or if the
/// system has no thread to give, since what is done ahead of its time can be done again.
pub(super) fn beside<A: Send>(ahead: impl FnOnce() -> A + Send, work: impl FnOnce()) -> Option<A> {
    std::thread::scope(|scope| {
        let ahead = std::thread::Builder::new().name("draft ahead".to_owned()).spawn_scoped(scope, ahead);
        work();
        ahead.ok()?.join().ok()
    })
}
