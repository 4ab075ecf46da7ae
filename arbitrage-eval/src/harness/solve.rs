//! Solves the unfinished problems of a trace file.

use std::ops::ControlFlow;

use arbitrage_core::trace::TraceSink;
use arbitrage_core::{AdvantageRouter, Drafter, Engine, EngineError, Problem, Role, Solution, Verifier};

use super::{HarnessError, Records};

/// Solves the problems that have no end in `records`, and writes every record to `sink`, the one that [`Records::open`] returned.
/// `on_solution` receives each problem with its solution or its error; an error ends only its own problem, and is recorded.
///
/// # Errors
/// [`HarnessError::AnotherRun`] and [`HarnessError::NoRunRecord`] before anything is written. [`HarnessError::Sink`] where a record
/// cannot be written; this ends the run, since later records would be lost too.
pub fn solve_into<D: Drafter, V: Verifier, R: AdvantageRouter>(
    engine: Engine<D, V, R>,
    problems: &[Problem],
    sink: impl TraceSink + 'static,
    records: &Records,
    mut on_solution: impl FnMut(&Problem, Result<&Solution, &EngineError>),
) -> Result<(), HarnessError> {
    let mut engine = engine.with_sink(sink);
    records.check(&engine.run_record())?;
    let open = records.open_problems(problems);
    let mut sink_error = None;
    engine.solve_until(&open, |index, solution| {
        if let Err(EngineError::Component { role: Role::Sink, source, .. }) = solution {
            sink_error = Some(source);
            return ControlFlow::Break(());
        }
        on_solution(&open[index], solution.as_ref());
        ControlFlow::Continue(())
    });
    sink_error.map_or(Ok(()), |source| Err(HarnessError::Sink(source)))
}
