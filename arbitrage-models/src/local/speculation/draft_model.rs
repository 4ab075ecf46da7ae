//! A small model that proposes tokens for a large one.

use std::time::Instant;

use arbitrage_core::{Drafter, SequenceId, VocabularyId};

use super::super::LocalModel;
use super::{Gate, ProposalRequest, ProposedTokens, Proposer};
use crate::decoder::{Outputs, Span};
use crate::error::Result;
use crate::sampler::Sampler;
use crate::sequence::{CachedSequence, share_rows};

/// A [`LocalModel`] that proposes what a larger one will sample, token by token, until its confidence is too low: speculative
/// decoding with a draft of adaptive length. It samples with the larger model's random numbers, whatever its own sampling is.
#[derive(Debug)]
pub struct DraftModel {
    model: LocalModel,
    seconds_per_token: f64,
}

impl DraftModel {
    /// Lets `model` propose tokens. It should be several times faster than the model that verifies them.
    pub fn new(model: LocalModel) -> Self {
        Self { model, seconds_per_token: 0.0 }
    }
}

/// A sequence whose next tokens are being drafted.
struct DraftedSequence<'a> {
    id: SequenceId,
    sequence: CachedSequence,
    /// Tokens that are not in the cache yet; empty when drafting has ended.
    pending: Vec<u32>,
    sampler: Sampler,
    gate: Gate<'a>,
    max_tokens: usize,
    proposed: ProposedTokens,
}

impl Proposer for DraftModel {
    fn name(&self) -> &str {
        &self.model.name
    }

    fn propose(&mut self, requests: &[ProposalRequest<'_>]) -> Vec<ProposedTokens> {
        let mut drafts: Vec<_> = requests.iter().map(|request| self.begin(request)).collect();
        loop {
            let mut open: Vec<_> = drafts.iter_mut().filter(|draft| !draft.pending.is_empty()).collect();
            if open.is_empty() {
                break;
            }
            if self.pass(&mut open).is_err() {
                // The caches are dropped, since their content is unknown. The larger model continues without proposals.
                return vec![ProposedTokens::default(); requests.len()];
            }
        }
        let end = |draft: DraftedSequence<'_>| {
            self.model.sequences.insert(draft.id, draft.sequence);
            draft.proposed
        };
        drafts.into_iter().map(end).collect()
    }

    fn vocabulary(&self) -> Option<VocabularyId> {
        Some(self.model.vocabulary())
    }

    fn seconds_per_token(&self) -> f64 {
        self.seconds_per_token
    }

    fn release(&mut self, id: SequenceId) {
        self.model.release(id);
    }
}

impl DraftModel {
    fn begin<'a>(&mut self, request: &ProposalRequest<'a>) -> DraftedSequence<'a> {
        let &ProposalRequest { id, tokens, max_tokens, sampler, gate } = request;
        let mut sequence = self.model.take_sequence(id);
        let cached = sequence.roll_back(tokens);
        let fits = tokens.len() + max_tokens <= self.model.decoder.config().context;
        let pending = if fits && max_tokens > 0 && !gate.is_closed() { tokens[cached..].to_vec() } else { Vec::new() };
        let (sampler, proposed) = (sampler.clone(), ProposedTokens::default());
        DraftedSequence { id, sequence, pending, sampler, gate, max_tokens, proposed }
    }

    /// One pass over what is pending, and a further proposal for each sequence whose pending tokens have all been run.
    fn pass(&mut self, open: &mut [&mut DraftedSequence<'_>]) -> Result<()> {
        let start = Instant::now();
        let (takes, _) = share_rows(open.iter().map(|draft| draft.pending.len()));
        let mut spans = Vec::with_capacity(open.len());
        for (draft, &take) in open.iter_mut().zip(&takes).filter(|(_, take)| **take > 0) {
            let outputs = if take == draft.pending.len() { Outputs::Last } else { Outputs::None };
            spans.push(Span { cache: &mut draft.sequence.cache, tokens: &draft.pending[..take], outputs });
        }
        let logits = self.model.logits(&mut spans)?;
        let mut rows = logits.chunks_exact(self.model.logits_width());
        for (draft, &take) in open.iter_mut().zip(&takes) {
            draft.sequence.cached_tokens.extend(draft.pending.drain(..take));
            if draft.pending.is_empty()
                && let Some(row) = rows.next()
            {
                draft.push_next(&self.model, row)?;
            }
        }
        if takes.iter().all(|&take| take == 1) {
            let seconds = start.elapsed().as_secs_f64() / takes.len() as f64;
            let average = self.seconds_per_token;
            self.seconds_per_token = if average == 0.0 { seconds } else { 0.9 * average + 0.1 * seconds };
        }
        Ok(())
    }
}

impl DraftedSequence<'_> {
    /// Proposes the token that is sampled from `logits`, if it is worth verifying.
    fn push_next(&mut self, model: &LocalModel, logits: &[f32]) -> Result<()> {
        let sampled = model.sample(&mut self.sampler, logits)?;
        let confidence = sampled.logprob.exp();
        // An end token saves no pass, since no token comes after it.
        if model.tokenizer.eos_ids().contains(&sampled.id) || !self.gate.admits(confidence) {
            return Ok(());
        }
        self.proposed.tokens.push(sampled.id);
        self.proposed.confidences.push(confidence);
        if self.proposed.tokens.len() < self.max_tokens {
            self.pending.push(sampled.id);
        }
        Ok(())
    }
}
