//! What a run leaves behind: one self-describing record a run, one a step, one a solution.
//!
//! Records are data. Reports, replays and training sets are pure functions of them.

mod function;
mod identity;
mod jsonl;

pub use function::{SinkFn, sink_fn};
pub use jsonl::{JsonlError, JsonlReader, JsonlSink, MAX_LINE_BYTES, read_jsonl};

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{Author, BoxError, Decision, Limits, Overlap, Step, StepCost, Stop, Usage};

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "nearly all records are steps, so a box would save nothing")]
#[non_exhaustive]
pub enum Record {
    /// What was run.
    Run(RunRecord),
    /// One committed step.
    Step(StepRecord),
    /// One problem's end.
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
    /// Whether the drafter wrote on while others worked. Times with and without do not compare.
    #[serde(default, skip_serializing_if = "Overlap::is_off")]
    pub overlap: Overlap,
    /// Whatever the caller wants to be recorded: prompt, sampling, device, data set.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub notes: serde_json::Value,
}

/// A model's identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its name.
    pub name: String,
    /// Digest of its weights, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Everything that is known of one step, the counterfactual included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// The problem's id.
    pub problem: String,
    /// Index of the step, from 0.
    pub index: usize,
    /// Who wrote the step that was committed.
    pub author: Author,
    /// The decision, with the router's estimate and scores.
    pub decision: Decision,
    /// The drafted step, unless the router decided before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Step>,
    /// The target's step, when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Step>,
    /// Seconds that the router took, its scorer included; in a batch, this sequence's share.
    pub router_seconds: f64,
    /// The router failed or answered nonsense, and the step was escalated instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_error: Option<String>,
    /// For escalated steps: the target did no better (`s_t ≤ s_d`). Unknown until both are scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasted: Option<bool>,
    /// Cost of a step that the drafter had written ahead and that nobody read, since this step is the target's: it
    /// would have followed this step's draft, or been it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded: Option<StepCost>,
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

/// Takes records as they come.
pub trait TraceSink: Send {
    /// Keeps `record`. An error ends the problem that it belongs to.
    fn write(&mut self, record: &Record) -> Result<(), BoxError>;
}

/// Keeps records in memory.
impl TraceSink for Vec<Record> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.push(record.clone());
        Ok(())
    }
}

/// Keeps a sink within reach of its owner: clone the handle, give one to the engine, read the records from the other.
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
