//! A run's records in the order of its problems.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::trace::{Record, Trace};

use super::HarnessError;
use super::lines::replace_lines;

/// The records of a run in canonical form: the run's own record once, then the steps and the end of each of `problems`, in their order.
/// Records of attempts that a later process replaced are dropped. Runs that were interrupted, batched or divided in different ways therefore
/// give the same records, apart from measurements (times, cached and speculated tokens).
///
/// Also returns the problems that have no end.
pub fn canonical(mut trace: Trace, problems: &[Problem]) -> (Vec<Record>, Vec<&Problem>) {
    let (mut ordered, mut missing): (Vec<Record>, Vec<&Problem>) =
        (trace.run.into_iter().map(Record::Run).collect(), Vec::new());
    for problem in problems {
        let trajectory = trace.trajectories.remove(&problem.id);
        let Some((end, steps)) = trajectory.and_then(|found| Some((found.end?, found.steps))) else {
            missing.push(problem);
            continue;
        };
        ordered.extend(steps.into_values().map(Record::Step));
        ordered.push(Record::Solution(end));
    }
    (ordered, missing)
}

/// Writes the [`canonical`] records of a whole run to `path`, replacing the file atomically.
///
/// # Errors
/// [`HarnessError::NoRunRecord`] without a run record, [`HarnessError::AnotherRun`] where the records are of several runs,
/// [`HarnessError::Incomplete`] where a problem has no end, and [`HarnessError::Io`].
pub fn write_canonical(trace: Trace, problems: &[Problem], path: &Path) -> Result<(), HarnessError> {
    if trace.run.is_none() {
        return Err(HarnessError::NoRunRecord { path: path.to_owned() });
    }
    let differences = trace.differences();
    if !differences.is_empty() {
        return Err(HarnessError::AnotherRun { path: path.to_owned(), differences: differences.join("; ") });
    }
    let (ordered, missing) = canonical(trace, problems);
    if let Some(first) = missing.first() {
        let (expected, missing, first) = (problems.len(), missing.len(), first.id.clone());
        return Err(HarnessError::Incomplete { path: path.to_owned(), expected, missing, first });
    }
    replace_lines(path, &ordered)
}
