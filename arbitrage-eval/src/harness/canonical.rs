//! A run's records in the order of its problems.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::trace::{Record, RunRecord};
use arbitrage_router::labels::{LabelError, trajectories};

use super::HarnessError;
use super::lines::replace_lines;

/// The records of a run in canonical form: the run's own record once, then the steps and the end of each of `problems`, in their order.
/// Records that a killed process wrote of problems that were begun again are dropped. Runs that were interrupted, batched or divided in
/// different ways therefore give the same records, apart from measurements (times, cached and speculated tokens).
///
/// Also returns the problems that have no end.
///
/// # Errors
/// [`LabelError::Question`] where an id stands for two questions.
pub fn canonical(records: Vec<Record>, problems: &[Problem]) -> Result<(Vec<Record>, Vec<&Problem>), LabelError> {
    let run = records.iter().find(|record| matches!(record, Record::Run(_))).cloned();
    let (mut by_problem, _) = trajectories(records)?;
    let (mut ordered, mut missing): (Vec<Record>, Vec<&Problem>) = (run.into_iter().collect(), Vec::new());
    for problem in problems {
        let Some((end, steps)) = by_problem.remove(&problem.id).and_then(|found| Some((found.end?, found.steps)))
        else {
            missing.push(problem);
            continue;
        };
        ordered.extend(steps.into_values().map(Record::Step));
        ordered.push(Record::Solution(end));
    }
    Ok((ordered, missing))
}

/// Writes the [`canonical`] records of a whole run to `path`, replacing the file atomically.
///
/// # Errors
/// [`HarnessError::Incomplete`] where a problem has no end; [`HarnessError::AnotherRun`] where the records are of several runs;
/// [`HarnessError::NoRunRecord`], [`HarnessError::Records`] and [`HarnessError::Io`].
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
    let Some(first) = runs.next() else { return Err(HarnessError::NoRunRecord { path: path.to_owned() }) };
    match runs.map(|run: &RunRecord| first.differences(run)).find(|differences| !differences.is_empty()) {
        Some(differences) => {
            Err(HarnessError::AnotherRun { path: path.to_owned(), differences: differences.join("; ") })
        }
        None => Ok(()),
    }
}
