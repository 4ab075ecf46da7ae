//! An engine over what is open of a file's problems.

use std::ops::ControlFlow;

use arbitrage_core::trace::TraceSink;
use arbitrage_core::{AdvantageRouter, Drafter, Engine, EngineError, Problem, Role, Solution, Verifier};

use super::{HarnessError, Records};

/// Solves what `records` has no end of, and keeps every record in `sink`, which goes with it. `heard` gets each problem with its solution
/// or with why there is none: an error ends its own problem and is recorded as such.
///
/// # Errors
/// [`HarnessError::AnotherRun`] and [`HarnessError::Nameless`] before anything is written; [`HarnessError::Unkept`] where a record
/// cannot be kept, which is the end of the run, since no further one could be.
pub fn solve_into<D: Drafter, V: Verifier, R: AdvantageRouter>(
    engine: Engine<D, V, R>,
    problems: &[Problem],
    (sink, records): (impl TraceSink + 'static, &Records),
    mut heard: impl FnMut(&Problem, Result<&Solution, &EngineError>),
) -> Result<(), HarnessError> {
    let mut engine = engine.with_sink(sink);
    records.check(&engine.run_record())?;
    let open = records.open_problems(problems);
    let mut unkept = None;
    engine.solve_until(&open, |index, answer| {
        if let Err(EngineError::Part { role: Role::Sink, source, .. }) = answer {
            unkept = Some(source);
            return ControlFlow::Break(());
        }
        heard(&open[index], answer.as_ref());
        ControlFlow::Continue(())
    });
    unkept.map_or(Ok(()), |source| Err(HarnessError::Unkept(source)))
}
