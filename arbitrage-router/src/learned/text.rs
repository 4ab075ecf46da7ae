//! The paper's router: a decoder with a classification head, whose input is the text.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision, SequenceId};
use arbitrage_models::LoadOptions;
use arbitrage_models::classifier::{Classifier, ClassifierInput, Layout};
use serde::{Deserialize, Serialize};

use super::RouterError;
use super::card::{Card, RouterInput};
use crate::labels::{LabelError, named};

/// Whether the router's input names the author of each step (paper, App. C; better in the ablation of App. D).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Annotation {
    /// `Model 0: ` before the draft's steps, `Model 1: ` before the target's.
    #[default]
    Authors,
    /// The steps without authors.
    None,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Authors => "authors",
            Self::None => "none",
        })
    }
}

impl FromStr for Annotation {
    type Err = LabelError;

    /// Reads `authors` or `none`.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        named("annotation", &[Self::Authors, Self::None], text)
    }
}

impl Annotation {
    /// The layout of the router's input: that of the reward model, without a beginning-of-text token. The estimate is
    /// read off at the last separator.
    ///
    /// The step in question is annotated as the draft's. That carries no information, but it makes the tokens of an
    /// accepted draft the same as in the prefix of the next call, so that the router's KV cache stays valid.
    pub fn layout(self) -> Layout {
        let layout = Layout::skywork().with_bos(false);
        match self {
            Self::Authors => layout.with_authors("Model 0: ", "Model 1: "),
            Self::None => layout,
        }
    }
}

/// Routes by a model that reads prefix and step, which costs a forward pass over the step. Different sequences are
/// batched, and each sequence has a KV cache, so that only its new tokens are computed.
pub struct TextRouter {
    card: Card,
    layout: Layout,
    classifier: Classifier,
}

impl fmt::Debug for TextRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextRouter").field("card", &self.card).finish_non_exhaustive()
    }
}

impl TextRouter {
    /// A router from a card and a classifier.
    ///
    /// # Errors
    /// [`RouterError::Kind`] for the card of another kind of router; [`RouterError::Outputs`] where the classifier has
    /// another number of outputs than the card's head.
    pub fn new(card: Card, classifier: Classifier) -> Result<Self, RouterError> {
        let RouterInput::Text { annotation } = card.input else {
            return Err(RouterError::Kind { expected: "text", found: card.input.kind() });
        };
        let (expected, found) = (card.output_head.outputs(), classifier.outputs());
        if expected != found {
            return Err(RouterError::Outputs { expected, found });
        }
        Ok(Self { card, layout: annotation.layout(), classifier })
    }

    /// Opens a router's folder: a Hugging Face model with a classification head, and a card.
    ///
    /// # Errors
    /// As [`Card::open`], [`Classifier::open`] and [`new`](Self::new).
    pub fn open(folder: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, RouterError> {
        Self::new(Card::open(folder.as_ref())?, Classifier::open(folder, options)?)
    }

    /// Sets τ, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Config`] for a threshold out of range.
    pub fn with_threshold(mut self, tau: f32) -> Result<Self, RouterError> {
        self.card = self.card.with_threshold(tau)?;
        Ok(self)
    }

    /// The router's card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Number of sequences that have a KV cache.
    pub fn sequences(&self) -> usize {
        self.classifier.sequences()
    }

    /// The head's outputs (logits) for drafted steps of different sequences, one result per step, in order. An error
    /// concerns only its own step.
    ///
    /// # Errors
    /// For each step, as [`Layout::tokens`] and [`Classifier::classify`].
    pub fn outputs(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Vec<f32>, RouterError>> {
        let tokenizer = self.classifier.tokenizer();
        let tokens: Vec<_> = candidates.iter().map(|c| self.layout.tokens(tokenizer, &c.prefix, c.draft)).collect();
        let mut texts = Vec::with_capacity(candidates.len());
        for (candidate, tokens) in candidates.iter().zip(&tokens) {
            if let Ok(tokens) = tokens {
                texts.push(ClassifierInput {
                    id: candidate.prefix.id,
                    tokens,
                    first_output: tokens.len().saturating_sub(1),
                });
            }
        }
        let mut rows = self.classifier.classify(&texts).into_iter();
        let mut next = || Ok(rows.next().unwrap_or_else(|| Ok(Vec::new()))?.pop().unwrap_or_default());
        tokens.into_iter().map(|tokens| tokens.map_err(RouterError::from).and_then(|_| next())).collect()
    }
}

impl AdvantageRouter for TextRouter {
    fn name(&self) -> String {
        format!("text(τ={})", self.card.tau)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let missing = || Err(RouterError::Outputs { expected: 1, found: 0 }.into());
        self.route_batch(std::slice::from_ref(candidate)).pop().unwrap_or_else(missing)
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let outputs = self.outputs(candidates);
        outputs.into_iter().map(|outputs| Ok(self.card.decide(&outputs?)?)).collect()
    }

    fn release(&mut self, id: SequenceId) {
        self.classifier.release(id);
    }
}
