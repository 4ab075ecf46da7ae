//! A small model that guesses for a large one.

use std::time::Instant;

use arbitrage_core::{Drafter, SequenceId, VocabularyId};

use super::super::LocalModel;
use super::{Gate, Guess, Proposer, Request};
use crate::decoder::{Outputs, Span};
use crate::error::Result;
use crate::sampler::Sampler;
use crate::sequence::{Sequence, share_rows};

/// A [`LocalModel`] that guesses, token by token, what a larger one will draw, until it is no longer sure enough: classic
/// speculative decoding with a draft of adaptive length. It draws with the larger one's own random numbers, whatever sampling it
/// was given itself.
pub struct DraftModel {
    model: LocalModel,
    seconds: f64,
}

impl DraftModel {
    /// Lets `model` guess. It should be several times faster than the model that it guesses for.
    pub fn new(model: LocalModel) -> Self {
        Self { model, seconds: 0.0 }
    }
}

/// A sequence that is being guessed.
struct Drafting<'a> {
    id: SequenceId,
    sequence: Sequence,
    /// Tokens that are not in the cache yet; empty when the guess is finished.
    pending: Vec<u32>,
    sampler: Sampler,
    gate: Gate<'a>,
    most: usize,
    guess: Guess,
}

impl Proposer for DraftModel {
    fn name(&self) -> &str {
        &self.model.name
    }

    fn propose(&mut self, requests: &[Request<'_>]) -> Vec<Guess> {
        let mut drafts: Vec<_> = requests.iter().map(|request| self.begin(request)).collect();
        loop {
            let mut open: Vec<_> = drafts.iter_mut().filter(|draft| !draft.pending.is_empty()).collect();
            if open.is_empty() {
                break;
            }
            if self.pass(&mut open).is_err() {
                // What the caches hold now is unknown. Guesses are optional; the larger model goes on without.
                return vec![Guess::default(); requests.len()];
            }
        }
        let finish = |draft: Drafting<'_>| {
            self.model.sequences.insert(draft.id, draft.sequence);
            draft.guess
        };
        drafts.into_iter().map(finish).collect()
    }

    fn vocabulary(&self) -> Option<VocabularyId> {
        Some(self.model.vocabulary())
    }

    fn seconds_per_token(&self) -> f64 {
        self.seconds
    }

    fn release(&mut self, id: SequenceId) {
        self.model.release(id);
    }
}

impl DraftModel {
    fn begin<'a>(&mut self, request: &Request<'a>) -> Drafting<'a> {
        let mut sequence = self.model.take_sequence(request.id);
        let kept = sequence.roll_back(request.tokens);
        let fits = request.tokens.len() + request.most <= self.model.decoder.config().context;
        let wanted = fits && request.most > 0 && !request.gate.is_shut();
        let pending = if wanted { request.tokens[kept..].to_vec() } else { Vec::new() };
        let (sampler, gate) = (request.sampler.clone(), request.gate);
        Drafting { id: request.id, sequence, pending, sampler, gate, most: request.most, guess: Guess::default() }
    }

    /// One pass over what is pending, and a further guess for each sequence that has caught up.
    fn pass(&mut self, open: &mut [&mut Drafting<'_>]) -> Result<()> {
        let start = Instant::now();
        let (takes, _) = share_rows(open.iter().map(|draft| draft.pending.len()));
        let mut spans = Vec::with_capacity(open.len());
        for (draft, &take) in open.iter_mut().zip(&takes).filter(|(_, take)| **take > 0) {
            let outputs = if take == draft.pending.len() { Outputs::Last } else { Outputs::None };
            spans.push(Span { cache: &mut draft.sequence.cache, tokens: &draft.pending[..take], outputs });
        }
        let logits = self.model.logits(&mut spans)?;
        let mut rows = logits.chunks_exact(self.model.decoder.head_width());
        for (draft, &take) in open.iter_mut().zip(&takes) {
            draft.sequence.held.extend(draft.pending.drain(..take));
            if draft.pending.is_empty()
                && let Some(row) = rows.next()
            {
                draft.go_on(&self.model, row)?;
            }
        }
        if takes.iter().all(|&take| take == 1) {
            let seconds = start.elapsed().as_secs_f64() / takes.len() as f64;
            self.seconds = if self.seconds == 0.0 { seconds } else { 0.9 * self.seconds + 0.1 * seconds };
        }
        Ok(())
    }
}

impl Drafting<'_> {
    fn go_on(&mut self, model: &LocalModel, logits: &[f32]) -> Result<()> {
        let choice = model.draw(&mut self.sampler, logits)?;
        let confidence = choice.logprob.exp();
        // An end token needs no guess: nothing would come after it.
        if model.tokenizer.eos_ids().contains(&choice.id) || !self.gate.admits(confidence) {
            return Ok(());
        }
        self.guess.tokens.push(choice.id);
        self.guess.confidences.push(confidence);
        if self.guess.tokens.len() < self.most {
            self.pending.push(choice.id);
        }
        Ok(())
    }
}
