//! Encoding of prompts whose control tokens come from the template alone.

use super::Tokenizer;
use super::control_names::MessagePart;
use super::pipeline::Pipeline;
use crate::error::Result;
use std::borrow::Cow;

/// The rules of a prompt without its control tokens.
pub(super) struct TextPipelines {
    /// For the text that a prompt begins with.
    pub first: Pipeline,
    /// For all other text.
    pub later: Pipeline,
    /// Whether a control token may be found in text that has not its name, but becomes its name when it is normalised.
    pub matches_normalized: bool,
}

impl Tokenizer {
    /// Where `text` must be marked so that no control token can be found in it.
    pub(crate) fn control_name_marks(&self, text: &str, part: MessagePart) -> Vec<usize> {
        self.control_names.mark_positions(text, part)
    }

    /// A control token in `text` that no mark can break, since its name is a single character.
    pub(crate) fn single_character_control(&self, text: &str) -> Option<char> {
        self.control_names.single_character(text)
    }

    /// The ids of a rendered prompt. Control tokens are found in `rendered` as it is, `marked` where users' texts contain names; the
    /// text between them goes through `unmark` and is then encoded as a whole, without any control tokens.
    pub(crate) fn encode_rendered<'r>(
        &self,
        rendered: &'r str,
        marked: bool,
        unmark: impl Fn(&'r str) -> Cow<'r, str>,
    ) -> Result<Vec<u32>> {
        if !marked && !self.text.matches_normalized {
            return self.encode_with(&self.prompt, rendered);
        }
        let mut ids = Vec::new();
        let encode_text = |from: usize, to: usize, ids: &mut Vec<u32>| -> Result<()> {
            let text = unmark(&rendered[from..to]);
            let pipeline = if from == 0 { &self.text.first } else { &self.text.later };
            if !text.is_empty() {
                ids.extend(self.encode_with(pipeline, &text)?);
            }
            Ok(())
        };
        let mut from = 0;
        for (range, id) in self.prompt.added_tokens(rendered) {
            // The template writes a name exactly. What only becomes one when it is normalised is a user's.
            let exact = self.name_of(id).is_some_and(|name| rendered[range.clone()].contains(name));
            if exact && self.is_special(id) {
                encode_text(from, range.start, &mut ids)?;
                ids.push(id);
                from = range.end;
            }
        }
        encode_text(from, rendered.len(), &mut ids)?;
        Ok(ids)
    }
}
