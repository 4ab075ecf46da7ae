//! A prefix as tokens.

use arbitrage_core::{Prefix, Step};

use super::LocalModel;
use super::speculation::Rejected;
use crate::error::{Error, Result};

impl LocalModel {
    /// Every token of a prefix in this model's vocabulary: the rendered prompt, then each step, by its own ids where they
    /// are ours and through its text where they are not.
    pub(super) fn encode(&self, prefix: &Prefix<'_>) -> Result<Vec<u32>> {
        if prefix.problem.question.trim().is_empty() {
            return Err(Error::EmptyPrompt { model: self.name.clone() });
        }
        let text = self.template.render(&self.prompt.messages(prefix.problem), true)?;
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
