//! Where problems come from while others are being solved, and where their solutions go.

use std::ops::ControlFlow;

use crate::trace::StepRecord;
use crate::{EngineError, Problem, SequenceId, Solution};

/// Feeds an [`Engine`](crate::Engine) that serves: problems may come at any time, and may be given up.
///
/// The engine asks between turns, from the thread that it runs on, so what is done here delays every sequence. Two methods
/// are required; an intake that gives up no problem and shows no step before the end needs no others.
///
/// ```
/// use std::collections::VecDeque;
/// use std::ops::ControlFlow;
/// use arbitrage_core::{Engine, EngineError, Intake, Problem, SequenceId, Solution, router::AlwaysDraft, testing::Scripted};
///
/// struct Line(VecDeque<Problem>, Vec<String>);
/// impl Intake for Line {
///     fn next(&mut self, _idle: bool) -> Option<(SequenceId, Problem)> {
///         Some((SequenceId::fresh(), self.0.pop_front()?))
///     }
///     fn finished(&mut self, _id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
///         self.1.extend(answer.map(|solution| solution.text()));
///         ControlFlow::Continue(())
///     }
/// }
///
/// let mut line = Line([Problem::new("2 + 2?"), Problem::new("6 × 7?")].into(), Vec::new());
/// Engine::new(Scripted::new("draft", ["So.\n\n", "42."]), Scripted::new("target", []), AlwaysDraft).serve(&mut line)?;
/// assert_eq!(line.1, ["So.\n\n42.", "So.\n\n42."]);
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
pub trait Intake {
    /// The next problem, under an id that no sequence in flight has ([`SequenceId::fresh`]); `None` when none is waiting.
    ///
    /// It is asked until it has none or [`Limits::in_flight`](crate::Limits::in_flight) are open. `idle` says that nothing is
    /// in flight: an intake that waits for problems does it then, and `None` ends the serving. Otherwise it must not wait.
    fn next(&mut self, idle: bool) -> Option<(SequenceId, Problem)>;

    /// Whether nobody wants the solution any longer. Its sequence is dropped then: all parts release it, and neither a
    /// record nor [`finished`](Self::finished) tells of its end. The others are not touched.
    fn is_cancelled(&mut self, _id: SequenceId) -> bool {
        false
    }

    /// A step was committed and recorded.
    fn committed(&mut self, _id: SequenceId, _record: &StepRecord) {}

    /// The sequence has ended. Breaking off drops all others and ends the serving.
    fn finished(&mut self, id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()>;
}

/// A slice of problems, in order.
pub(super) struct Listed<'p, F> {
    waiting: std::iter::Enumerate<std::slice::Iter<'p, Problem>>,
    open: Vec<(SequenceId, usize)>,
    done: F,
}

impl<'p, F> Listed<'p, F> {
    /// Hands answers to `done`, each with its problem's index.
    pub fn new(problems: &'p [Problem], done: F) -> Self {
        Self { waiting: problems.iter().enumerate(), open: Vec::new(), done }
    }
}

impl<F: FnMut(usize, Result<Solution, EngineError>) -> ControlFlow<()>> Intake for Listed<'_, F> {
    fn next(&mut self, _idle: bool) -> Option<(SequenceId, Problem)> {
        let (index, problem) = self.waiting.next()?;
        let id = SequenceId::fresh();
        self.open.push((id, index));
        Some((id, problem.clone()))
    }

    fn finished(&mut self, id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
        // As many are open as are in flight, so a search costs nothing.
        match self.open.iter().position(|(open, _)| *open == id) {
            Some(at) => (self.done)(self.open.swap_remove(at).1, answer),
            None => ControlFlow::Continue(()),
        }
    }
}
