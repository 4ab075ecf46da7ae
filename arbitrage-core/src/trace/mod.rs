//! The records of a run: one a process, one a step, one a solution.
//!
//! Engines write [`Record`]s to a [`TraceSink`]. Reports, replays and training data are pure functions of the [`Trace`] that is
//! read back.

mod function;
mod identity;
mod jsonl;
mod notes;
mod trajectory;

pub use function::{SinkFn, sink_fn};
pub use jsonl::{JsonlError, JsonlReader, JsonlSink, MAX_LINE_BYTES, read_jsonl};
pub use notes::{CollectedAlong, ProblemsNote, ReaderNote, RunNotes, SamplingNote, ScorerNote};
pub use trajectory::{QuestionConflict, Trace, TraceError, Trajectory};

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{Author, BoxError, Decision, Limits, Overlap, Step, StepCost, Stop, Usage};

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "records are written one at a time, and nearly all are steps")]
#[non_exhaustive]
pub enum Record {
    /// The configuration of the run, before its first step.
    Run(RunRecord),
    /// One committed step.
    Step(StepRecord),
    /// The end of one problem.
    Solution(SolutionRecord),
}

/// Configuration and identity of a run: enough to tell whether two traces may be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// Version of `arbitrage-core`.
    pub version: String,
    /// The drafter.
    pub drafter: ModelRecord,
    /// The verifier.
    pub verifier: ModelRecord,
    /// The router's name with its parameters.
    pub router: String,
    /// The limits.
    pub limits: Limits,
    /// Whether the drafter wrote ahead while router and target worked. Times with and without do not compare.
    #[serde(default, skip_serializing_if = "Overlap::is_off")]
    pub overlap: Overlap,
    /// How many drafts of each step were written and by what one was chosen, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafts: Option<DraftsRecord>,
    /// Settings that the engine does not see: problems, sampling, policy.
    #[serde(default, skip_serializing_if = "RunNotes::is_empty")]
    pub notes: RunNotes,
}

/// Several drafts of each step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DraftsRecord {
    /// Number of drafts.
    pub count: usize,
    /// Temperature of the drafts after the first.
    pub temperature: f32,
    /// What the best of them is chosen by: `estimate`, `score(NAME)` or `logprob`.
    pub chosen_by: String,
}

/// A model's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The model's name.
    pub name: String,
    /// Digest of its weights, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// One step: the drafted one, the target's, where it was written, and the decision between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// The problem's id.
    pub problem: String,
    /// Index of the step, from 0.
    pub index: usize,
    /// Which model wrote the committed step.
    pub author: Author,
    /// The decision, with the router's estimate and scores.
    pub decision: Decision,
    /// The drafted step, unless the router decided before it was written; of several drafts, the one that was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Step>,
    /// The drafts that it was chosen from, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<DraftChoice>,
    /// The target's step, when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Step>,
    /// Seconds that the router took, its scorer included; in a batch, this sequence's share.
    pub router_seconds: f64,
    /// Why the router failed, where the step was escalated instead of ending the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_error: Option<String>,
    /// For escalated steps with both scores: whether the target's step is no better (`s_t ≤ s_d`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasted: Option<bool>,
    /// Cost of a step that the drafter wrote ahead and that was dropped, because the target wrote this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded: Option<StepCost>,
}

/// Several drafts of a step, and which of them was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DraftChoice {
    /// Index of the chosen draft.
    pub chosen: usize,
    /// All drafts, the chosen one included, in the order in which they are numbered.
    pub candidates: Vec<DraftCandidate>,
}

/// One of several drafts of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DraftCandidate {
    /// The text.
    pub text: String,
    /// The router's estimate, the score or the mean log-probability by which the drafts were compared. `None` where the router
    /// failed, so that the first draft was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f32>,
    /// What writing it cost.
    pub cost: StepCost,
}

impl StepRecord {
    /// The step that was committed.
    pub fn step(&self) -> Option<&Step> {
        match self.author {
            Author::Draft => self.draft.as_ref(),
            Author::Target => self.target.as_ref(),
        }
    }
}

/// How a problem ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SolutionRecord {
    /// The problem's id.
    pub problem: String,
    /// The question.
    pub question: String,
    /// Why the solution ended; `None` when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// The error, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The solution's text.
    pub text: String,
    /// What it cost.
    pub usage: Usage,
}

/// Receives the records of a run as they come.
///
/// ```
/// use arbitrage_core::trace::{Record, TraceSink};
/// use arbitrage_core::{BoxError, Engine, Problem, router::AlwaysDraft, testing::Scripted};
///
/// /// Prints how each problem ended.
/// struct Progress;
/// impl TraceSink for Progress {
///     fn write(&mut self, record: &Record) -> Result<(), BoxError> {
///         if let Record::Solution(end) = record {
///             println!("{}: {:?}", end.problem, end.stop);
///         }
///         Ok(())
///     }
/// }
///
/// let draft = Scripted::new("draft", ["6 × 7 = 42"]);
/// let mut engine = Engine::new(draft, Scripted::new("target", []), AlwaysDraft).with_sink(Progress);
/// engine.solve(&Problem::new("What is 6 times 7?").with_id("p1"))?;
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
pub trait TraceSink: Send {
    /// Stores `record`. An error ends the problem that the record belongs to.
    fn write(&mut self, record: &Record) -> Result<(), BoxError>;
}

/// Keeps records in memory.
impl TraceSink for Vec<Record> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.push(record.clone());
        Ok(())
    }
}

/// A sink that its owner can still read: clone the handle, give one to the engine, and read the records from the other.
impl<T: TraceSink + ?Sized> TraceSink for Arc<Mutex<T>> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.lock().unwrap_or_else(PoisonError::into_inner).write(record)
    }
}

/// Writes to both, and fails when either does.
impl<A: TraceSink, B: TraceSink> TraceSink for (A, B) {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        let first = self.0.write(record);
        self.1.write(record).and(first)
    }
}

/// Drops every record.
impl TraceSink for () {
    fn write(&mut self, _record: &Record) -> Result<(), BoxError> {
        Ok(())
    }
}
