//! The step of one sequence while it is generated.

use arbitrage_core::{Finish, Rewrite, SequenceId, Step, StepCost, StepCutter, StepRule, VocabularyId};

use super::LocalModel;
use super::forward_outputs::{NextTokenScores, TokenOutput};
use super::hidden_reader::GeneratedStates;
use super::speculation::{DraftRequest, RejectedStep, Verification};
use super::step_states::StepStates;
use crate::decoder::Cache;
use crate::error::Result;
use crate::profile::{Part, measure};
use crate::sampler::{SampledToken, Sampler, Sampling};
use crate::sequence::CachedSequence;
use crate::stream::TextStream;

/// The step of one sequence while it is generated.
pub(super) struct StepGeneration<'a> {
    pub id: SequenceId,
    pub sequence: CachedSequence,
    /// Tokens that are not in the cache yet: the rest of the prompt, then the token that was sampled last.
    pub pending: Vec<u32>,
    pub stream: TextStream,
    pub tokens: Vec<u32>,
    pub cost: StepCost,
    /// How the step ended, once it has. The error is one of this sequence alone.
    pub finish: Option<Result<Finish>>,
    /// The step that this one replaces, where its tokens can serve as speculative tokens.
    pub rejected: Option<RejectedStep>,
    /// Whether the likeliest token is taken every time.
    pub is_greedy: bool,
    sampler: Sampler,
    logprobs: Vec<f32>,
    first_entropy: Option<f32>,
    /// The states that the tokens were sampled from, where steps carry them.
    states: Option<StepStates>,
    cutter: StepCutter<'a>,
}

/// A step that is complete, and what the model keeps of it.
pub(super) struct FinishedStep {
    pub id: SequenceId,
    pub sequence: CachedSequence,
    pub step: Step,
    /// Where steps carry hidden states.
    pub states: Option<GeneratedStates>,
}

impl<'a> StepGeneration<'a> {
    /// Begins the step after the request's prefix, with what `sequence` has cached of it.
    pub(super) fn begin(
        model: &LocalModel,
        request: &Rewrite<'_>,
        rule: &StepRule<'a>,
        mut sequence: CachedSequence,
    ) -> Result<Self> {
        let prefix = &request.prefix;
        let tokens = model.encode(prefix)?;
        let config = model.decoder.config();
        if tokens.len() >= config.context {
            return Err(config.context_full(&model.name, tokens.len() + 1));
        }
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
            states: model.with_hidden.then(|| StepStates::new(config.hidden)),
            cutter: StepCutter::new(rule),
            finish: None,
            rejected: request.rejected.and_then(|step| model.rejected_step(step)),
            is_greedy: model.sampling.is_greedy(),
        })
    }

    /// Another draft of the step, which begins with a copy of what is cached of the prefix and with random numbers of its own.
    /// Nothing may have been sampled yet.
    pub(super) fn fork(&self, sampling: &Sampling, stream: u64, rule: &StepRule<'a>) -> Result<Self> {
        let cached = self.sequence.cached_tokens.len();
        let cache = self.sequence.cache.fork(cached);
        Ok(Self {
            id: SequenceId::fresh(),
            sequence: CachedSequence { cache, cached_tokens: self.sequence.cached_tokens.clone() },
            cost: StepCost::new(self.pending.len(), cached, 0, 0.0),
            pending: self.pending.clone(),
            sampler: Sampler::new(sampling, stream)?.with_entropy(true),
            stream: TextStream::new(),
            tokens: Vec::new(),
            logprobs: Vec::new(),
            first_entropy: None,
            states: self.states.as_ref().map(StepStates::without_rows),
            cutter: StepCutter::new(rule),
            finish: None,
            rejected: None,
            is_greedy: sampling.is_greedy(),
        })
    }

    /// Starts with a copy of another sequence's cache, which has the first `tokens` pending tokens.
    pub(super) fn start_from_cache(&mut self, cache: Cache, tokens: usize) {
        self.sequence = CachedSequence { cache, cached_tokens: self.pending.drain(..tokens).collect() };
        self.cost = StepCost::new(self.pending.len(), tokens, 0, 0.0);
    }

    /// Continues with `sequence`, in which further pending tokens were prefilled, in so many seconds for each token.
    pub(super) fn record_prefill(&mut self, sequence: CachedSequence, seconds: f64) {
        let prompt = self.cost.cached + self.cost.prefilled;
        let count = self.pending.len() + sequence.cached_tokens.len() - prompt;
        self.pending.drain(..count);
        self.sequence = sequence;
        self.cost.seconds += seconds * count as f64;
        self.cost.prefill_seconds += seconds * count as f64;
    }

    /// Asks for up to `limit` speculative tokens; `None` when step or context have no room for more than one further token.
    pub(super) fn draft_request(&self, model: &LocalModel, limit: usize) -> Option<DraftRequest<'_>> {
        let used = self.sequence.cached_tokens.len() + self.pending.len();
        let context = model.decoder.config().context.saturating_sub(used + 1);
        let step = self.cutter.room().saturating_sub(1);
        let max_tokens = step.min(context).min(limit);
        (max_tokens > 0).then(|| DraftRequest {
            id: self.id,
            tokens: [&self.sequence.cached_tokens, &self.pending],
            step_tokens: &self.tokens,
            rejected: self.rejected.as_ref(),
            max_tokens,
            sampler: &self.sampler,
        })
    }

    /// Samples a token from each of `outputs` for as long as the token before was the speculative one, and adds them to the step.
    /// Speculative tokens that were not accepted leave the cache.
    pub(super) fn accept_tokens(
        &mut self,
        model: &LocalModel,
        outputs: &[TokenOutput<'_>],
        speculative: &[u32],
    ) -> Verification {
        let mut verification = Verification { accepted: 0, next_was_rejected: false };
        for (at, output) in outputs.iter().enumerate() {
            let sampled = match self.sample_and_push(model, output) {
                Ok(sampled) => sampled,
                Err(error) => {
                    self.finish = Some(Err(error));
                    break;
                }
            };
            match speculative.get(at) {
                Some(&token) if token == sampled.id => {
                    verification.accepted += 1;
                    self.sequence.cached_tokens.extend(self.pending.pop());
                }
                other => {
                    verification.next_was_rejected = other.is_some();
                    break;
                }
            }
            if self.finish.is_some() {
                break;
            }
        }
        self.sequence.cache.truncate(self.sequence.cached_tokens.len());
        self.cost.guessed += speculative.len();
        self.cost.confirmed += verification.accepted;
        verification
    }

    fn sample_and_push(&mut self, model: &LocalModel, output: &TokenOutput<'_>) -> Result<SampledToken> {
        let position = self.sequence.cached_tokens.len();
        if let Some(states) = &mut self.states {
            states.push(output.hidden);
        }
        let sampled = match output.scores {
            NextTokenScores::Argmax(token) => token,
            NextTokenScores::Logits(logits) => {
                model.sample(&mut self.sampler, logits).map_err(|error| model.at_position(error, position))?
            }
        };
        self.push(model, sampled)?;
        Ok(sampled)
    }

    /// Adds a sampled token, and finds out whether the step ends with it.
    fn push(&mut self, model: &LocalModel, sampled: SampledToken) -> Result<()> {
        self.cost.decoded += 1;
        if self.tokens.is_empty() {
            self.first_entropy = sampled.entropy;
        }
        if model.tokenizer.eos_ids().contains(&sampled.id) {
            self.finish = Some(Ok(Finish::EndOfText));
            return Ok(());
        }
        let text_len = self.stream.text().len();
        measure(Part::Tokenizer, || self.stream.push(&model.tokenizer, sampled.id).map(drop))?;
        self.tokens.push(sampled.id);
        self.logprobs.push(sampled.logprob);
        self.pending.push(sampled.id);
        let text = &self.stream.text()[text_len..];
        let finish = if self.stream.is_holding() { self.cutter.push_incomplete(text) } else { self.cutter.push(text) };
        self.truncate(self.cutter.tokens());
        // A full context takes precedence: no step can follow, whatever else ended this one.
        let length = self.cost.cached + self.cost.prefilled + self.tokens.len();
        self.finish = if length >= model.decoder.config().context { Some(Finish::Context) } else { finish }.map(Ok);
        Ok(())
    }

    fn truncate(&mut self, count: usize) {
        self.tokens.truncate(count);
        self.logprobs.truncate(count);
    }

    /// Completes the step.
    pub(super) fn end(mut self, vocabulary: VocabularyId) -> Result<FinishedStep> {
        let finish = self.finish.take().unwrap_or(Ok(Finish::Length))?;
        let whole = self.cutter.drop_incomplete();
        self.truncate(whole);
        let mut step = self
            .cutter
            .into_step(finish)
            .with_tokens(self.tokens, vocabulary)
            .with_logprobs(self.logprobs)
            .with_cost(self.cost);
        step.first_entropy = self.first_entropy;
        let prefix_len = self.cost.cached + self.cost.prefilled;
        let state_count = StepStates::count(step.tokens.len(), step.finish);
        step.hidden = self.states.map(|states| states.summary(state_count));
        let tokens = || self.sequence.cached_tokens.iter().chain(&self.pending).take(prefix_len + step.tokens.len());
        let generated =
            |hidden| GeneratedStates { tokens: tokens().copied().collect(), prefix_len, state_count, hidden };
        let states = step.hidden.clone().map(generated);
        Ok(FinishedStep { id: self.id, sequence: self.sequence, step, states })
    }
}
