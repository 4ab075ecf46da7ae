//! Solutions as a report shows them.

use std::collections::BTreeMap;

use arbitrage_core::trace::{DraftCandidate, DraftChoice, SolutionRecord, StepRecord, Trajectory};
use arbitrage_core::{Author, Decision, Step, Stop};

/// One policy's solution of one problem, without token ids and log-probabilities, so that many solutions fit into memory.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SolutionView {
    /// The question.
    pub question: String,
    /// Why it ended; `None` where it failed.
    pub stop: Option<Stop>,
    /// The error, where it failed.
    pub error: Option<String>,
    /// Its steps, in order.
    pub steps: Vec<StepView>,
}

/// One step of a solution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepView {
    /// Whose step was committed.
    pub author: Author,
    /// The router's decision, with its estimate and scores.
    pub decision: Decision,
    /// The drafted step, where one was written.
    pub draft: Option<StepText>,
    /// The drafts that the drafted step was chosen from; empty where there was one.
    pub candidates: Vec<CandidateText>,
    /// The target's step, where one was written.
    pub target: Option<StepText>,
    /// Seconds of the router, including its scorer.
    pub router_seconds: f64,
    /// The router's error, where it failed.
    pub router_error: Option<String>,
}

/// One of several drafts of a step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CandidateText {
    /// The text.
    pub text: String,
    /// The number by which the drafts were compared.
    pub value: Option<f32>,
    /// Whether it was chosen.
    pub is_chosen: bool,
    /// Seconds that the draft model took.
    pub seconds: f64,
}

/// The text of a step with its cost.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepText {
    /// The text.
    pub text: String,
    /// Number of tokens.
    pub tokens: usize,
    /// Seconds that the model took.
    pub seconds: f64,
}

impl SolutionView {
    /// The solutions of trajectories that ended, by id.
    pub(super) fn all(trajectories: BTreeMap<String, Trajectory>) -> BTreeMap<String, Self> {
        let ended =
            trajectories.into_iter().filter_map(|(id, trajectory)| Some((id, (trajectory.end?, trajectory.steps))));
        ended.map(|(id, (end, steps))| (id, Self::new(end, steps.into_values()))).collect()
    }

    fn new(end: SolutionRecord, steps: impl Iterator<Item = StepRecord>) -> Self {
        let steps = steps.map(StepView::new).collect();
        Self { question: end.question, stop: end.stop, error: end.error, steps }
    }
}

impl StepView {
    fn new(record: StepRecord) -> Self {
        Self {
            author: record.author,
            decision: record.decision,
            draft: record.draft.map(StepText::new),
            candidates: record.choice.map(CandidateText::all).unwrap_or_default(),
            target: record.target.map(StepText::new),
            router_seconds: record.router_seconds,
            router_error: record.router_error,
        }
    }

    /// The step that was committed.
    pub fn committed(&self) -> Option<&StepText> {
        match self.author {
            Author::Draft => self.draft.as_ref(),
            Author::Target => self.target.as_ref(),
        }
    }

    /// The other model's step, where one was written.
    pub fn other(&self) -> Option<&StepText> {
        match self.author {
            Author::Draft => self.target.as_ref(),
            Author::Target => self.draft.as_ref(),
        }
    }

    /// Seconds of both models and the router.
    pub fn seconds(&self) -> f64 {
        let seconds = |step: &Option<StepText>| step.as_ref().map_or(0.0, |step| step.seconds);
        let drafted: f64 = match self.candidates.is_empty() {
            true => seconds(&self.draft),
            false => self.candidates.iter().map(|candidate| candidate.seconds).sum(),
        };
        drafted + seconds(&self.target) + self.router_seconds
    }
}

impl CandidateText {
    fn all(choice: DraftChoice) -> Vec<Self> {
        let chosen = choice.chosen;
        let candidates = choice.candidates.into_iter().enumerate();
        let text = |(at, draft): (usize, DraftCandidate)| Self {
            text: draft.text,
            value: draft.value,
            is_chosen: at == chosen,
            seconds: draft.cost.seconds,
        };
        candidates.map(text).collect()
    }
}

impl StepText {
    fn new(step: Step) -> Self {
        Self { tokens: step.token_count(), seconds: step.cost.seconds, text: step.text }
    }
}
