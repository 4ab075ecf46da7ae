//! A problem, and the prefix of its solution that is written so far.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::{Accepted, Author, Draw, seed};

/// Identifies a sequence to the components for as long as it is being solved.
///
/// It is only a key for caches: every call carries the whole prefix, and a model that ignores the id writes the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SequenceId(pub u64);

impl SequenceId {
    /// An id that is unique within the process, so that engines and scorers can share a model.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The author's role: `system`, `user` or `assistant`.
    pub role: String,
    /// The text.
    pub content: String,
}

impl Message {
    /// A message with role `system`.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system".to_owned(), content: content.into() }
    }

    /// A message with role `user`.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".to_owned(), content: content.into() }
    }

    /// A message with role `assistant`.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: "assistant".to_owned(), content: content.into() }
    }
}

/// A question to be solved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// Identifier in traces and reports, often a data set's own; may be empty.
    pub id: String,
    /// The question, as the user asks it. The models turn it into a prompt, with their chat templates and instructions.
    pub question: String,
    /// The conversation before the question, oldest message first; usually empty. A system message in it replaces the model's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<Message>,
    /// Seed of all random numbers for this problem. Two problems with the same seed get the same numbers.
    pub seed: u64,
    /// Most committed tokens in this problem's solution, if that is fewer than [`Limits::tokens`](crate::Limits::tokens). It is
    /// checked in the same way, between steps, so the first step is always written and the last may exceed it.
    #[serde(rename = "most_tokens", alias = "max_tokens", default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
}

impl Problem {
    /// A problem with an empty id and seed 0.
    pub fn new(question: impl Into<String>) -> Self {
        Self { id: String::new(), question: question.into(), context: Vec::new(), seed: 0, max_tokens: None }
    }

    /// Sets the id.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets the conversation before the question.
    pub fn with_context(mut self, context: Vec<Message>) -> Self {
        self.context = context;
        self
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the most tokens in its solution.
    pub fn with_max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }
}

/// The context `x` of the paper (§3): the question and all steps that are committed so far.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'a> {
    /// Key for caches.
    pub id: SequenceId,
    /// The question.
    pub problem: &'a Problem,
    /// The committed steps, oldest first, each with its author.
    pub steps: &'a [Accepted],
}

impl<'a> Prefix<'a> {
    /// A prefix, for tests and for calling a model without the engine.
    pub fn new(id: SequenceId, problem: &'a Problem, steps: &'a [Accepted]) -> Self {
        Self { id, problem, steps }
    }

    /// Number of steps written by `author`. Budgets count here, so that routers need no state for each sequence.
    pub fn written_by(&self, author: Author) -> usize {
        self.steps.iter().filter(|accepted| accepted.author == author).count()
    }

    /// The text of all committed steps, joined. The question is not part of it.
    pub fn text(&self) -> String {
        self.steps.iter().map(|accepted| accepted.step.text.as_str()).collect()
    }

    /// The random numbers with which `author` samples the next step.
    ///
    /// They depend only on the problem's seed, the step's index and the author, so a sample changes neither with the order of calls
    /// nor with the batch.
    pub fn draw(&self, author: Author) -> Draw {
        seed::draw(self.problem.seed, self.steps.len() as u64, author as u64)
    }

    /// Seed of draft `number` of the next step, which is used in a copy of the problem. Draft 0 has the problem's own seed, so that
    /// the first of several drafts is the one that is written where there is only one.
    pub fn draft_seed(&self, number: usize) -> u64 {
        const DRAFTS: u64 = 5;
        if number == 0 { self.problem.seed } else { self.copy_seed(DRAFTS, number) }
    }

    /// The random numbers with which `author` samples draft `number` of the next step; those of [`draw`](Self::draw) for draft 0.
    pub fn draft_draw(&self, author: Author, number: usize) -> Draw {
        seed::draw(self.draft_seed(number), self.steps.len() as u64, author as u64)
    }

    /// The random numbers for routing the next step. They are independent of both authors'.
    pub fn routing_draw(&self) -> Draw {
        const ROUTER: u64 = 2;
        seed::draw(self.problem.seed, self.steps.len() as u64, ROUTER)
    }

    /// The random numbers by which a coin may decide in place of the router. They are independent of all others.
    pub(crate) fn exploring_draw(&self) -> Draw {
        const EXPLORING: u64 = 5;
        seed::draw(self.problem.seed, self.steps.len() as u64, EXPLORING)
    }

    /// Seed for further sample `number` of the target's next step. It is used in a copy of the problem.
    pub(crate) fn sample_seed(&self, number: usize) -> u64 {
        const SAMPLES: u64 = 3;
        self.copy_seed(SAMPLES, number)
    }

    /// Seed for roll-out `number` from the next step. It is used in a copy of the problem.
    pub(crate) fn rollout_seed(&self, number: usize) -> u64 {
        const ROLLOUTS: u64 = 4;
        self.copy_seed(ROLLOUTS, number)
    }

    fn copy_seed(&self, purpose: u64, number: usize) -> u64 {
        let base = seed::draw(self.problem.seed, self.steps.len() as u64, purpose).next_u64();
        seed::draw(base, number as u64, purpose).next_u64()
    }
}
