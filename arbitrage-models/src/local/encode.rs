//! Prefixes and steps as tokens.

use std::sync::PoisonError;

use arbitrage_core::{Prefix, Step};

use super::LocalModel;
use super::speculation::RejectedStep;
use crate::chat::Message;
use crate::error::{Error, Result};
use crate::profile::{Part, measure};
use crate::rendered_prompt::RenderedPrompt;
use crate::tokenizer::EncodeMode;

/// The tokens of a sequence's prompt. Each of its steps comes after them, and rendering and splitting a prompt take longer than a small
/// model's step.
pub(super) struct EncodedPrompt {
    messages: Vec<Message>,
    tokens: Vec<u32>,
}

impl LocalModel {
    /// All tokens of a prefix in this model's vocabulary: the rendered prompt, then each step. Control tokens are the template's
    /// alone, or those that a step of this vocabulary has.
    pub(super) fn encode(&self, prefix: &Prefix<'_>) -> Result<Vec<u32>> {
        if prefix.problem.question.trim().is_empty() {
            return Err(Error::EmptyPrompt { model: self.name.clone() });
        }
        let mut tokens = self.prompt_tokens(prefix)?;
        for accepted in prefix.steps {
            tokens.extend(self.encode_step(&accepted.step)?);
        }
        Ok(tokens)
    }

    /// The tokens of the prompt, which are kept for the sequence's later steps.
    fn prompt_tokens(&self, prefix: &Prefix<'_>) -> Result<Vec<u32>> {
        let messages = self.prompt.messages(prefix.problem);
        let mut prompts = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = prompts.get(&prefix.id).filter(|known| known.messages == messages) {
            return Ok(known.tokens.clone());
        }
        let tokens = self.encode_prompt(&messages)?;
        prompts.insert(prefix.id, EncodedPrompt { messages, tokens: tokens.clone() });
        Ok(tokens)
    }

    fn encode_prompt(&self, messages: &[Message]) -> Result<Vec<u32>> {
        let prompt = measure(Part::Template, || RenderedPrompt::new(&self.tokenizer, &self.template, messages, true))?;
        self.check_length(&prompt.text())?;
        let tokens = measure(Part::Tokenizer, || prompt.ids())?;
        if tokens.is_empty() {
            return Err(Error::EmptyPrompt { model: self.name.clone() });
        }
        Ok(tokens)
    }

    /// Refuses a prompt that is too long whatever its tokens are: splitting megabytes into tokens takes seconds.
    fn check_length(&self, prompt: &str) -> Result<()> {
        let config = self.decoder.config();
        let tokens = self.tokenizer.least_tokens(prompt);
        if tokens <= config.context { Ok(()) } else { Err(config.context_full(&self.name, tokens)) }
    }

    /// The step's own ids where they are of this vocabulary, otherwise the tokens of its text.
    pub(super) fn encode_step(&self, step: &Step) -> Result<Vec<u32>> {
        match step.vocabulary {
            Some(vocabulary) if vocabulary == self.vocabulary() => self.checked_ids(&step.tokens),
            _ => measure(Part::Tokenizer, || self.tokenizer.encode(&step.text, EncodeMode::Continuation)),
        }
    }

    /// A rejected step as a source of speculative tokens; `None` when it has no tokens in this vocabulary.
    pub(super) fn rejected_step(&self, step: &Step) -> Option<RejectedStep> {
        let tokens = self.encode_step(step).ok()?;
        Some(RejectedStep::new(tokens, &step.logprobs))
    }

    /// Refuses ids outside the vocabulary. They come from outside, and in a pass one of them would fail every sequence.
    fn checked_ids(&self, tokens: &[u32]) -> Result<Vec<u32>> {
        match tokens.iter().find(|&&id| id as usize >= self.token_count) {
            Some(id) => {
                let expected = format!("an id below {}", self.token_count);
                Err(Error::Parameter { name: "token", expected, found: id.to_string() })
            }
            None => Ok(tokens.to_vec()),
        }
    }
}
