//! Sequences as a local model runs them: each pass reads what is not held yet, ids are chosen on the device, and they alone are read
//! back.

use std::slice;

use arbitrage_benches::Failure;
use arbitrage_models::{Cache, Decoder, Outputs, Span};

/// A text and how much of it a model's cache holds.
pub(crate) struct Sequence {
    cache: Cache,
    text: Vec<u32>,
}

impl Sequence {
    /// An empty one.
    pub(crate) fn new(decoder: &Decoder) -> Self {
        Self { cache: decoder.cache(), text: Vec::new() }
    }

    /// One that holds a prompt of `length` tokens.
    ///
    /// # Errors
    /// Those of [`Decoder::forward`].
    pub(crate) fn behind(decoder: &Decoder, length: usize) -> Result<Self, Failure> {
        let mut sequence = Self::new(decoder);
        sequence.hear(&some_tokens(decoder, length));
        decoder.forward(&mut [sequence.span(Outputs::None)])?;
        Ok(sequence)
    }

    /// Another that begins as this one.
    pub(crate) fn fork(&self) -> Self {
        Self { cache: self.cache.fork(self.cache.len()), text: self.text.clone() }
    }

    /// The text.
    pub(crate) fn text(&self) -> &[u32] {
        &self.text
    }

    /// Adds tokens of another author.
    pub(crate) fn hear(&mut self, tokens: &[u32]) {
        self.text.extend_from_slice(tokens);
    }

    /// Forgets all but the first `length` tokens.
    pub(crate) fn keep(&mut self, length: usize) {
        self.text.truncate(length);
        self.cache.truncate(length);
    }

    /// Reads on and writes `count` tokens.
    ///
    /// # Errors
    /// As [`write_all`].
    pub(crate) fn write(&mut self, decoder: &Decoder, count: usize) -> Result<(), Failure> {
        write_all(decoder, slice::from_mut(self), count)
    }

    /// Reads on, and brings the state of the last token to the host, as a router's or a scorer's head needs it.
    ///
    /// # Errors
    /// Those of [`Decoder::hidden`] and of the device.
    pub(crate) fn judge(&mut self, decoder: &Decoder) -> Result<(), Failure> {
        let states = decoder.hidden(&mut [self.span(Outputs::Last)])?;
        states.ok_or("a pass without states")?.try_into_data()?;
        Ok(())
    }

    /// What is not held yet.
    fn span(&mut self, outputs: Outputs) -> Span<'_> {
        let held = self.cache.len();
        Span { cache: &mut self.cache, tokens: &self.text[held..], outputs }
    }
}

/// All sequences read on, and write `count` tokens each, together.
///
/// # Errors
/// Those of [`Decoder::forward`] and of the device.
pub(crate) fn write_all(decoder: &Decoder, sequences: &mut [Sequence], count: usize) -> Result<(), Failure> {
    for _ in 0..count {
        let mut spans: Vec<_> = sequences.iter_mut().map(|sequence| sequence.span(Outputs::Last)).collect();
        let output = decoder.forward(&mut spans)?.ok_or("a pass without logits")?;
        let choices = decoder.likeliest(output.logits).ok_or("a logit that is not finite")?;
        for (sequence, choice) in sequences.iter_mut().zip(choices) {
            sequence.text.push(choice.id);
        }
    }
    Ok(())
}

/// Tokens that differ from their neighbours.
pub(crate) fn some_tokens(decoder: &Decoder, count: usize) -> Vec<u32> {
    let vocabulary = decoder.config().vocabulary;
    (0..count).map(|at| ((at * 7919 + 100) % vocabulary) as u32).collect()
}
