//! Hidden states of labelled steps, with a file that caches them.

mod file;

use std::ops::ControlFlow;
use std::path::Path;

use arbitrage_core::{Hidden, Problem, SequenceId};
use arbitrage_eval::steps::{LabelledSolution, digest};
use arbitrage_models::{Error, HiddenReader, Result};
use serde_json::json;

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
    let header = json!({
        "reader": reader.record(),
        "told": reader.prompt_identity(),
        "width": reader.width(),
        "solutions": solutions.len(),
        "digest": format!("{:016x}", digest(solutions)),
    });
    let steps = solutions.iter().map(|solution| solution.labelled.len()).collect();
    let cached = path.map(|path| StatesFile::open(path, &header, reader.width(), steps)).transpose()?;
    let (mut file, mut all) = cached.map_or_else(Default::default, |(file, states)| (Some(file), states));
    let stopped = |done| Err(Error::CutOff { done, of: solutions.len() });
    for solution in &solutions[..all.len()] {
        if on_solution(solution, None).is_break() {
            return stopped(all.len());
        }
    }
    for batch in solutions[all.len()..].chunks(in_flight.max(1)) {
        for (solution, states) in batch.iter().zip(read_batch(reader, batch)) {
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

fn read_batch(reader: &mut impl HiddenReader, solutions: &[LabelledSolution]) -> Vec<Result<Vec<Hidden>>> {
    let problems: Vec<Problem> = solutions.iter().map(LabelledSolution::problem).collect();
    let ids = (0..).map(SequenceId);
    let requests = solutions.iter().zip(&problems).zip(ids.clone());
    let requests: Vec<_> = requests.flat_map(|((solution, problem), id)| solution.requests(id, problem)).collect();
    let mut states = reader.hidden(&requests).into_iter();
    ids.take(solutions.len()).for_each(|id| reader.release(id));
    // All states of a solution are taken before its first error is returned: the next ones belong to the next solution.
    let of = |solution: &LabelledSolution| states.by_ref().take(solution.labelled.len()).collect::<Vec<_>>();
    let lists: Vec<Vec<Result<Hidden>>> = solutions.iter().map(of).collect();
    lists.into_iter().map(|list| list.into_iter().collect()).collect()
}

#[cfg(test)]
mod tests;
