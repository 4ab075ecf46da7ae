//! Process reward models.

use std::path::Path;

use arbitrage_core::{BoxError, Prefix, SequenceId, Step, StepScorer};

use super::{Classifier, ClassifierInput, Layout};
use crate::decoder::LoadOptions;
use crate::error::{Error, Result};

/// A [`Classifier`] that scores steps, from 0 to 1: `h(x, z)` of the paper (§3.1).
///
/// Steps are tokenized from their text, whichever model wrote them, since the layout tokenizes its parts separately. Both
/// candidates for a step share the cached prefix. The engine releases the sequences of a [`StepScorer`]; elsewhere, call
/// [`release`](StepScorer::release) when a solution is complete.
#[derive(Debug)]
pub struct ProcessReward {
    classifier: Classifier,
    layout: Layout,
}

impl ProcessReward {
    /// Scores steps that are formatted by `layout` with `classifier`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the layout's score needs another number of outputs than the head has.
    pub fn new(classifier: Classifier, layout: Layout) -> Result<Self> {
        layout.score.check(classifier.outputs())?;
        Ok(Self { classifier, layout })
    }

    /// Opens a folder as [`Classifier::open`] does, with the layout that [the folder defines](Layout::of_folder). Where it defines
    /// none, a head with one output gets [Skywork's](Layout::skywork), and one with two outputs [TRL's](Layout::trl).
    ///
    /// # Errors
    /// As [`Classifier::open`], [`Layout::of_folder`] and [`new`](Self::new).
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let layout = Layout::of_folder(&path)?;
        let classifier = Classifier::open(path, options)?;
        let layout = match (layout, classifier.outputs()) {
            (Some(layout), _) => layout,
            (None, 1) => Layout::skywork(),
            (None, 2) => Layout::trl(),
            (None, outputs) => {
                let expected = format!("a layout in {}, or a head with 1 or 2 outputs", Layout::FILE);
                let found = format!("no layout, and a head with {outputs} outputs");
                return Err(Error::Parameter { name: "layout", expected, found });
            }
        };
        Self::new(classifier, layout)
    }

    /// The classifier.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A score for each step, in order. A step that cannot be scored does not fail the others.
    ///
    /// # Errors
    /// For a step, [`Error::EmptyPrompt`], [`Error::ContextFull`], [`Error::Tokenizer`]; [`Error::NotFinite`], naming model
    /// and step, when the head's outputs are not finite.
    pub fn score_all(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<f32>> {
        let tokenizer = self.classifier.tokenizer();
        let tokens_of = |(prefix, step): &(Prefix<'_>, &Step)| self.layout.tokens(tokenizer, prefix, step);
        let tokens: Vec<Result<Vec<u32>>> = steps.iter().map(tokens_of).collect();
        let mut inputs = Vec::with_capacity(steps.len());
        for ((prefix, _), tokens) in steps.iter().zip(&tokens) {
            if let Ok(tokens) = tokens {
                let first_output = tokens.len().saturating_sub(1);
                inputs.push(ClassifierInput { id: prefix.id, tokens, first_output });
            }
        }
        let mut outputs = self.classifier.classify(&inputs).into_iter();
        let mut score = |prefix: &Prefix<'_>| {
            let rows = outputs.next().unwrap_or_else(|| Ok(Vec::new()))?;
            self.score_of(rows.last().map_or(&[], Vec::as_slice), prefix)
        };
        steps.iter().zip(tokens).map(|((prefix, _), tokens)| tokens.and_then(|_| score(prefix))).collect()
    }

    fn score_of(&self, outputs: &[f32], prefix: &Prefix<'_>) -> Result<f32> {
        let wrong = outputs.iter().position(|output| !output.is_finite()).or(outputs.is_empty().then_some(0));
        match wrong {
            None => Ok(self.layout.score.of(outputs)),
            Some(index) => Err(Error::NotFinite {
                model: self.classifier.name().to_owned(),
                place: format!("score of step {}", prefix.steps.len()),
                index,
            }),
        }
    }
}

impl StepScorer for ProcessReward {
    fn name(&self) -> String {
        self.classifier.name().to_owned()
    }

    /// # Errors
    /// The [`Error`] of the first step that cannot be scored.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        Ok(self.score_all(steps).into_iter().collect::<Result<Vec<_>>>()?)
    }

    fn release(&mut self, id: SequenceId) {
        self.classifier.release(id);
    }
}
