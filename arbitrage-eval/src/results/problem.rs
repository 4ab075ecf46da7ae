//! Turns a trace into results.

use arbitrage_core::trace::{SolutionRecord, Trace, Trajectory};
use arbitrage_core::{Stop, Usage};
use serde::{Deserialize, Serialize};

use super::{GradeRow, Grades, Outcome, ResultsError};

/// The result of one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProblemResult {
    /// The problem's id.
    pub id: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Why the solution ended; `None` where the engine failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// What it cost.
    pub usage: Usage,
    /// Wall time in seconds where it was measured, else the sum over the roles. The sum is the latency where problems were solved one at
    /// a time and the roles did not [overlap](arbitrage_core::Overlap); in a batch it is this problem's share.
    pub seconds: f64,
    /// Whether it was among the first problems of a process, when caches were cold: it then counts for accuracy and not for time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warm_up: bool,
}

impl ProblemResult {
    /// The result of a solution. One that failed is [`Errored`](Outcome::Errored), whatever `outcome` says.
    pub fn new(end: &SolutionRecord, outcome: Outcome) -> Self {
        let usage = end.usage;
        Self {
            id: end.problem.clone(),
            outcome: if end.error.is_some() { Outcome::Errored } else { outcome },
            stop: end.stop,
            usage,
            seconds: usage.draft.seconds + usage.target.seconds + usage.router_seconds,
            warm_up: false,
        }
    }

    /// The seconds, if they are representative: the solution ended, and the process was warm.
    pub fn timed_seconds(&self) -> Option<f64> {
        (self.stop.is_some() && !self.warm_up).then_some(self.seconds)
    }
}

/// The results in one trace.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TraceResults {
    /// The problems that ended, by id.
    pub problems: Vec<ProblemResult>,
    /// Number of problems that were begun and did not end: the run was killed, or is still going on.
    pub unfinished: usize,
    /// Number of records that later ones of the same problem replaced.
    pub superseded: usize,
}

/// The results in a trace. The first `warm_up` problems of every process that wrote to it are marked as warm-up. A problem that failed needs
/// no grade.
///
/// # Errors
/// [`ResultsError`] where trace and grades are not of the same problems.
pub fn problem_results(trace: &Trace, grades: &Grades, warm_up: usize) -> Result<TraceResults, ResultsError> {
    let is_finished = |id: &str| trace.trajectories.get(id).is_some_and(|found| found.final_end().is_some());
    if let Some(grade) = grades.iter().find(|grade| !is_finished(&grade.id)) {
        return Err(ResultsError::Unsolved { id: grade.id.clone() });
    }
    let result = |trajectory: &Trajectory| {
        let end = trajectory.final_end()?;
        let is_warm_up = trajectory.order_in_process < warm_up;
        Some(graded(end, grades.get(&end.problem)).map(|result| ProblemResult { warm_up: is_warm_up, ..result }))
    };
    let problems = trace.trajectories.values().filter_map(result).collect::<Result<Vec<_>, ResultsError>>()?;
    let unfinished = trace.trajectories.len() - problems.len();
    Ok(TraceResults { problems, unfinished, superseded: trace.superseded })
}

fn graded(end: &SolutionRecord, grade: Option<&GradeRow>) -> Result<ProblemResult, ResultsError> {
    let outcome = match grade {
        Some(grade) => grade.verdict,
        None if end.error.is_some() => Outcome::Errored,
        None => return Err(ResultsError::Ungraded { id: end.problem.clone() }),
    };
    let result = ProblemResult::new(end, outcome);
    let seconds = grade.and_then(|grade| grade.seconds).unwrap_or(result.seconds);
    Ok(ProblemResult { seconds, ..result })
}
