//! A frozen model's hidden states of judged steps.

mod file;

use std::ops::ControlFlow;
use std::path::Path;

use arbitrage_core::{Hidden, Problem, SequenceId};
use arbitrage_models::{Error, HiddenReader, Result};
use serde_json::json;

use arbitrage_eval::steps::{LabelledSolution, digest};
use file::StatesFile;

/// The states of every judged step, a list a solution; `None` for a solution that the model cannot read, since it does not fit the
/// context, for instance.
///
/// What was read is kept in the file at `path`, if there is one, solution by solution: a reading that was killed goes on where it stopped, loses
/// `in_flight` solutions at most, and ends in the same bytes. So many solutions are read at a time, step by step, which fills batches
/// where solutions of about one length stand together. `heard` gets each solution when its states are there, with the reason where
/// it has just turned out that there will be none; it may break the reading off.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] where the file holds other states, or another process writes to it; [`Error::NotFinite`] where the
/// model itself is broken; [`Error::CutOff`] where `heard` broke off.
pub fn read_states(
    reader: &mut impl HiddenReader,
    solutions: &[LabelledSolution],
    path: Option<&Path>,
    in_flight: usize,
    mut heard: impl FnMut(&LabelledSolution, Option<&Error>) -> ControlFlow<()>,
) -> Result<Vec<Option<Vec<Hidden>>>> {
    let header = json!({
        "reader": reader.record(),
        "told": reader.told(),
        "width": reader.width(),
        "solutions": solutions.len(),
        "digest": format!("{:016x}", digest(solutions)),
    });
    let steps = solutions.iter().map(|solution| solution.labelled.len()).collect();
    let known = path.map(|path| StatesFile::open(path, &header, reader.width(), steps)).transpose()?;
    let (mut file, mut all) = known.map_or_else(Default::default, |(file, known)| (Some(file), known));
    let cut_off = |done| Err(Error::CutOff { done, of: solutions.len() });
    for solution in &solutions[..all.len()] {
        if heard(solution, None).is_break() {
            return cut_off(all.len());
        }
    }
    for some in solutions[all.len()..].chunks(in_flight.max(1)) {
        for (solution, read) in some.iter().zip(read_together(reader, some)) {
            let (states, reason) = match read {
                Ok(states) => (Some(states), None),
                Err(error @ Error::NotFinite { .. }) => return Err(error),
                Err(error) => (None, Some(error)),
            };
            if let Some(file) = &mut file {
                file.push(states.as_deref())?;
            }
            all.push(states);
            if heard(solution, reason.as_ref()).is_break() {
                return cut_off(all.len());
            }
        }
    }
    Ok(all)
}

fn read_together(reader: &mut impl HiddenReader, solutions: &[LabelledSolution]) -> Vec<Result<Vec<Hidden>>> {
    let problems: Vec<Problem> = solutions.iter().map(LabelledSolution::problem).collect();
    let ids = (0..).map(SequenceId);
    let requests = solutions.iter().zip(&problems).zip(ids.clone());
    let requests: Vec<_> = requests.flat_map(|((solution, problem), id)| solution.requests(id, problem)).collect();
    let mut read = reader.hidden(&requests).into_iter();
    ids.take(solutions.len()).for_each(|id| reader.forget(id));
    // All are taken before the first error is looked for: the rest belongs to the next solution.
    let of = |solution: &LabelledSolution| read.by_ref().take(solution.labelled.len()).collect::<Vec<_>>();
    let lists: Vec<Vec<Result<Hidden>>> = solutions.iter().map(of).collect();
    lists.into_iter().map(|list| list.into_iter().collect()).collect()
}

#[cfg(test)]
mod tests;
