//! A closure as a sink.

use super::{Record, TraceSink};
use crate::BoxError;

/// Makes a sink of a closure, for example to print each step as it comes.
///
/// ```
/// use arbitrage_core::{Engine, Problem, router::AlwaysDraft, testing::Scripted};
/// use arbitrage_core::trace::{Record, sink_fn};
///
/// let mut engine = Engine::new(Scripted::new("draft", ["42"]), Scripted::new("target", []), AlwaysDraft)
///     .with_sink(sink_fn(|record| {
///         if let Record::Step(step) = record {
///             println!("{:?}: {}", step.author, step.step().map_or("", |step| step.text.as_str()));
///         }
///     }));
/// # engine.solve(&Problem::new("What is 6 times 7?"))?;
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
pub fn sink_fn<F: FnMut(&Record) + Send>(write: F) -> SinkFn<F> {
    SinkFn(write)
}

/// A sink made by [`sink_fn`].
#[derive(Clone, Debug)]
pub struct SinkFn<F>(F);

impl<F: FnMut(&Record) + Send> TraceSink for SinkFn<F> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        (self.0)(record);
        Ok(())
    }
}
