//! Decoders that judge instead of writing: a head on hidden states, in place of the one that predicts tokens.
//!
//! | head | tensors | outputs |
//! |---|---|---|
//! | value, of Skywork's process reward models | `v_head.summary.weight` `[1, hidden]`, `.bias` `[1]` | a logit |
//! | classes, of TRL's trainers and of transformers' token and sequence classifiers | `score.weight` `[classes, hidden]`, `.bias` `[classes]` or none | a logit a class |
//!
//! A [`Classifier`] gives the raw outputs after any token of a text; [`ProcessReward`] lays steps out as the model was trained to
//! see them and makes its outputs scores.

mod head;
mod open;
mod process_reward;

pub use crate::layout::{Layout, Score};
pub use process_reward::ProcessReward;

use std::collections::HashMap;

use arbitrage_core::SequenceId;

use crate::catch_up::{Run, catch_up, each_if_not_all, in_turns};
use crate::config::ModelConfig;
use crate::decoder::{Body, Cache, Span};
use crate::error::{Error, Result};
use crate::local::values;
use crate::sequence::Sequence;
use crate::tokenizer::Tokenizer;
use head::Head;

/// A decoder with a head of a few outputs.
///
/// Caches are kept a sequence until it is [released](Self::release), and rolled back to the longest common token prefix at each
/// call: what two steps of a solution have in common is run once. They are not to be seen in any output.
pub struct Classifier {
    name: String,
    body: Body,
    head: Head,
    tokenizer: Tokenizer,
    sequences: HashMap<SequenceId, Sequence>,
}

/// A text to be classified.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Cache hint: the sequence that the text belongs to.
    pub id: SequenceId,
    /// All of its tokens, at least one.
    pub tokens: &'a [u32],
    /// The first token after which outputs are wanted; those after all later ones come with it.
    pub first: usize,
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

    /// Outputs of the head: 1 of a value, as many as classes otherwise.
    pub fn outputs(&self) -> usize {
        self.head.outputs()
    }

    /// Tensors of the files that were not needed, such as a head for tokens.
    pub fn unused(&self) -> &[String] {
        self.body.unused()
    }

    /// An empty cache for one sequence, for [`forward`](Self::forward).
    pub fn cache(&self) -> Cache {
        self.body.cache()
    }

    /// Runs all spans in one pass, with caches of the caller's. Gives the head's outputs, raw, for the wanted tokens of all spans,
    /// in order: `[wanted][outputs]`.
    ///
    /// # Errors
    /// As [`Decoder::hidden`](crate::Decoder::hidden).
    pub fn forward(&self, spans: &mut [Span<'_>]) -> Result<Vec<Vec<f32>>> {
        let states = self.body.hidden(spans)?;
        Ok(states.map_or_else(Vec::new, |states| self.head.forward(&values(states))))
    }

    /// Classifies several texts, those of different sequences together in passes of bounded size. Gives the head's outputs, raw,
    /// after token [`first`](Text::first) and each that follows it, for each text, in order. A text that cannot be classified
    /// fails alone.
    ///
    /// # Errors
    /// For a text, [`Error::EmptyPrompt`], [`Error::ContextFull`], [`Error::Parameter`] (an id outside the vocabulary, a
    /// `first` that is no token of the text), and [`Error::NotFinite`] from the first pass after loading.
    pub fn classify(&mut self, texts: &[Text<'_>]) -> Vec<Result<Vec<Vec<f32>>>> {
        in_turns(texts, |text| text.id, |turn| each_if_not_all(turn, |texts| self.classify_all(texts)))
    }

    fn classify_all(&mut self, texts: &[Text<'_>]) -> Result<Vec<Vec<Vec<f32>>>> {
        texts.iter().try_for_each(|text| self.admit(text))?;
        let sequences: Vec<_> = texts.iter().map(|text| self.take_sequence(text.id)).collect();
        let begun = texts.iter().zip(sequences).map(|(text, sequence)| Run::begin(sequence, text.tokens, text.first));
        let mut runs: Vec<_> = begun.collect();
        let mut outputs = vec![Vec::new(); texts.len()];
        catch_up(&self.body, &mut runs, |states, owners| {
            let rows = self.head.forward(&values(states));
            owners.iter().zip(rows).for_each(|(&at, row)| outputs[at].push(row));
            Ok(())
        })?;
        for (text, run) in texts.iter().zip(runs) {
            self.sequences.insert(text.id, run.end());
        }
        Ok(outputs)
    }

    fn admit(&self, text: &Text<'_>) -> Result<()> {
        self.body.admit_tokens(0, text.tokens)?;
        if text.first < text.tokens.len() {
            return Ok(());
        }
        let expected = format!("a token of the text's {}", text.tokens.len());
        Err(Error::Parameter { name: "first", expected, found: text.first.to_string() })
    }

    fn take_sequence(&mut self, id: SequenceId) -> Sequence {
        self.sequences.remove(&id).unwrap_or_else(|| Sequence::new(self.body.cache()))
    }

    /// Forgets a sequence that is finished.
    pub fn release(&mut self, id: SequenceId) {
        self.sequences.remove(&id);
    }

    /// Sequences whose caches are held.
    pub fn sequences(&self) -> usize {
        self.sequences.len()
    }
}
