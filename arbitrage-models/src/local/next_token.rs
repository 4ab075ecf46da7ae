//! Log-probabilities of the next token after a question about a step: how the target serves as a judge.

use arbitrage_core::BoxError;
use arbitrage_core::scorer::{NextToken, Question};

use super::LocalModel;
use crate::chat::Message;
use crate::decoder::{Outputs, Span};
use crate::error::{Error, Result};
use crate::profile::{Part, measure};
use crate::rendered_prompt::RenderedPrompt;
use crate::sampler::log_softmax_at;
use crate::tokenizer::EncodeMode;

/// Stands for the assistant's text when the template is rendered to find out what follows it. These are private-use characters,
/// which no template writes.
const PLACEHOLDER: [char; 2] = ['\u{E000}', '\u{E001}'];

impl NextToken for LocalModel {
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        measure(Part::Rest, || requests.iter().map(|request| self.answer(request).map_err(BoxError::from)).collect())
    }
}

impl LocalModel {
    /// Prefix and step come first, with the ids that they have in the sequence. So the cached tokens of the prefix are reused, and
    /// the step's tokens that this pass caches are reused by the next one.
    fn answer(&mut self, request: &Question<'_>) -> Result<Vec<f32>> {
        let choices = self.choice_ids(request.choices)?;
        let mut tokens = self.encode(&request.prefix)?;
        tokens.extend(self.encode_step(request.step)?);
        tokens.extend(self.encode_user_turn(request.instruction)?);
        let id = request.prefix.id;
        let mut sequence = self.take_sequence(id);
        let cached = sequence.roll_back(&tokens);
        let spans = &mut [Span { cache: &mut sequence.cache, tokens: &tokens[cached..], outputs: Outputs::Last }];
        let logits = self.logits(spans)?;
        let position = tokens.len();
        sequence.cached_tokens = tokens;
        self.sequences.insert(id, sequence);
        // The rows that pad the vocabulary are not possible answers: no step may contain them either.
        let logits = logits.get(..self.token_count).unwrap_or_default();
        log_softmax_at(logits, &choices).map_err(|error| self.at_position(error, position))
    }

    /// The tokens that end the assistant's turn, ask `instruction` as the user, and begin the assistant's next turn.
    fn encode_user_turn(&self, instruction: &str) -> Result<Vec<u32>> {
        // One more than the instruction has of the first character in a row, so that it cannot contain the placeholder.
        let [repeated, last] = PLACEHOLDER;
        let count = instruction.matches(repeated).count() + 1;
        let placeholder = format!("{}{last}", repeated.to_string().repeat(count));
        let messages = [Message::user(&placeholder), Message::assistant(&placeholder), Message::user(instruction)];
        RenderedPrompt::new(&self.tokenizer, &self.template, &messages, true)?.ids_after(&placeholder)
    }

    /// The ids of `choices`, each of which has to be a single token.
    fn choice_ids(&self, choices: &[&str]) -> Result<Vec<u32>> {
        let id = |choice: &&str| match self.tokenizer.encode(choice, EncodeMode::Continuation)?.as_slice() {
            [id] => Ok(*id),
            ids => Err(Error::Parameter {
                name: "choice",
                expected: "a text of one token".to_owned(),
                found: format!("`{choice}`, which has {} tokens", ids.len()),
            }),
        };
        choices.iter().map(id).collect()
    }
}
