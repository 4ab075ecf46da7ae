//! Classifiers: decoders with a linear head on their hidden states, in place of the head that predicts tokens.
//!
//! | head | tensors | outputs |
//! |---|---|---|
//! | value: Skywork's process reward models | `v_head.summary.weight` `[1, hidden]`, `.bias` `[1]` | a logit |
//! | classes: TRL's trainers, and transformers' token and sequence classifiers | `score.weight` `[classes, hidden]`, `.bias` `[classes]` or none | a logit for each class |
//! | either, in a GGUF file | `cls.output.weight`, `.bias` or none | as above |
//!
//! A [`Classifier`] gives the raw outputs after any token of a text. A [`ProcessReward`] formats steps as the model was trained on
//! them, and turns the outputs into scores.

mod head;
mod open;
mod process_reward;

pub use crate::layout::{Layout, Score};
pub use process_reward::ProcessReward;

use std::collections::HashMap;

use arbitrage_core::SequenceId;

use crate::config::ModelConfig;
use crate::decoder::values;
use crate::decoder::{Backbone, Cache, Span};
use crate::error::{Error, Result};
use crate::prefill::{Prefill, batch_or_singly, in_rounds, prefill};
use crate::sequence::CachedSequence;
use crate::tokenizer::Tokenizer;
use head::ClassifierHead;
pub(crate) use head::{IN_GGUF, is_head};

/// A decoder with a head of a few outputs.
///
/// Each sequence keeps its cache until it is [released](Self::release). A call truncates the cache to the longest common prefix
/// with the text, so tokens that two steps of a solution share are run once. The outputs do not depend on what is cached.
pub struct Classifier {
    name: String,
    body: Backbone,
    head: ClassifierHead,
    tokenizer: Tokenizer,
    sequences: HashMap<SequenceId, CachedSequence>,
}

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outputs = self.head.outputs();
        f.debug_struct("Classifier").field("name", &self.name).field("outputs", &outputs).finish_non_exhaustive()
    }
}

/// A text to be classified.
#[derive(Clone, Copy, Debug)]
pub struct ClassifierInput<'a> {
    /// The sequence whose cache is used.
    pub id: SequenceId,
    /// All of its tokens, at least one.
    pub tokens: &'a [u32],
    /// Index of the first token after which outputs are computed; they are computed after all later ones too.
    pub first_output: usize,
}

impl Classifier {
    /// Name for traces and error messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The decoder's shape.
    pub fn config(&self) -> &ModelConfig {
        self.body.config()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The number of outputs of the head: 1 for a value head, otherwise the number of classes.
    pub fn outputs(&self) -> usize {
        self.head.outputs()
    }

    /// An empty cache for one sequence, for [`forward`](Self::forward).
    pub fn cache(&self) -> Cache {
        self.body.cache()
    }

    /// Runs all spans in one pass, with the caller's caches. Returns the head's raw outputs for the output tokens of all spans, in
    /// order: `[tokens][outputs]`.
    ///
    /// # Errors
    /// As [`Decoder::hidden`](crate::Decoder::hidden).
    pub fn forward(&self, spans: &mut [Span<'_>]) -> Result<Vec<Vec<f32>>> {
        let states = self.body.hidden(spans)?;
        Ok(states.map_or_else(Vec::new, |states| self.head.forward(&values(states))))
    }

    /// Classifies several texts; texts of different sequences run together, in passes of bounded size. Returns for each text, in
    /// order, the head's raw outputs after token [`first_output`](ClassifierInput::first_output) and after each later one. A text
    /// that cannot be classified does not fail the others.
    ///
    /// # Errors
    /// For a text, [`Error::EmptyPrompt`], [`Error::ContextFull`], [`Error::Parameter`] (an id outside the vocabulary, a
    /// `first_output` past the end of the text), and [`Error::NotFinite`] from the first pass after loading.
    pub fn classify(&mut self, texts: &[ClassifierInput<'_>]) -> Vec<Result<Vec<Vec<f32>>>> {
        in_rounds(texts, |text| text.id, |round| batch_or_singly(round, |texts| self.classify_batch(texts)))
    }

    fn classify_batch(&mut self, texts: &[ClassifierInput<'_>]) -> Result<Vec<Vec<Vec<f32>>>> {
        texts.iter().try_for_each(|text| self.admit(text))?;
        let sequences: Vec<_> = texts.iter().map(|text| self.take_sequence(text.id)).collect();
        let inputs = texts.iter().zip(sequences);
        let begun = inputs.map(|(text, sequence)| Prefill::begin(sequence, text.tokens, text.first_output));
        let mut prefills: Vec<_> = begun.collect();
        let mut outputs = vec![Vec::new(); texts.len()];
        prefill(&self.body, &mut prefills, |states, owners| {
            let rows = self.head.forward(&values(states));
            owners.iter().zip(rows).for_each(|(&at, row)| outputs[at].push(row));
            Ok(())
        })?;
        for (text, done) in texts.iter().zip(prefills) {
            self.sequences.insert(text.id, done.end());
        }
        Ok(outputs)
    }

    fn admit(&self, text: &ClassifierInput<'_>) -> Result<()> {
        self.body.admit_tokens(0, text.tokens)?;
        if text.first_output < text.tokens.len() {
            return Ok(());
        }
        let expected = format!("an index below the text's {} tokens", text.tokens.len());
        Err(Error::Parameter { name: "first_output", expected, found: text.first_output.to_string() })
    }

    fn take_sequence(&mut self, id: SequenceId) -> CachedSequence {
        self.sequences.remove(&id).unwrap_or_else(|| CachedSequence::new(self.body.cache()))
    }

    /// Drops the cache of a sequence that is finished.
    pub fn release(&mut self, id: SequenceId) {
        self.sequences.remove(&id);
    }

    /// How many sequences have a cache.
    pub fn sequences(&self) -> usize {
        self.sequences.len()
    }
}
