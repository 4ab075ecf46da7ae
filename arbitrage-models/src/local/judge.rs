//! One forward pass about a step: the target as judge.

use arbitrage_core::BoxError;
use arbitrage_core::scorer::{NextToken, Question};

use super::LocalModel;
use crate::chat::Message;
use crate::decoder::{Outputs, Span};
use crate::error::{Error, Result};
use crate::sampler::log_softmax_at;

/// Stands for the assistant's text when the template is rendered to find out what follows it. Private-use characters, which
/// no template writes.
const PLACE: &str = "\u{E000}\u{E001}\u{E000}";

impl NextToken for LocalModel {
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        requests.iter().map(|request| self.answer(request).map_err(BoxError::from)).collect()
    }
}

impl LocalModel {
    /// Prefix and step keep their own ids in front, so that what the cache holds of them serves here too, and what this
    /// pass adds of the step serves the next.
    fn answer(&mut self, request: &Question<'_>) -> Result<Vec<f32>> {
        let choices = self.choices(request.choices)?;
        let mut tokens = self.encode(&request.prefix)?;
        tokens.extend(self.encode_step(request.step)?);
        tokens.extend(self.turn(request.instruction)?);
        let id = request.prefix.id;
        let mut sequence = self.take_sequence(id);
        let kept = sequence.roll_back(&tokens);
        let spans = &mut [Span { cache: &mut sequence.cache, tokens: &tokens[kept..], outputs: Outputs::Last }];
        let logits = self.logits(spans)?;
        let position = tokens.len();
        sequence.held = tokens;
        self.sequences.insert(id, sequence);
        // Padding is no answer, as it is no token that a step may hold.
        let logits = logits.get(..self.columns).unwrap_or_default();
        log_softmax_at(logits, &choices).map_err(|error| self.at_position(error, position))
    }

    /// The assistant's turn ends, the user asks, the assistant's next turn begins.
    fn turn(&self, instruction: &str) -> Result<Vec<u32>> {
        let messages = [Message::user(PLACE), Message::assistant(PLACE), Message::user(instruction)];
        let text = self.template.render(&messages, true)?;
        let after = text.rsplit_once(PLACE).map_or(instruction, |(_, after)| after);
        self.tokenizer.encode(after, true)
    }

    /// The columns of the logits that stand for `choices`.
    fn choices(&self, choices: &[&str]) -> Result<Vec<u32>> {
        let first = |choice: &&str| match self.tokenizer.encode(choice, false)?.as_slice() {
            [id] => self.column_of(*id).ok_or_else(|| Error::Parameter {
                name: "choice",
                expected: "a token that the head keeps".to_owned(),
                found: format!("`{choice}`, token {id}"),
            }),
            ids => Err(Error::Parameter {
                name: "choice",
                expected: "a text of one token".to_owned(),
                found: format!("`{choice}`, which takes {}", ids.len()),
            }),
        };
        choices.iter().map(first).collect()
    }
}
