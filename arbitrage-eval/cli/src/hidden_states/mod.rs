//! Hidden states of labelled steps, with a file that caches them.

mod file;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use arbitrage_core::{Hidden, SequenceId};
use arbitrage_eval::steps::{LabelledSolution, digest};
use arbitrage_models::{Error, HiddenReader, Result};
use serde_json::json;

use crate::labelled_steps::evaluate_steps;
use file::StatesFile;

/// The hidden states of every labelled step, a list for each solution; `None` for a solution that the model cannot read, for instance
/// because it does not fit the context.
///
/// The file at `path`, if there is one, caches the states, solution by solution. An interrupted computation loses at most `in_flight`
/// solutions, and ends in the same bytes after it was resumed. So many solutions are read at the same time, step by step, which fills
/// batches best where neighbouring solutions have about as many steps. `on_solution` receives each solution when its states are there,
/// with the error where there are none; it may stop the computation.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] where the file holds other states, or another process writes to it; [`Error::NotFinite`] where the
/// model itself is broken; [`Error::CutOff`] where `on_solution` stopped.
pub(crate) fn read_states(
    reader: &mut impl HiddenReader,
    solutions: &[LabelledSolution],
    path: Option<&Path>,
    in_flight: usize,
    mut on_solution: impl FnMut(&LabelledSolution, Option<&Error>) -> ControlFlow<()>,
) -> Result<Vec<Option<Vec<Hidden>>>> {
    let metadata = BTreeMap::from([
        ("reader", json!(reader.record()).to_string()),
        ("prompt", json!(reader.prompt_identity()).to_string()),
        ("width", reader.width().to_string()),
        ("solutions", solutions.len().to_string()),
        ("digest", format!("{:016x}", digest(solutions))),
    ]);
    let steps = solutions.iter().map(|solution| solution.labelled.len()).collect();
    let cached = path.map(|path| StatesFile::open(path, &metadata, reader.width(), steps)).transpose()?;
    let (mut file, mut all) = cached.map_or_else(Default::default, |(file, states)| (Some(file), states));
    let stopped = |done| Err(Error::CutOff { done, of: solutions.len() });
    for solution in &solutions[..all.len()] {
        if on_solution(solution, None).is_break() {
            return stopped(all.len());
        }
    }
    for batch in solutions[all.len()..].chunks(in_flight.max(1)) {
        let states = evaluate_steps(batch, |steps| reader.hidden(steps));
        (0..batch.len() as u64).for_each(|id| reader.release(SequenceId(id)));
        for (solution, states) in batch.iter().zip(states) {
            let (states, error) = match states {
                Ok(states) => (Some(states), None),
                Err(error @ Error::NotFinite { .. }) => return Err(error),
                Err(error) => (None, Some(error)),
            };
            if let Some(file) = &mut file {
                file.push(states.as_deref())?;
            }
            all.push(states);
            if on_solution(solution, error.as_ref()).is_break() {
                return stopped(all.len());
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
