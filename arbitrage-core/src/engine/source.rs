//! Where problems come from while others are being solved, and where their solutions go.

use std::ops::ControlFlow;

use crate::trace::StepRecord;
use crate::{EngineError, Problem, SequenceId, Solution};

/// Feeds [`Engine::serve`](crate::Engine::serve): problems may arrive at any time, and may be cancelled.
///
/// The engine calls it between iterations, on the thread that the engine runs on, so time spent in it delays every sequence. Two
/// methods are required; a source that cancels nothing and does not stream steps needs no others.
///
/// ```
/// use std::collections::VecDeque;
/// use std::ops::ControlFlow;
/// use arbitrage_core::{Engine, EngineError, Problem, ProblemSource, SequenceId, Solution, WhenEmpty};
/// use arbitrage_core::{router::AlwaysDraft, testing::Scripted};
///
/// struct Queue {
///     waiting: VecDeque<Problem>,
///     texts: Vec<String>,
/// }
///
/// impl ProblemSource for Queue {
///     fn next(&mut self, _when_empty: WhenEmpty) -> Option<(SequenceId, Problem)> {
///         Some((SequenceId::fresh(), self.waiting.pop_front()?))
///     }
///     fn finished(&mut self, _id: SequenceId, result: Result<Solution, EngineError>) -> ControlFlow<()> {
///         self.texts.extend(result.map(|solution| solution.text()));
///         ControlFlow::Continue(())
///     }
/// }
///
/// let waiting = [Problem::new("2 + 2?"), Problem::new("6 × 7?")].into();
/// let mut queue = Queue { waiting, texts: Vec::new() };
/// Engine::new(Scripted::new("draft", ["So.\n\n", "42."]), Scripted::new("target", []), AlwaysDraft).serve(&mut queue)?;
/// assert_eq!(queue.texts, ["So.\n\n42.", "So.\n\n42."]);
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
pub trait ProblemSource {
    /// The next problem, under an id that no sequence in flight has ([`SequenceId::fresh`]); `None` if none is waiting.
    ///
    /// The engine calls it until it returns `None` or [`Limits::in_flight`](crate::Limits::in_flight) sequences are active.
    fn next(&mut self, when_empty: WhenEmpty) -> Option<(SequenceId, Problem)>;

    /// Whether the sequence is cancelled. The engine then drops it and releases it from all components. Its end is neither recorded
    /// in the trace nor passed to [`finished`](Self::finished). Other sequences are not affected.
    fn is_cancelled(&mut self, _id: SequenceId) -> bool {
        false
    }

    /// A step was committed and recorded.
    fn committed(&mut self, _id: SequenceId, _record: &StepRecord) {}

    /// The sequence has ended. `Break` drops all others and makes the engine return.
    fn finished(&mut self, id: SequenceId, result: Result<Solution, EngineError>) -> ControlFlow<()>;
}

/// What [`ProblemSource::next`] does if no problem is waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenEmpty {
    /// No sequence is active. The source may block until a problem arrives; `None` makes the engine return.
    Wait,
    /// Other sequences are active. The source returns `None` without blocking.
    Return,
}

/// A slice of problems, in order.
pub(super) struct SliceSource<'p, F> {
    waiting: std::iter::Enumerate<std::slice::Iter<'p, Problem>>,
    active: Vec<(SequenceId, usize)>,
    on_finished: F,
}

impl<'p, F> SliceSource<'p, F> {
    /// Passes each result to `on_finished`, with its problem's index.
    pub(super) fn new(problems: &'p [Problem], on_finished: F) -> Self {
        Self { waiting: problems.iter().enumerate(), active: Vec::new(), on_finished }
    }
}

impl<F: FnMut(usize, Result<Solution, EngineError>) -> ControlFlow<()>> ProblemSource for SliceSource<'_, F> {
    fn next(&mut self, _when_empty: WhenEmpty) -> Option<(SequenceId, Problem)> {
        let (index, problem) = self.waiting.next()?;
        let id = SequenceId::fresh();
        self.active.push((id, index));
        Some((id, problem.clone()))
    }

    fn finished(&mut self, id: SequenceId, result: Result<Solution, EngineError>) -> ControlFlow<()> {
        // Only the sequences in flight are searched, so a linear search is cheap.
        match self.active.iter().position(|(active, _)| *active == id) {
            Some(at) => (self.on_finished)(self.active.swap_remove(at).1, result),
            None => ControlFlow::Continue(()),
        }
    }
}
