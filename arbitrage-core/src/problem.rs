//! What is to be solved, and how far a solution has come.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::{Accepted, Author, Draw, seed};

/// Names one sequence to the models for as long as it is being solved.
///
/// It is a hint for caches and nothing else: every call carries the whole prefix, and a model that ignores the identity
/// gives the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SequenceId(pub u64);

impl SequenceId {
    /// An id that this gives nobody else in the process, so that engines and scorers may share a model.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks: `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// The rules of the conversation.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system".to_owned(), content: content.into() }
    }

    /// A question.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".to_owned(), content: content.into() }
    }

    /// An answer.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: "assistant".to_owned(), content: content.into() }
    }
}

/// A question, with a name for the records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// Name in traces and reports; a data set's own identifier, or empty.
    pub id: String,
    /// The question as the user asks it. How it becomes a prompt (chat template, instructions) is the model's business.
    pub question: String,
    /// What was said before the question, oldest first; empty for most. A system message in it takes the place of the model's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<Message>,
    /// Seed of every random draw made for this problem. Two problems with one seed draw alike.
    pub seed: u64,
    /// Most committed tokens of this problem's solution, where that is fewer than [`Limits::tokens`](crate::Limits::tokens) and
    /// looked at in the same way: between steps, so there is always a first one, and the last may pass it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_tokens: Option<usize>,
}

impl Problem {
    /// A nameless problem with seed 0.
    pub fn new(question: impl Into<String>) -> Self {
        Self { id: String::new(), question: question.into(), context: Vec::new(), seed: 0, most_tokens: None }
    }

    /// Sets the name.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets what was said before the question.
    pub fn with_context(mut self, context: Vec<Message>) -> Self {
        self.context = context;
        self
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the most tokens of its solution.
    pub fn with_most_tokens(mut self, tokens: usize) -> Self {
        self.most_tokens = Some(tokens);
        self
    }
}

/// The context `x` of the paper (§3): the question and every accepted step.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'a> {
    /// Cache hint.
    pub id: SequenceId,
    /// The question.
    pub problem: &'a Problem,
    /// The accepted steps, oldest first, each with its author.
    pub steps: &'a [Accepted],
}

impl<'a> Prefix<'a> {
    /// A prefix, for tests and for calling a model without the engine.
    pub fn new(id: SequenceId, problem: &'a Problem, steps: &'a [Accepted]) -> Self {
        Self { id, problem, steps }
    }

    /// Steps that `author` has written so far. Budgets are counted here, so that routers keep no state a sequence.
    pub fn written_by(&self, author: Author) -> usize {
        self.steps.iter().filter(|accepted| accepted.author == author).count()
    }

    /// The text of all accepted steps, joined. The question is not part of it.
    pub fn text(&self) -> String {
        self.steps.iter().map(|accepted| accepted.step.text.as_str()).collect()
    }

    /// The random numbers that belong to the next step as written by `author`.
    ///
    /// They depend on the problem's seed, the step's index and the author alone, so neither order nor batch changes a
    /// sample.
    pub fn draw(&self, author: Author) -> Draw {
        seed::draw(self.problem.seed, self.steps.len() as u64, author as u64)
    }

    /// The random numbers that belong to the routing of the next step, distinct from both authors'.
    pub fn routing_draw(&self) -> Draw {
        const ROUTER: u64 = 2;
        seed::draw(self.problem.seed, self.steps.len() as u64, ROUTER)
    }

    /// Seed of a copy of the problem that a sample of the target's next step is drawn under, beside the one that is committed.
    pub(crate) fn sample_seed(&self, number: usize) -> u64 {
        const SAMPLES: u64 = 3;
        self.copy_seed(SAMPLES, number)
    }

    /// Seed of a copy of the problem under which the steps behind the next one are written, to see where they lead.
    pub(crate) fn rollout_seed(&self, number: usize) -> u64 {
        const ROLLOUTS: u64 = 4;
        self.copy_seed(ROLLOUTS, number)
    }

    fn copy_seed(&self, purpose: u64, number: usize) -> u64 {
        let all = seed::draw(self.problem.seed, self.steps.len() as u64, purpose).next_u64();
        seed::draw(all, number as u64, purpose).next_u64()
    }
}
