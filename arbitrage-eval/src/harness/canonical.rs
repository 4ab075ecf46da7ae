//! A run's records in one order.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::trace::{Record, RunRecord};
use arbitrage_router::labels::{LabelError, trajectories};

use super::HarnessError;
use super::lines::replace_lines;

/// What the records tell of these problems, in their order: who wrote them, once, and each problem's steps and end. What a run that
/// was killed left of problems that were begun again is left out. So runs that were interrupted, batched or divided in different ways give the
/// same records, apart from what was measured (times, caches, guesses).
///
/// Also says which problems have no end.
///
/// # Errors
/// [`LabelError::Question`] where an id stands for two questions.
pub fn canonical(records: Vec<Record>, problems: &[Problem]) -> Result<(Vec<Record>, Vec<&Problem>), LabelError> {
    let run = records.iter().find(|record| matches!(record, Record::Run(_))).cloned();
    let (mut told, _) = trajectories(records)?;
    let (mut ordered, mut missing): (Vec<Record>, Vec<&Problem>) = (run.into_iter().collect(), Vec::new());
    for problem in problems {
        let Some((end, steps)) = told.remove(&problem.id).and_then(|told| Some((told.end?, told.steps))) else {
            missing.push(problem);
            continue;
        };
        ordered.extend(steps.into_values().map(Record::Step));
        ordered.push(Record::Solution(end));
    }
    Ok((ordered, missing))
}

/// Writes the [`canonical`] records of a whole run to `path`, which replaces what was there in one move.
///
/// # Errors
/// [`HarnessError::Incomplete`] where a problem has no end; [`HarnessError::AnotherRun`] where the records are of several runs;
/// [`HarnessError::Records`]; [`HarnessError::Io`].
pub fn write_canonical(records: Vec<Record>, problems: &[Problem], path: &Path) -> Result<(), HarnessError> {
    one_run(&records, path)?;
    let contradiction = |source| HarnessError::Records { path: path.to_owned(), source };
    let (ordered, missing) = canonical(records, problems).map_err(contradiction)?;
    if let Some(first) = missing.first() {
        let (expected, missing, first) = (problems.len(), missing.len(), first.id.clone());
        return Err(HarnessError::Incomplete { path: path.to_owned(), expected, missing, first });
    }
    replace_lines(path, &ordered)
}

fn one_run(records: &[Record], path: &Path) -> Result<(), HarnessError> {
    let mut runs = records.iter().filter_map(|record| if let Record::Run(run) = record { Some(run) } else { None });
    let Some(first) = runs.next() else { return Err(HarnessError::Nameless { path: path.to_owned() }) };
    match runs.map(|run: &RunRecord| first.differences(run)).find(|differences| !differences.is_empty()) {
        Some(differences) => {
            Err(HarnessError::AnotherRun { path: path.to_owned(), differences: differences.join("; ") })
        }
        None => Ok(()),
    }
}
