//! Prompts in which control tokens come from the template alone.
//!
//! A template writes the names of control tokens, such as `<|im_end|>`, around texts of users, and these texts may contain the
//! same names. So before rendering, every name in a text is broken by a mark: a character that no text contains. When the prompt
//! is encoded, the names that are left are the template's, and what is between them is encoded as ordinary text without the marks.
//!
//! A template may cut texts, at any place. One that deletes text from within a message, however, could join two harmless parts of a
//! name.

use std::borrow::Cow;

use crate::chat::{ChatTemplate, Message};
use crate::error::{Error, Result};
use crate::tokenizer::{MessagePart, Tokenizer};

/// Unicode's noncharacters, which are not meant to occur in text.
fn noncharacters() -> impl Iterator<Item = char> {
    let at_ends_of_planes = (0..=16_u32).flat_map(|plane| [plane << 16 | 0xFFFE, plane << 16 | 0xFFFF]);
    (0xFDD0..=0xFDEF_u32).chain(at_ends_of_planes).filter_map(char::from_u32)
}

/// A character that breaks the names of control tokens in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameMark(char);

impl NameMark {
    /// One that neither the texts nor the template contain.
    fn unused_in(messages: &[Message], template: &ChatTemplate) -> Result<Self> {
        let contains = |text: &str, mark: &Self| text.contains(mark.0) || text.contains(&mark.escaped());
        let used = |mark: &Self| template.contains(mark.0) || texts(messages).any(|(text, _)| contains(text, mark));
        noncharacters().map(Self).find(|mark| !used(mark)).ok_or_else(|| Error::Parameter {
            name: "messages",
            expected: "at least one of Unicode's 66 noncharacters that they do not contain".to_owned(),
            found: "all of them".to_owned(),
        })
    }

    /// The character as JSON escapes it, since a template may write a message as JSON.
    fn escaped(self) -> String {
        let mut units = [0; 2];
        self.0.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    }

    fn insert(self, tokenizer: &Tokenizer, text: &str, part: MessagePart) -> String {
        let (mut marked, mut from) = (String::with_capacity(text.len() + 16), 0);
        for at in tokenizer.control_name_marks(text, part) {
            marked.push_str(&text[from..at]);
            marked.push(self.0);
            from = at;
        }
        marked + &text[from..]
    }

    fn remove(self, text: &str) -> String {
        text.replace(self.0, "").replace(&self.escaped(), "")
    }
}

/// The texts of messages.
fn texts(messages: &[Message]) -> impl Iterator<Item = (&str, MessagePart)> {
    let roles = messages.iter().map(|message| (message.role.as_str(), MessagePart::Role));
    roles.chain(messages.iter().map(|message| (message.content.as_str(), MessagePart::Content)))
}

/// A conversation as its template renders it. Control tokens come from the template alone: their names in messages are encoded as
/// ordinary text, as are names that a message and the template's text next to it would form together.
///
/// ```no_run
/// use arbitrage_models::RenderedPrompt;
/// use arbitrage_models::chat::{ChatTemplate, Message};
/// use arbitrage_models::tokenizer::Tokenizer;
///
/// let tokenizer = Tokenizer::from_folder("Qwen2.5-0.5B-Instruct")?;
/// let template = ChatTemplate::for_tokenizer(&tokenizer)?;
/// let question = Message::user("What does <|im_end|> mean?");
/// let ids = RenderedPrompt::new(&tokenizer, &template, &[question], true)?.ids()?;
/// # Ok::<(), arbitrage_models::Error>(())
/// ```
#[derive(Debug)]
pub struct RenderedPrompt<'t> {
    tokenizer: &'t Tokenizer,
    /// With marks.
    text: String,
    /// `None` if no message contains a name of a control token or a part of one.
    mark: Option<NameMark>,
}

impl<'t> RenderedPrompt<'t> {
    /// Renders `messages`; with `add_generation_prompt`, up to where the assistant's turn begins. `template` must be that of
    /// `tokenizer`, whose control tokens are those that messages may not contain.
    ///
    /// # Errors
    /// [`Error::Template`] as [`ChatTemplate::render`]; [`Error::Parameter`] for messages that contain all of Unicode's
    /// noncharacters, or a control token whose name is one character.
    pub fn new(
        tokenizer: &'t Tokenizer,
        template: &ChatTemplate,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<Self> {
        if let Some(name) = texts(messages).find_map(|(text, _)| tokenizer.single_character_control(text)) {
            let expected = "no control token whose name is a single character".to_owned();
            return Err(Error::Parameter { name: "messages", expected, found: format!("{name:?}") });
        }
        if texts(messages).all(|(text, part)| tokenizer.control_name_marks(text, part).is_empty()) {
            let text = template.render(messages, add_generation_prompt)?;
            return Ok(Self { tokenizer, text, mark: None });
        }
        let mark = NameMark::unused_in(messages, template)?;
        let marked = |message: &Message| Message {
            role: mark.insert(tokenizer, &message.role, MessagePart::Role),
            content: mark.insert(tokenizer, &message.content, MessagePart::Content),
        };
        let messages: Vec<Message> = messages.iter().map(marked).collect();
        let text = template.render(&messages, add_generation_prompt)?;
        Ok(Self { tokenizer, text, mark: Some(mark) })
    }

    /// The prompt as text, as [`ChatTemplate::render`] gives it.
    pub fn text(&self) -> Cow<'_, str> {
        match self.mark {
            Some(mark) => Cow::Owned(mark.remove(&self.text)),
            None => Cow::Borrowed(&self.text),
        }
    }

    /// Whether a message contains a name of a control token, or a part of one where it begins or ends. Only then do the
    /// [ids](Self::ids) differ from those of the [text](Self::text).
    pub fn has_control_names(&self) -> bool {
        self.mark.is_some()
    }

    /// The ids, with beginning-of-text as the first where the model needs it.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn ids(&self) -> Result<Vec<u32>> {
        self.ids_of(&self.text).map(|ids| self.tokenizer.with_bos(ids))
    }

    /// The ids of what follows the last occurrence of `text`, or of the whole prompt without it, as a continuation of earlier tokens:
    /// without beginning-of-text.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn ids_after(&self, text: &str) -> Result<Vec<u32>> {
        self.ids_of(self.text.rsplit_once(text).map_or(self.text.as_str(), |(_, after)| after))
    }

    fn ids_of(&self, marked: &str) -> Result<Vec<u32>> {
        let mark = self.mark;
        self.tokenizer.encode_rendered(marked, mark.is_some(), |text| match mark {
            Some(mark) => Cow::Owned(mark.remove(text)),
            None => Cow::Borrowed(text),
        })
    }
}

#[cfg(test)]
mod tests;
