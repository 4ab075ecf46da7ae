//! A step in the making.

use arbitrage_core::{Finish, Rewrite, SequenceId, Step, StepCost, StepRule, VocabularyId};

use super::LocalModel;
use super::hidden::Written;
use super::rows::{Row, Scores};
use super::speculation::{Ask, Rejected};
use super::states::States;
use crate::decoder::Cache;
use crate::error::{Error, Result};
use crate::sampler::{Choice, Sampler};
use crate::sequence::Sequence;
use crate::stream::TextStream;

/// One sequence's step while it is written.
pub(super) struct Writing {
    pub id: SequenceId,
    pub sequence: Sequence,
    /// Tokens that are not in the cache yet: the rest of the prompt, then the token sampled last.
    pub pending: Vec<u32>,
    pub stream: TextStream,
    pub tokens: Vec<u32>,
    pub cost: StepCost,
    /// How the step ended, once it has: with an error that is this sequence's own, for instance.
    pub finish: Option<Result<Finish>>,
    /// The step that this one replaces, as far as it is a guess.
    pub rejected: Option<Rejected>,
    sampler: Sampler,
    logprobs: Vec<f32>,
    first_entropy: Option<f32>,
    /// The state that each token was drawn from, where steps are to carry them.
    states: Option<States>,
    /// Length of the complete text after each token, and whether the token ended inside a character.
    edges: Vec<(usize, bool)>,
}

impl Writing {
    /// The step after the request's prefix, by `model`, from what `sequence` holds of it.
    pub fn begin(model: &LocalModel, request: &Rewrite<'_>, mut sequence: Sequence) -> Result<Self> {
        let prefix = &request.prefix;
        let tokens = model.encode(prefix)?;
        let context = model.decoder.config().context;
        if tokens.len() >= context {
            return Err(Error::ContextFull { model: model.name.clone(), tokens: tokens.len() + 1, context });
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
            states: model.hidden.then(|| States::new(model.decoder.config().hidden)),
            edges: Vec::new(),
            finish: None,
            rejected: request.rejected.and_then(|step| model.as_guess(step)),
        })
    }

    /// Begins with a cache of the first so many tokens that are pending, which another sequence has read.
    pub fn take_over(&mut self, cache: Cache, tokens: usize) {
        self.sequence = Sequence { cache, held: self.pending.drain(..tokens).collect() };
        self.cost = StepCost::new(self.pending.len(), tokens, 0, 0.0);
    }

    /// Goes on with `sequence`, in which more of what was pending was read, in so many seconds a token.
    pub fn has_read(&mut self, sequence: Sequence, seconds: f64) {
        let more = self.pending.len() + sequence.held.len() - (self.cost.cached + self.cost.prefilled);
        self.pending.drain(..more);
        self.sequence = sequence;
        self.cost.seconds += seconds * more as f64;
        self.cost.prefill_seconds += seconds * more as f64;
    }

    /// The question what may come next, at most `most` tokens, unless no more than a token fits into the step or
    /// the context.
    pub fn ask(&self, model: &LocalModel, rule: &StepRule<'_>, most: usize) -> Option<Ask<'_>> {
        let context = model.decoder.config().context.saturating_sub(self.sequence.held.len() + self.pending.len() + 1);
        let step = rule.max_tokens.saturating_sub(self.tokens.len() + 1);
        let most = step.min(context).min(most);
        (most > 0).then(|| Ask {
            id: self.id,
            tokens: [&self.sequence.held, &self.pending],
            written: &self.tokens,
            rejected: self.rejected.as_ref(),
            most,
            sampler: &self.sampler,
        })
    }

    /// Takes in the tokens that the model draws from `rows`, for as long as they are what was guessed. Says how many
    /// guesses came true and whether the next did not. All that is drawn is written; what was run in vain leaves the cache.
    pub fn take_in(
        &mut self,
        model: &LocalModel,
        rows: &[Row<'_>],
        guesses: &[u32],
        rule: &StepRule<'_>,
    ) -> (usize, bool) {
        let (mut confirmed, mut refuted) = (0, false);
        for (at, row) in rows.iter().enumerate() {
            let choice =
                match self.choose(model, row).and_then(|choice| self.push(model, choice, rule).map(|()| choice)) {
                    Ok(choice) => choice,
                    Err(error) => {
                        self.finish = Some(Err(error));
                        break;
                    }
                };
            match guesses.get(at) {
                Some(&guess) if guess == choice.id => {
                    confirmed += 1;
                    self.sequence.held.extend(self.pending.pop());
                }
                guess => {
                    refuted = guess.is_some();
                    break;
                }
            }
            if self.finish.is_some() {
                break;
            }
        }
        self.sequence.cache.truncate(self.sequence.held.len());
        self.cost.guessed += guesses.len();
        self.cost.confirmed += confirmed;
        (confirmed, refuted)
    }

    fn choose(&mut self, model: &LocalModel, row: &Row<'_>) -> Result<Choice> {
        let position = self.sequence.held.len();
        if let Some(states) = &mut self.states {
            states.push(row.hidden);
        }
        match row.scores {
            Scores::Best(choice) => Ok(choice),
            Scores::Logits(logits) => {
                model.draw(&mut self.sampler, logits).map_err(|error| model.at_position(error, position))
            }
        }
    }

    /// Takes the chosen token in and sees whether the step ends with it.
    fn push(&mut self, model: &LocalModel, choice: Choice, rule: &StepRule<'_>) -> Result<()> {
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
        // A full context comes first: whatever else ends the step, no other can follow it.
        self.finish = if self.cost.cached + self.cost.prefilled + self.tokens.len() >= model.decoder.config().context {
            Some(Ok(Finish::Context))
        } else if boundary.is_some() {
            Some(Ok(Finish::Boundary))
        } else {
            (self.tokens.len() >= rule.max_tokens).then_some(Ok(rule.finish_at(self.tokens.len())))
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

    /// The step, and what is to be kept of it: the sequence, and its hidden states where it carries them.
    pub fn end(mut self, vocabulary: VocabularyId) -> Result<(Sequence, SequenceId, Step, Option<Written>)> {
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
        let (prefix, count) = (self.cost.cached + self.cost.prefilled, States::count(step.tokens.len(), step.finish));
        step.hidden = self.states.map(|states| states.summary(count));
        let of_text = || self.sequence.held.iter().chain(&self.pending).take(prefix + step.tokens.len());
        let written = |hidden| Written { tokens: of_text().copied().collect(), prefix, count, hidden };
        let written = step.hidden.clone().map(written);
        Ok((self.sequence, self.id, step, written))
    }
}
