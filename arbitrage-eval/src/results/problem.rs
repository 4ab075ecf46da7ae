//! From records to results.

use std::collections::BTreeMap;

use arbitrage_core::trace::{Record, SolutionRecord};
use arbitrage_core::{Stop, Usage};
use arbitrage_router::labels::trajectories;
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
    /// Problems that were begun and did not end: the run was killed, or is still going on.
    pub unfinished: usize,
    /// Records that later ones of the same problem replaced.
    pub superseded: usize,
}

/// The results in a trace. The first `warm_up` problems of every process that wrote to it are marked as warm-up; a process begins with
/// its [`RunRecord`](arbitrage_core::trace::RunRecord). A problem that failed needs no grade.
///
/// # Errors
/// [`ResultsError`] where ids stand for two questions, and where trace and grades are not of the same problems.
pub fn problem_results(records: &[Record], grades: &Grades, warm_up: usize) -> Result<TraceResults, ResultsError> {
    let (trajectories, superseded) = trajectories(records.iter().cloned())?;
    let progress = progress(records, warm_up);
    let ended = |id: &str| progress.get(id).is_some_and(|problem| problem.has_ended);
    if let Some(grade) = grades.iter().find(|grade| !ended(&grade.id)) {
        return Err(ResultsError::Unsolved { id: grade.id.clone() });
    }
    let ends = trajectories.iter().filter(|(id, _)| ended(id)).filter_map(|(_, trajectory)| trajectory.end.as_ref());
    let result = |end: &SolutionRecord| {
        let warm_up = progress.get(end.problem.as_str()).is_some_and(|problem| problem.is_warm_up);
        Ok(ProblemResult { warm_up, ..graded(end, grades.get(&end.problem))? })
    };
    let problems = ends.map(result).collect::<Result<Vec<_>, ResultsError>>()?;
    let unfinished = trajectories.len() - problems.len();
    Ok(TraceResults { problems, unfinished, superseded })
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

/// How far a problem got, by the order of the trace's records.
#[derive(Clone, Copy, Default)]
struct ProblemProgress {
    is_warm_up: bool,
    has_ended: bool,
}

/// The first record of a problem that a process writes begins it anew, so that everything from an earlier process, its end included, is
/// discarded.
fn progress(records: &[Record], warm_up: usize) -> BTreeMap<&str, ProblemProgress> {
    let (mut all, mut of_process) = (BTreeMap::<&str, ProblemProgress>::new(), BTreeMap::<&str, usize>::new());
    for record in records {
        let (problem, has_ended) = match record {
            Record::Step(step) => (step.problem.as_str(), false),
            Record::Solution(end) => (end.problem.as_str(), true),
            _ => {
                of_process.clear();
                continue;
            }
        };
        let next = of_process.len();
        let position = *of_process.entry(problem).or_insert(next);
        all.insert(problem, ProblemProgress { is_warm_up: position < warm_up, has_ended });
    }
    all
}
