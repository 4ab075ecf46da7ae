//! A solution as a reader sees it.

use std::collections::BTreeMap;

use arbitrage_core::trace::{SolutionRecord, StepRecord};
use arbitrage_core::{Author, Decision, Step, Stop};
use arbitrage_router::labels::Trajectory;

/// One policy's solution of one problem. Ids and log-probabilities of tokens are not kept, so that many solutions fit into memory.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Solution {
    /// The question.
    pub question: String,
    /// Why it ended; `None` where it failed.
    pub stop: Option<Stop>,
    /// The error, where it failed.
    pub error: Option<String>,
    /// Its steps, in order.
    pub steps: Vec<SolutionStep>,
}

/// One step of a solution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SolutionStep {
    /// Whose step was committed.
    pub author: Author,
    /// What the router decided, with its estimate and scores.
    pub decision: Decision,
    /// The drafted step, where one was written.
    pub draft: Option<Written>,
    /// The target's step, where it was written.
    pub target: Option<Written>,
    /// Seconds of the router, its scorer included.
    pub router_seconds: f64,
    /// Why the router failed, where it did.
    pub router_error: Option<String>,
}

/// A step that a model wrote.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Written {
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: usize,
    /// Seconds that writing it took.
    pub seconds: f64,
}

impl Solution {
    /// The solutions of trajectories that ended, by id.
    pub(super) fn all(trajectories: BTreeMap<String, Trajectory>) -> BTreeMap<String, Self> {
        let ended =
            trajectories.into_iter().filter_map(|(id, trajectory)| Some((id, (trajectory.end?, trajectory.steps))));
        ended.map(|(id, (end, steps))| (id, Self::new(end, steps.into_values()))).collect()
    }

    fn new(end: SolutionRecord, steps: impl Iterator<Item = StepRecord>) -> Self {
        let steps = steps.map(SolutionStep::new).collect();
        Self { question: end.question, stop: end.stop, error: end.error, steps }
    }
}

impl SolutionStep {
    fn new(record: StepRecord) -> Self {
        Self {
            author: record.author,
            decision: record.decision,
            draft: record.draft.map(Written::new),
            target: record.target.map(Written::new),
            router_seconds: record.router_seconds,
            router_error: record.router_error,
        }
    }

    /// The step that was committed.
    pub fn committed(&self) -> Option<&Written> {
        match self.author {
            Author::Draft => self.draft.as_ref(),
            Author::Target => self.target.as_ref(),
        }
    }

    /// The other model's step, where it was written.
    pub fn other(&self) -> Option<&Written> {
        match self.author {
            Author::Draft => self.target.as_ref(),
            Author::Target => self.draft.as_ref(),
        }
    }

    /// Seconds of both models and the router.
    pub fn seconds(&self) -> f64 {
        let written = [&self.draft, &self.target].into_iter().flatten();
        written.map(|written| written.seconds).sum::<f64>() + self.router_seconds
    }
}

impl Written {
    fn new(step: Step) -> Self {
        Self { tokens: step.token_count(), seconds: step.cost.seconds, text: step.text }
    }
}
