//! Teacher forcing: what a model would have computed for a step that is already written.

use arbitrage_core::{Hidden, Prefix, SequenceId, Step};
use burn::tensor::Tensor;

use super::LocalModel;
use super::step_states::StepStates;
use crate::decoder::values;
use crate::error::{Error, Result};
use crate::prefill::{Prefill, batch_or_singly, in_rounds, prefill};
use crate::profile::{Part, measure};
use crate::sampler;

/// Rows of logits that are computed at a time. With a vocabulary of 152,000 tokens, each takes 600 kB.
const LOGIT_ROWS: usize = 32;

/// What a step would carry if the model itself had generated it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TeacherForced {
    /// The summary of the step's hidden states.
    pub hidden: Hidden,
    /// The natural logarithm of each token's probability, at temperature 1 and unfiltered: one for each token that the step has
    /// in *this* model's vocabulary.
    pub logprobs: Vec<f32>,
    /// Entropy in nats of the distribution of the step's first token.
    pub first_entropy: f32,
}

/// A step after its prefix, in this model's tokens.
pub(super) struct TokenizedStep {
    pub id: SequenceId,
    /// The tokens of prefix and step.
    pub tokens: Vec<u32>,
    /// How many of them are the prefix's.
    pub prefix_len: usize,
    /// How many hidden states belong to the step.
    pub state_count: usize,
}

impl TokenizedStep {
    /// The index of the token whose state predicts the step's first token.
    fn first_output(&self) -> usize {
        self.prefix_len - 1
    }

    /// The tokens that have to be run: all up to the step's last state.
    fn input(&self) -> &[u32] {
        &self.tokens[..self.first_output() + self.state_count]
    }

    /// The token that state `at` of the step predicts; `None` for the state that predicted the end of the text.
    fn predicted(&self, at: usize) -> Option<u32> {
        self.tokens.get(self.prefix_len + at).copied()
    }
}

/// The results of a step so far.
struct PartialResults {
    states: StepStates,
    logprobs: Vec<f32>,
    first_entropy: f32,
    /// How many states have been processed.
    processed: usize,
}

impl LocalModel {
    /// Runs a step after its prefix as if this model had generated it. For a step that it did generate, after the same prefix,
    /// the results are those that the step carried, on the packed path bit for bit: so features can be computed for a trace that
    /// was recorded without them.
    ///
    /// The step's ids are used where they are of this vocabulary, its text otherwise. With [`Finish::EndOfText`], the state that
    /// predicted the end of the text is included.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::ContextFull`], [`Error::Parameter`] (an id outside the vocabulary) and
    /// [`Error::NotFinite`], naming the model.
    ///
    /// [`Finish::EndOfText`]: arbitrage_core::Finish::EndOfText
    pub fn teacher_force(&mut self, prefix: &Prefix<'_>, step: &Step) -> Result<TeacherForced> {
        let mut results = self.teacher_force_all(&[(*prefix, step)]);
        results.pop().unwrap_or_else(|| Err(Error::EmptyPrompt { model: self.name.clone() }))
    }

    /// As [`teacher_force`](Self::teacher_force) for several steps, in order; steps of different sequences run together. Caches
    /// are kept as for drafts: processing a solution step by step runs each token about once.
    pub fn teacher_force_all(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<TeacherForced>> {
        let batch = |round: &[_]| batch_or_singly(round, |steps| self.teacher_force_batch(steps));
        measure(Part::Rest, || in_rounds(steps, |(prefix, _)| prefix.id, batch))
    }

    fn teacher_force_batch(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<TeacherForced>> {
        let steps = steps.iter().map(|(prefix, step)| self.tokenize_step(prefix, step)).collect::<Result<Vec<_>>>()?;
        let width = self.decoder.config().hidden;
        let empty = |_| PartialResults {
            states: StepStates::new(width),
            logprobs: Vec::new(),
            first_entropy: 0.0,
            processed: 0,
        };
        let mut partials: Vec<_> = steps.iter().map(empty).collect();
        self.prefill_steps(&steps, |model, states, owners| {
            model.process_states(states, owners, &steps, &mut partials)
        })?;
        let result = |(step, partial): (&TokenizedStep, PartialResults)| TeacherForced {
            hidden: partial.states.summary(step.state_count),
            logprobs: partial.logprobs,
            first_entropy: partial.first_entropy,
        };
        Ok(steps.iter().zip(partials).map(result).collect())
    }

    /// Runs the steps through their sequences' caches. After each pass, `each` receives its states of the steps, and for each
    /// state the index of its step.
    pub(super) fn prefill_steps(
        &mut self,
        steps: &[TokenizedStep],
        mut each: impl FnMut(&Self, Tensor<2>, &[usize]) -> Result<()>,
    ) -> Result<()> {
        let sequences: Vec<_> = steps.iter().map(|step| self.take_sequence(step.id)).collect();
        let begin =
            |(step, sequence)| Prefill::begin(sequence, TokenizedStep::input(step), TokenizedStep::first_output(step));
        let mut prefills: Vec<_> = steps.iter().zip(sequences).map(begin).collect();
        let model = &*self;
        prefill(model.decoder.backbone(), &mut prefills, |states, owners| each(model, states, owners))?;
        for (step, done) in steps.iter().zip(prefills) {
            self.sequences.insert(step.id, done.end());
        }
        Ok(())
    }

    pub(super) fn tokenize_step(&self, prefix: &Prefix<'_>, step: &Step) -> Result<TokenizedStep> {
        let (id, mut tokens) = (prefix.id, self.encode(prefix)?);
        let prefix_len = tokens.len();
        let step_tokens = self.encode_step(step)?;
        let state_count = StepStates::count(step_tokens.len(), step.finish);
        tokens.extend(step_tokens);
        let step = TokenizedStep { id, tokens, prefix_len, state_count };
        self.decoder.backbone().admit_tokens(0, step.input())?;
        Ok(step)
    }

    /// Processes the states of a pass, a few rows of logits at a time.
    fn process_states(
        &self,
        states: Tensor<2>,
        owners: &[usize],
        steps: &[TokenizedStep],
        partials: &mut [PartialResults],
    ) -> Result<()> {
        let [_, width] = states.dims();
        let mut start = 0;
        for owners in owners.chunks(LOGIT_ROWS) {
            let chunk = states.clone().slice([start..start + owners.len(), 0..width]);
            let (logits, hidden) = (values(self.decoder.logits(chunk.clone())), values(chunk));
            let rows = logits.chunks_exact(self.logits_width()).zip(hidden.chunks_exact(width));
            for (&at, (logits, hidden)) in owners.iter().zip(rows) {
                partials[at].states.push(hidden);
                self.process_logits(logits, &steps[at], &mut partials[at])?;
            }
            start += owners.len();
        }
        Ok(())
    }

    fn process_logits(&self, logits: &[f32], step: &TokenizedStep, partial: &mut PartialResults) -> Result<()> {
        measure(Part::Sampler, || self.add_scores(logits, step, partial))
    }

    fn add_scores(&self, logits: &[f32], step: &TokenizedStep, partial: &mut PartialResults) -> Result<()> {
        let logits = &logits[..self.token_count];
        let located = |error| self.at_position(error, step.prefix_len + partial.processed);
        if partial.processed == 0 {
            partial.first_entropy = sampler::entropy(logits).map_err(located)?;
        }
        if let Some(id) = step.predicted(partial.processed) {
            partial.logprobs.extend(sampler::log_softmax_at(logits, &[id]).map_err(located)?);
        }
        partial.processed += 1;
        Ok(())
    }
}
