//! A reasoning step, and the shapes in which steps travel between the parts.

use serde::{Deserialize, Serialize};

use crate::{Prefix, StepCost, StepResult, StepSegmenter};

/// Who wrote a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    /// The small model (`Model 0` of the paper's annotated history).
    Draft = 0,
    /// The large model (`Model 1`).
    Target = 1,
}

impl std::fmt::Display for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Draft => "draft",
            Self::Target => "target",
        })
    }
}

/// Why a model stopped writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finish {
    /// The segmenter found the step's end.
    Boundary,
    /// The model wrote its end token: the solution is complete.
    EndOfText,
    /// The step reached its token limit; the next step continues it.
    Length,
    /// The model's context is full; nothing more can be written.
    Context,
}

/// Names a token → id map, so that ids are shared between models only where they mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VocabularyId(pub u64);

/// What the writing model thought of a step: its hidden states after the final norm, summarised. Input of probe routers.
///
/// A step of `n` tokens has `n` states: the `i`-th, from 0, is the one after the prefix and the step's first `i` tokens, which
/// token `i` was drawn from. So decoding has computed them all by the time that the step ends; the state *of* the last token is
/// not among them, since it is computed only when a next token is drawn. A step that ended the text has one more, after its last
/// token: it is what the end was drawn from, and the only one of a step that is nothing but an end.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Hidden {
    /// The last of the states, `[width]`.
    pub last: Vec<f32>,
    /// The mean of the states, `[width]`.
    pub mean: Vec<f32>,
}

/// What a model wrote, up to and including the separator, or up to the end of its text (`z` in the paper, §3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// The text, separator included.
    pub text: String,
    /// The ids as they were sampled; empty when the writer is remote. End tokens are not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// The vocabulary that [`tokens`](Self::tokens) belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<VocabularyId>,
    /// Why the model stopped.
    pub finish: Finish,
    /// Natural logarithm of each token's probability under the writer, at temperature 1 and unfiltered. Empty when unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<f32>,
    /// Entropy in nats of the writer's distribution for the step's first token (GlimpRouter's signal).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_entropy: Option<f32>,
    /// Hidden states, when the writer was asked to keep them.
    #[serde(skip)]
    pub hidden: Option<Hidden>,
    /// What writing it cost.
    #[serde(default)]
    pub cost: StepCost,
}

impl Step {
    /// A step with nothing known but its text and how it ended.
    pub fn new(text: impl Into<String>, finish: Finish) -> Self {
        Self {
            text: text.into(),
            tokens: Vec::new(),
            vocabulary: None,
            finish,
            logprobs: Vec::new(),
            first_entropy: None,
            hidden: None,
            cost: StepCost::default(),
        }
    }

    /// Adds the ids and the vocabulary that they belong to.
    pub fn with_tokens(mut self, tokens: Vec<u32>, vocabulary: VocabularyId) -> Self {
        self.tokens = tokens;
        self.vocabulary = Some(vocabulary);
        self
    }

    /// Adds the log-probabilities, one a token, in nats.
    pub fn with_logprobs(mut self, logprobs: Vec<f32>) -> Self {
        self.logprobs = logprobs;
        self
    }

    /// Adds the first token's entropy in nats.
    pub fn with_first_entropy(mut self, entropy: f32) -> Self {
        self.first_entropy = Some(entropy);
        self
    }

    /// Adds what writing it cost.
    pub fn with_cost(mut self, cost: StepCost) -> Self {
        self.cost = cost;
        self
    }

    /// Mean log-probability a token, in nats; `None` when the writer gave none.
    pub fn mean_logprob(&self) -> Option<f32> {
        let count = self.logprobs.len();
        (count > 0).then(|| self.logprobs.iter().sum::<f32>() / count as f32)
    }

    /// Tokens of the step: its ids, or what its writer says it decoded, and at least 1, since even a step of unknown
    /// length has to count against a limit.
    pub fn token_count(&self) -> usize {
        let count = if self.tokens.is_empty() { self.cost.decoded } else { self.tokens.len() };
        count.max(1)
    }

    /// The step, unless one of the writer's numbers is none: that betrays a model whose text means nothing either.
    pub(crate) fn checked(self) -> StepResult {
        let numbers = self.logprobs.iter().copied().chain(self.first_entropy);
        match numbers.chain([self.cost.seconds as f32]).find(|number| !number.is_finite()) {
            Some(found) => Err(format!("log-probability, entropy or time of a step is not finite: {found}").into()),
            None => Ok(self),
        }
    }

    /// Whether nothing but white space was written.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// A committed step and who wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The step.
    pub step: Step,
    /// Its writer.
    pub author: Author,
}

/// What a router sees: the prefix, the drafted step, and the target's step when the router asked for
/// [`Evidence::Both`](crate::Evidence::Both).
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Question and accepted steps.
    pub prefix: Prefix<'a>,
    /// The drafter's step from this prefix.
    pub draft: &'a Step,
    /// The target's step from the same prefix.
    pub target: Option<&'a Step>,
}

/// What a verifier is asked: the step after `prefix`, with the rejected draft if there was one.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'a> {
    /// Question and accepted steps.
    pub prefix: Prefix<'a>,
    /// The draft that the router turned down, which the verifier may read, verify token by token, or ignore. `None` when
    /// the router decided before a draft was written. Under [`Evidence::Both`](crate::Evidence::Both) it is the draft
    /// that the router has yet to judge.
    pub rejected: Option<&'a Step>,
}

/// Where a step has to end: the same rule for both models.
#[derive(Clone, Copy)]
pub struct StepRule<'a> {
    /// Finds the boundary in decoded text.
    pub segmenter: &'a dyn StepSegmenter,
    /// Most tokens a step, at least 1.
    pub max_tokens: usize,
}

impl<'a> StepRule<'a> {
    /// A rule from its parts: steps of at most `max_tokens`, or of the segmenter's own
    /// [`token_budget`](StepSegmenter::token_budget) where that is smaller.
    pub fn new(segmenter: &'a dyn StepSegmenter, max_tokens: usize) -> Self {
        let max_tokens = segmenter.token_budget().map_or(max_tokens, |budget| budget.min(max_tokens));
        Self { segmenter, max_tokens }
    }

    /// Why a step ends that has no boundary and may have no more than its `tokens` tokens: it is whole if the segmenter allots it
    /// no more, and cut off by a limit otherwise.
    pub fn finish_at(&self, tokens: usize) -> Finish {
        let is_whole = self.segmenter.token_budget().is_some_and(|budget| tokens >= budget);
        if is_whole { Finish::Boundary } else { Finish::Length }
    }
}

impl std::fmt::Debug for StepRule<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepRule").field("max_tokens", &self.max_tokens).finish_non_exhaustive()
    }
}
