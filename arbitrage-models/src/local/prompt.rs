//! How a question becomes a prompt.

use arbitrage_core::{Prefix, Step};

use super::LocalModel;
use super::speculation::Rejected;
use crate::chat::Message;
use crate::error::{Error, Result};

/// What a model is told beside the question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// The system message; empty for none.
    pub system: String,
    /// Added after the question, on a line of its own; empty for nothing.
    pub suffix: String,
}

impl Default for Prompt {
    /// Steps apart by blank lines, the answer in `\boxed{}`: what the default segmenter and the graders look for.
    fn default() -> Self {
        Self::system("Reason step by step. Separate steps with a blank line. Put the final answer within \\boxed{}.")
    }
}

impl Prompt {
    /// A system message and nothing else.
    pub fn system(text: impl Into<String>) -> Self {
        Self { system: text.into(), suffix: String::new() }
    }

    /// Neither system message nor suffix.
    pub fn none() -> Self {
        Self::system("")
    }

    /// Adds a line after the question.
    pub fn with_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    fn messages(&self, question: &str) -> Vec<Message> {
        let mut user = question.to_owned();
        if !self.suffix.is_empty() {
            user.push('\n');
            user.push_str(&self.suffix);
        }
        let system = (!self.system.is_empty()).then(|| Message::system(&self.system));
        system.into_iter().chain([Message::user(user)]).collect()
    }
}

impl LocalModel {
    /// Every token of a prefix in this model's vocabulary: the rendered prompt, then each step, by its own ids where they
    /// are ours and through its text where they are not.
    pub(super) fn encode(&self, prefix: &Prefix<'_>) -> Result<Vec<u32>> {
        let question = prefix.problem.question.trim();
        if question.is_empty() {
            return Err(Error::EmptyPrompt { model: self.name.clone() });
        }
        let text = self.template.render(&self.prompt.messages(question), true)?;
        let mut tokens = self.tokenizer.encode_prompt(&text)?;
        for accepted in prefix.steps {
            tokens.extend(self.encode_step(&accepted.step)?);
        }
        Ok(tokens)
    }

    pub(super) fn encode_step(&self, step: &Step) -> Result<Vec<u32>> {
        match step.vocabulary {
            Some(vocabulary) if vocabulary == self.vocabulary() => self.known(&step.tokens),
            _ => self.tokenizer.encode(&step.text, false),
        }
    }

    /// A step of another model as a guess at one of this model's, if it can be put into tokens.
    pub(super) fn as_guess(&self, step: &Step) -> Option<Rejected> {
        let tokens = self.encode_step(step).ok()?;
        Some(Rejected::new(tokens, &step.logprobs))
    }

    /// Ids that were not sampled here may be anything. In a pass, a wrong one would fail every sequence of it.
    fn known(&self, tokens: &[u32]) -> Result<Vec<u32>> {
        match tokens.iter().find(|&&id| id as usize >= self.tokens) {
            Some(id) => {
                let expected = format!("an id below {}", self.tokens);
                Err(Error::Parameter { name: "token", expected, found: id.to_string() })
            }
            None => Ok(tokens.to_vec()),
        }
    }
}
