//! The paper's router: a decoder that reads the text.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision, SequenceId};
use arbitrage_models::LoadOptions;
use arbitrage_models::classifier::{Classifier, Layout, Text};
use serde::{Deserialize, Serialize};

use super::RouterError;
use super::card::{Card, Reads};
use crate::labels::{LabelError, named};

/// Whether the router is told who wrote each step (paper, App. C; the ablation in App. D favours it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Annotation {
    /// `Model 0: ` before the draft's steps, `Model 1: ` before the target's.
    #[default]
    Authors,
    /// The steps as they are.
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
    /// The router's input: that of the reward model without a beginning-of-text token, and the estimate after the last separator.
    ///
    /// The step that is to be judged is annotated as the draft's. That tells the router nothing, but a draft that is accepted
    /// then reads, token by token, as it does in the history of the next call, so that a router's cache holds.
    pub fn layout(self) -> Layout {
        let layout = Layout::skywork().with_bos(false);
        match self {
            Self::Authors => layout.with_authors("Model 0: ", "Model 1: "),
            Self::None => layout,
        }
    }
}

/// Routes by reading prefix and step with a model of its own, which costs a forward pass over the step. Several sequences are
/// read together, and what was read of a sequence before is not read again.
pub struct TextRouter {
    card: Card,
    layout: Layout,
    classifier: Classifier,
}

impl TextRouter {
    /// A router from its parts.
    ///
    /// # Errors
    /// [`RouterError::Kind`] for the card of another kind of router; [`RouterError::Outputs`] where the head's outputs are not
    /// those of the card's classes.
    pub fn new(card: Card, classifier: Classifier) -> Result<Self, RouterError> {
        let Reads::Text { annotation } = card.reads else {
            return Err(RouterError::Kind { expected: "text", found: "probe" });
        };
        let (expected, found) = (card.outcome.outputs(), classifier.outputs());
        if expected != found {
            return Err(RouterError::Outputs { expected, found });
        }
        Ok(Self { card, layout: annotation.layout(), classifier })
    }

    /// Opens a router's folder: a Hugging Face folder with a classification head, and a card.
    ///
    /// # Errors
    /// As [`Card::open`], [`Classifier::open`] and [`new`](Self::new).
    pub fn open(folder: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, RouterError> {
        Self::new(Card::open(folder.as_ref())?, Classifier::open(folder, options)?)
    }

    /// Sets τ, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Config`].
    pub fn with_threshold(mut self, tau: f32) -> Result<Self, RouterError> {
        self.card = self.card.with_threshold(tau)?;
        Ok(self)
    }

    /// What is known of it.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Sequences whose caches are held.
    pub fn sequences(&self) -> usize {
        self.classifier.sequences()
    }

    /// The head's outputs for drafted steps of different sequences, in order, before sigmoid or softmax. A step that cannot be
    /// read fails alone.
    ///
    /// # Errors
    /// For a step, as [`Layout::tokens`] and [`Classifier::classify`].
    pub fn outputs(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Vec<f32>, RouterError>> {
        let tokenizer = self.classifier.tokenizer();
        let tokens: Vec<_> = candidates.iter().map(|c| self.layout.tokens(tokenizer, &c.prefix, c.draft)).collect();
        let mut texts = Vec::with_capacity(candidates.len());
        for (candidate, tokens) in candidates.iter().zip(&tokens) {
            if let Ok(tokens) = tokens {
                texts.push(Text { id: candidate.prefix.id, tokens, first: tokens.len().saturating_sub(1) });
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
