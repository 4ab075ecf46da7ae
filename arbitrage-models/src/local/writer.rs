//! Writes one step of each of several sequences, together.
//!
//! Every pass takes what each open sequence has pending: the rest of its prompt, or the token that it sampled last. So
//! prompts are caught up while others decode, and the weights are read once a pass for all of them.

use std::sync::Arc;
use std::time::Instant;

use arbitrage_core::{BoxError, Finish, Prefix, SequenceId, Step, StepCost, StepResult, StepRule};

use super::LocalModel;
use super::sequence::Sequence;
use crate::decoder::{Outputs, Span};
use crate::error::{Error, Result};
use crate::sampler::{Choice, Sampler};
use crate::stream::TextStream;

/// Most rows a pass: bounds the memory that activations take.
const ROWS: usize = 512;

/// A step in the making.
struct Writing {
    id: SequenceId,
    sequence: Sequence,
    /// Tokens that are not in the cache yet: the rest of the prompt, then the token sampled last.
    pending: Vec<u32>,
    sampler: Sampler,
    stream: TextStream,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    first_entropy: Option<f32>,
    /// Length of the complete text after each token, and whether the token ended inside a character.
    edges: Vec<(usize, bool)>,
    cost: StepCost,
    /// How the step ended, once it has: with an error that is this sequence's own, for instance.
    finish: Option<Result<Finish>>,
}

/// One step for each of `prefixes`. A sequence that cannot be written gets its own error; a failing pass fails all that
/// were in it.
pub(super) fn write(
    model: &mut LocalModel,
    prefixes: &[Prefix<'_>],
    rule: &StepRule<'_>,
    start: Instant,
) -> Vec<StepResult> {
    let sequences: Vec<_> = prefixes.iter().map(|prefix| model.sequences.remove(&prefix.id)).collect();
    let mut listener = model.listener.take();
    let mut writings: Vec<_> = prefixes
        .iter()
        .zip(sequences)
        .map(|(prefix, sequence)| Writing::begin(model, prefix, sequence).map_err(BoxError::from))
        .collect();
    let setup = start.elapsed().as_secs_f64() / prefixes.len().max(1) as f64;
    while let Err(error) = run(model, &mut writings, rule, &mut listener) {
        let error = Arc::new(error);
        for writing in writings.iter_mut().filter(|writing| writing.as_ref().is_ok_and(|w| w.finish.is_none())) {
            *writing = Err(error.clone().into());
        }
    }
    model.listener = listener;
    let vocabulary = model.vocabulary();
    writings
        .into_iter()
        .map(|writing| {
            let (sequence, id, mut step) = writing?.end(vocabulary)?;
            step.cost.seconds += setup;
            model.sequences.insert(id, sequence);
            Ok(step)
        })
        .collect()
}

/// Passes until every step is finished.
fn run(
    model: &LocalModel,
    writings: &mut [Result<Writing, BoxError>],
    rule: &StepRule<'_>,
    listener: &mut Option<super::Listener>,
) -> Result<()> {
    let most = rule.segmenter.token_budget().unwrap_or(usize::MAX).min(rule.max_tokens);
    loop {
        let mut open: Vec<_> = writings.iter_mut().flatten().filter(|writing| writing.finish.is_none()).collect();
        if open.is_empty() {
            return Ok(());
        }
        let choices = pass(model, &mut open)?;
        for (writing, choice) in open.iter_mut().zip(choices) {
            let Some(choice) = choice else { continue };
            let heard = writing.stream.text().len();
            if let Err(error) = choice.and_then(|choice| writing.push(model, choice, rule, most)) {
                writing.finish = Some(Err(error));
                continue;
            }
            if let (Some(listener), new) = (listener.as_mut(), &writing.stream.text()[heard..])
                && !new.is_empty()
            {
                listener(writing.id, new);
            }
        }
    }
}

/// One forward pass over the pending tokens of `open`, and the token chosen for each sequence that has caught up.
fn pass(model: &LocalModel, open: &mut [&mut Writing]) -> Result<Vec<Option<Result<Choice>>>> {
    let start = Instant::now();
    let mut room = ROWS;
    let takes: Vec<usize> = open
        .iter()
        .map(|writing| {
            let take = writing.pending.len().min(room);
            room -= take;
            take
        })
        .collect();
    let mut spans = Vec::with_capacity(open.len());
    for (writing, &take) in open.iter_mut().zip(&takes).filter(|(_, take)| **take > 0) {
        let outputs = if take == writing.pending.len() { Outputs::Last } else { Outputs::None };
        spans.push(Span { cache: &mut writing.sequence.cache, tokens: &writing.pending[..take], outputs });
    }
    let output = model.decoder.forward(&mut spans)?;
    let logits = output.map(|output| output.logits.into_data_as::<f32>());
    let mut rows = logits.as_ref().and_then(|data| data.as_slice::<f32>().ok()).unwrap_or_default();
    let width = model.decoder.head_width();
    let mut choices = Vec::with_capacity(open.len());
    for (writing, &take) in open.iter_mut().zip(&takes) {
        writing.sequence.held.extend(writing.pending.drain(..take));
        let caught_up = take > 0 && writing.pending.is_empty();
        choices.push(if caught_up {
            let (row, rest) = rows.split_at(width);
            rows = rest;
            Some(writing.choose(model, row))
        } else {
            None
        });
    }
    let seconds = start.elapsed().as_secs_f64() / takes.iter().sum::<usize>().max(1) as f64;
    for (writing, &take) in open.iter_mut().zip(&takes) {
        let share = seconds * take as f64;
        writing.cost.seconds += share;
        if writing.tokens.is_empty() {
            writing.cost.prefill_seconds += share;
        }
    }
    Ok(choices)
}

impl Writing {
    fn begin(model: &LocalModel, prefix: &Prefix<'_>, sequence: Option<Sequence>) -> Result<Self> {
        let tokens = model.encode(prefix)?;
        let context = model.decoder.config().context;
        if tokens.len() >= context {
            return Err(Error::ContextFull { model: model.name.clone(), tokens: tokens.len() + 1, context });
        }
        let mut sequence = sequence.unwrap_or_else(|| Sequence::new(&model.decoder));
        let cached = sequence.roll_back(&tokens);
        let pending = tokens[cached..].to_vec();
        Ok(Self {
            id: prefix.id,
            sequence,
            cost: StepCost::new(pending.len(), cached, 0, 0.0),
            pending,
            sampler: Sampler::new(&model.sampling, prefix.draw(model.author).next_u64())?.with_entropy(true),
            stream: TextStream::new(),
            tokens: Vec::new(),
            logprobs: Vec::new(),
            first_entropy: None,
            edges: Vec::new(),
            finish: None,
        })
    }

    fn choose(&mut self, model: &LocalModel, logits: &[f32]) -> Result<Choice> {
        let position = self.sequence.held.len();
        let choice = self.sampler.sample(&logits[..model.columns]);
        let choice = choice.map_err(|error| model.at_position(error, position))?;
        Ok(Choice { id: model.token_at(choice.id), ..choice })
    }

    /// Takes the chosen token in and sees whether the step ends with it.
    fn push(&mut self, model: &LocalModel, choice: Choice, rule: &StepRule<'_>, most: usize) -> Result<()> {
        self.cost.decoded += 1;
        if self.tokens.is_empty() {
            self.first_entropy = choice.entropy;
        }
        if model.tokenizer.eos_ids().contains(&choice.id) {
            self.finish = Some(Ok(Finish::EndOfText));
            return Ok(());
        }
        self.stream.push(&model.tokenizer, choice.id)?;
        self.tokens.push(choice.id);
        self.logprobs.push(choice.logprob);
        self.pending.push(choice.id);
        self.edges.push((self.stream.text().len(), self.stream.is_holding()));
        // A token may end the step and begin a character: the step is then whole with the character.
        let boundary = if self.stream.is_holding() { None } else { rule.segmenter.boundary(self.stream.text()) };
        if let Some(end) = boundary {
            self.cut(end);
        }
        let counted = rule.segmenter.token_budget() == Some(most);
        // A full context comes first: whatever else ends the step, no other can follow it.
        self.finish = if self.cost.cached + self.cost.prefilled + self.tokens.len() >= model.decoder.config().context {
            Some(Ok(Finish::Context))
        } else if boundary.is_some() {
            Some(Ok(Finish::Boundary))
        } else {
            (self.tokens.len() >= most).then_some(Ok(if counted { Finish::Boundary } else { Finish::Length }))
        };
        Ok(())
    }

    /// Drops what was written after the first token edge at or past `end` that splits no character: it belongs to the next
    /// step.
    fn cut(&mut self, end: usize) {
        if let Some(at) = self.edges.iter().position(|&(edge, open)| edge >= end && !open) {
            self.keep(at + 1);
        }
    }

    fn keep(&mut self, count: usize) {
        self.tokens.truncate(count);
        self.logprobs.truncate(count);
        self.edges.truncate(count);
    }

    /// The step, and the sequence to be kept for the next.
    fn end(mut self, vocabulary: arbitrage_core::VocabularyId) -> Result<(Sequence, SequenceId, Step)> {
        let finish = self.finish.take().unwrap_or(Ok(Finish::Length))?;
        // A step that a limit cut inside a character gives its last tokens back, unless nothing would be left.
        let whole = self.edges.iter().rposition(|&(_, open)| !open).map_or(0, |at| at + 1);
        if whole > 0 {
            self.keep(whole);
        }
        let (end, open) = self.edges.last().copied().unwrap_or_default();
        let mut text = self.stream.text()[..end].to_owned();
        if open {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        let mut step = Step::new(text, finish)
            .with_tokens(self.tokens, vocabulary)
            .with_logprobs(self.logprobs)
            .with_cost(self.cost);
        step.first_entropy = self.first_entropy;
        Ok((self.sequence, self.id, step))
    }
}
