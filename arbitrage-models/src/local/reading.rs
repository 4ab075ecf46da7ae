//! What a model makes of a step that anyone wrote.

use arbitrage_core::{Hidden, Prefix, SequenceId, Step};
use burn::tensor::Tensor;

use super::LocalModel;
use super::rows::values;
use super::states::States;
use crate::catch_up::{Run, catch_up, each_if_not_all, in_turns};
use crate::error::{Error, Result};
use crate::sampler;

/// Rows of logits at a time: of a vocabulary of 152,000, each takes 600 kB.
const ROWS: usize = 32;

/// A model's view of a step: what the step would carry if the model itself had written it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// Its hidden states, summarised.
    pub hidden: Hidden,
    /// Natural logarithm of each token's probability, at temperature 1 and unfiltered: one a token of the step in *this* model's
    /// vocabulary. Minus infinity for a token that a [trimmed head](crate::HeadTokens) cannot write.
    pub logprobs: Vec<f32>,
    /// Entropy in nats of the distribution of the step's first token.
    pub first_entropy: f32,
}

/// A step behind its prefix, in this model's tokens.
pub(super) struct Text {
    pub id: SequenceId,
    pub tokens: Vec<u32>,
    /// Tokens of the prefix.
    pub prefix: usize,
    /// States that belong to the step.
    pub count: usize,
}

impl Text {
    /// The token whose state the step's first token is drawn from.
    fn first(&self) -> usize {
        self.prefix - 1
    }

    /// What has to be run: all up to the last state.
    fn run(&self) -> &[u32] {
        &self.tokens[..self.first() + self.count]
    }

    /// The step's token that is drawn from state `at`; none from that of an end.
    fn drawn(&self, at: usize) -> Option<u32> {
        self.tokens.get(self.prefix + at).copied()
    }
}

/// A reading in the making.
struct Partial {
    states: States,
    logprobs: Vec<f32>,
    first_entropy: f32,
    /// States that were read.
    read: usize,
}

impl LocalModel {
    /// Reads a step behind its prefix, as if this model had written it. Of a step that it did write, from the same prefix, it
    /// gives back what the step carried, on the packed path bit for bit: so features can be had from a trace that has none.
    ///
    /// The step's ids are taken where they are ours, its text where they are not; [`Finish::EndOfText`] adds the state from
    /// which the end was drawn.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::ContextFull`], [`Error::Parameter`] (an id that is no token) and
    /// [`Error::NotFinite`], naming the model.
    ///
    /// [`Finish::EndOfText`]: arbitrage_core::Finish::EndOfText
    pub fn read(&mut self, prefix: &Prefix<'_>, step: &Step) -> Result<Reading> {
        let mut readings = self.read_all(&[(*prefix, step)]);
        readings.pop().unwrap_or_else(|| Err(Error::EmptyPrompt { model: self.name.clone() }))
    }

    /// Reads several steps, together where they are of different sequences, and gives one reading each, in order. Caches are kept
    /// as for drafts: reading a solution step by step runs each token about once.
    pub fn read_all(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Reading>> {
        in_turns(steps, |(prefix, _)| prefix.id, |turn| each_if_not_all(turn, |steps| self.read_some(steps)))
    }

    fn read_some(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<Reading>> {
        let texts = steps.iter().map(|(prefix, step)| self.text(prefix, step)).collect::<Result<Vec<_>>>()?;
        let width = self.decoder.config().hidden;
        let partial = |_| Partial { states: States::new(width), logprobs: Vec::new(), first_entropy: 0.0, read: 0 };
        let mut partials: Vec<_> = texts.iter().map(partial).collect();
        self.run_texts(&texts, |model, states, owners| model.take_in_states(states, owners, &texts, &mut partials))?;
        let reading = |(text, partial): (&Text, Partial)| Reading {
            hidden: partial.states.summary(text.count),
            logprobs: partial.logprobs,
            first_entropy: partial.first_entropy,
        };
        Ok(texts.iter().zip(partials).map(reading).collect())
    }

    /// Runs the texts through their sequences' caches. `each` gets every pass's states of the steps, and whose they are.
    pub(super) fn run_texts(
        &mut self,
        texts: &[Text],
        mut each: impl FnMut(&Self, Tensor<2>, &[usize]) -> Result<()>,
    ) -> Result<()> {
        let sequences: Vec<_> = texts.iter().map(|text| self.take_sequence(text.id)).collect();
        let begin = |(text, sequence)| Run::begin(sequence, Text::run(text), Text::first(text));
        let mut runs: Vec<_> = texts.iter().zip(sequences).map(begin).collect();
        let model = &*self;
        catch_up(model.decoder.body(), &mut runs, |states, owners| each(model, states, owners))?;
        for (text, run) in texts.iter().zip(runs) {
            self.sequences.insert(text.id, run.end());
        }
        Ok(())
    }

    pub(super) fn text(&self, prefix: &Prefix<'_>, step: &Step) -> Result<Text> {
        let (id, mut tokens) = (prefix.id, self.encode(prefix)?);
        let prefix = tokens.len();
        let own = self.encode_step(step)?;
        let count = States::count(own.len(), step.finish);
        tokens.extend(own);
        let text = Text { id, tokens, prefix, count };
        self.decoder.body().admit_tokens(0, text.run())?;
        Ok(text)
    }

    /// Takes in the states of a pass, a few rows of logits at a time.
    fn take_in_states(
        &self,
        states: Tensor<2>,
        owners: &[usize],
        texts: &[Text],
        partials: &mut [Partial],
    ) -> Result<()> {
        let [_, width] = states.dims();
        let (head_width, mut start) = (self.decoder.head_width(), 0);
        for owners in owners.chunks(ROWS) {
            let some = states.clone().slice([start..start + owners.len(), 0..width]);
            let (logits, hidden) = (values(self.decoder.logits(some.clone())), values(some));
            let rows = logits.chunks_exact(head_width).zip(hidden.chunks_exact(width));
            for (&at, (logits, hidden)) in owners.iter().zip(rows) {
                partials[at].states.push(hidden);
                self.take_in_logits(logits, &texts[at], &mut partials[at])?;
            }
            start += owners.len();
        }
        Ok(())
    }

    fn take_in_logits(&self, logits: &[f32], text: &Text, partial: &mut Partial) -> Result<()> {
        let logits = &logits[..self.columns];
        let located = |error| self.at_position(error, text.prefix + partial.read);
        if partial.read == 0 {
            partial.first_entropy = sampler::entropy(logits).map_err(located)?;
        }
        if let Some(id) = text.drawn(partial.read) {
            let logprob = match self.column_of(id) {
                Some(column) => sampler::log_softmax_at(logits, &[column]).map_err(located)?[0],
                None => f32::NEG_INFINITY,
            };
            partial.logprobs.push(logprob);
        }
        partial.read += 1;
        Ok(())
    }
}
