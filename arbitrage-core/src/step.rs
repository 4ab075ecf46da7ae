//! A reasoning step, and the types in which components exchange steps.

use serde::{Deserialize, Serialize};

use crate::{Prefix, StepCost, StepError, StepSegmenter};

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

/// Identifies a mapping of tokens to ids, so that models exchange ids only if they mean the same to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VocabularyId(pub u64);

/// A summary of the writing model's hidden states, after the final norm, over a step. Probe routers read it.
///
/// A step of `n` tokens has `n` states. State `i`, counted from 0, follows the prefix and the step's first `i` tokens, and token `i`
/// was sampled from it. Decoding has therefore computed all of them when the step ends. The state after the last token is not among
/// them, since it is computed only when another token is sampled. A step that ended the text has one more: the state after its last
/// token, from which the end token was sampled. It is the only state of a step that holds nothing but the end token.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Hidden {
    /// The last of the states, `[width]`.
    pub last: Vec<f32>,
    /// The mean of the states, `[width]`.
    pub mean: Vec<f32>,
}

/// Words that one token may hold. Known vocabularies have tokens of up to four.
const MAX_TOKEN_WORDS: usize = 8;

/// What a model wrote, up to and including the separator, or up to the end of its text (`z` in the paper, §3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// The text, separator included.
    pub text: String,
    /// The sampled ids, without end tokens; empty if the writer is remote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// The vocabulary that [`tokens`](Self::tokens) belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<VocabularyId>,
    /// Why the model stopped.
    pub finish: Finish,
    /// Natural logarithm of each token's probability under the writer, at temperature 1 and before any filtering such as top-p.
    /// Empty if unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<f32>,
    /// Entropy in nats of the writer's distribution for the step's first token (GlimpRouter's signal).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_entropy: Option<f32>,
    /// Hidden states, if the writer is configured to keep them.
    #[serde(skip)]
    pub hidden: Option<Hidden>,
    /// What writing it cost.
    #[serde(default)]
    pub cost: StepCost,
}

impl Step {
    /// A step of which only the text and the ending are known.
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

    /// Adds the log-probabilities, one for each token, in nats.
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

    /// Mean log-probability per token, in nats; `None` if they are unknown.
    pub fn mean_logprob(&self) -> Option<f32> {
        let count = self.logprobs.len();
        (count > 0).then(|| self.logprobs.iter().sum::<f32>() / count as f32)
    }

    /// Tokens of the step: the number of its ids, or else the number that its writer reports as decoded. At least 1, so that steps
    /// of unknown length count against limits too.
    pub fn token_count(&self) -> usize {
        let count = if self.tokens.is_empty() { self.cost.decoded } else { self.tokens.len() };
        count.max(1)
    }

    /// The step, if its numbers are finite and it does not run past its boundary. NaN in a model's output means that its weights or
    /// its arithmetic are broken, so the text cannot be trusted either.
    pub(crate) fn checked(self, rule: &StepRule<'_>) -> Result<Self, StepError> {
        let numbers = self.logprobs.iter().copied().chain(self.first_entropy);
        if let Some(found) = numbers.chain([self.cost.seconds as f32]).find(|number| !number.is_finite()) {
            return Err(StepError::NotFinite { found });
        }
        match self.passed_boundary(rule.segmenter) {
            Some(boundary) => Err(StepError::PastBoundary { boundary, length: self.text.len() }),
            None => Ok(self),
        }
    }

    /// The boundary that the step has certainly run past, if there is one.
    ///
    /// The token that completes a boundary may hold some text after it, and the core does not know where the token edges are. So this
    /// reports only text that no known vocabulary has in one token: another complete step with white space in it, or many words.
    fn passed_boundary(&self, segmenter: &dyn StepSegmenter) -> Option<usize> {
        if self.tokens.len() == 1 {
            return None;
        }
        let boundary = segmenter.boundary(&self.text)?;
        let rest = self.text.get(boundary..)?;
        let next_step = segmenter.boundary(rest).and_then(|end| rest.get(..end));
        let has_next_step = next_step.is_some_and(|step| step.trim_start().contains(char::is_whitespace));
        (has_next_step || rest.split_whitespace().nth(MAX_TOKEN_WORDS).is_some()).then_some(boundary)
    }

    /// Whether the text holds nothing but white space.
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

/// A request to a verifier: write the step after `prefix`.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'a> {
    /// Question and accepted steps.
    pub prefix: Prefix<'a>,
    /// The draft that the router rejected, which the verifier may read, verify token by token, or ignore. `None` if the router
    /// decided before a draft was written. Under [`Evidence::Both`](crate::Evidence::Both) the router has not decided on it yet.
    pub rejected: Option<&'a Step>,
}

/// Where a step has to end. The rule is the same for both models.
#[derive(Clone, Copy)]
pub struct StepRule<'a> {
    /// Finds the boundary in decoded text.
    pub segmenter: &'a dyn StepSegmenter,
    /// Most tokens in a step, at least 1.
    pub max_tokens: usize,
}

impl<'a> StepRule<'a> {
    /// Steps of at most `max_tokens`, or of the segmenter's own
    /// [`token_budget`](StepSegmenter::token_budget) where that is smaller.
    pub fn new(segmenter: &'a dyn StepSegmenter, max_tokens: usize) -> Self {
        let max_tokens = segmenter.token_budget().map_or(max_tokens, |budget| budget.min(max_tokens));
        Self { segmenter, max_tokens }
    }

    /// How a step of `tokens` tokens finishes that has no boundary and cannot go on: with [`Finish::Boundary`] if it has the
    /// segmenter's whole token budget, and with [`Finish::Length`] otherwise.
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
