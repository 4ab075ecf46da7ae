//! Chat templates: conversations as the prompt format that a model was trained on.
//!
//! A chat model comes with a Jinja template that writes the model's control tokens around each message. A template is rendered as
//! transformers renders it, byte for byte, or refused with the line of what is not supported. Templates are programs from an untrusted
//! file: they run with limited work, memory and recursion, and without access to files.
//!
//! `minijinja` parses them. Values, operators, methods and filters are this module's own: they follow Python and pay for what they do.

mod allowance;
mod arguments;
mod casing;
mod clock;
mod compare;
mod container_methods;
mod engine;
mod expressions;
mod fault;
mod filters;
mod functions;
mod json;
mod loops;
mod macros;
mod operators;
mod percent;
mod predicates;
mod renderer;
mod sequence_filters;
mod show;
mod slicing;
mod splitting;
mod stack;
mod syntax;
mod system;
mod text_methods;
mod value;

pub use arbitrage_core::Message;

use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;
use engine::Conversation;
use fault::Evaluated;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use system::SystemMessages;

/// Longest prompt that a template may write, in bytes.
const MAX_PROMPT_BYTES: usize = 1 << 24;
/// Longest template, in bytes; real ones are shorter than 40 kB.
const MAX_TEMPLATE_BYTES: usize = 1 << 16;

const TEMPLATE_NAME: &str = "chat_template";

/// A checkpoint's chat template.
///
/// ```
/// use arbitrage_models::chat::{ChatTemplate, Message};
///
/// let source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<bot>{% endif %}";
/// let template = ChatTemplate::new("model.gguf", source, None, None)?;
/// assert_eq!(template.render(&[Message::user("1 + 1?")], true)?, "<user>1 + 1?<bot>");
/// assert_eq!(ChatTemplate::plain().render(&[Message::user("1 + 1?")], true)?, "1 + 1?\n");
/// # Ok::<(), arbitrage_models::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    path: PathBuf,
    /// `None` for the plain format.
    source: Option<Arc<str>>,
    /// The template's variables for special tokens, such as `bos_token`.
    tokens: Vec<(String, String)>,
    /// `None` for the time of each rendering.
    now: Option<SystemTime>,
    system: SystemMessages,
    warnings: Vec<String>,
}

impl ChatTemplate {
    /// The template that came with a tokenizer, or the plain format with a warning where none did, as with base models.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn for_tokenizer(tokenizer: &Tokenizer) -> Result<Self> {
        Self::with_tokens(tokenizer.path(), tokenizer.chat_template().unwrap_or_default(), tokenizer.template_tokens())
    }

    /// Parses `source`, which is from the file at `path`; `bos` and `eos` are the texts of the template's variables `bos_token` and
    /// `eos_token`, which are undefined where there is none.
    ///
    /// # Errors
    /// [`Error::Template`] when it does not parse or is longer than 64 KiB.
    pub fn new(path: impl AsRef<Path>, source: &str, bos: Option<&str>, eos: Option<&str>) -> Result<Self> {
        let tokens = [("bos_token", bos), ("eos_token", eos)];
        Self::with_tokens(path, source, tokens.into_iter().filter_map(|(name, text)| Some((name, text?))))
    }

    /// Like [`ChatTemplate::new`], with the text of every special token by the name of its variable, such as `pad_token`.
    ///
    /// A source without anything in it counts as none: the plain format is used, with a warning. It is also tried out whether the
    /// template takes a system message: see [`ChatTemplate::warnings`].
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn with_tokens<'t>(
        path: impl AsRef<Path>,
        source: &str,
        tokens: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self> {
        let tokens = tokens.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let mut template = Self { path: path.as_ref().to_owned(), tokens, ..Self::plain() };
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(template.error(format!("expected at most {MAX_TEMPLATE_BYTES} bytes, found {}", source.len())));
        }
        let source = syntax::normalized(source);
        if source.trim().is_empty() {
            template.warnings.push("no chat template: the plain format is used, each message on a line".to_owned());
            return Ok(template);
        }
        let checked = engine::check(&source).map_err(|error| Error::io(&template.path, error))?;
        checked.map_err(|fault| template.error(fault.reason()))?;
        template.source = Some(source.into());
        template.system = system::tried_out(&template)?;
        template.warnings.extend(template.system.warning());
        Ok(template)
    }

    /// The plain format, for models without a template: each message's content and a newline.
    pub fn plain() -> Self {
        Self {
            path: PathBuf::new(),
            source: None,
            tokens: Vec::new(),
            now: None,
            system: SystemMessages::Accepted,
            warnings: Vec::new(),
        }
    }

    /// Whether this is the plain format.
    pub fn is_plain(&self) -> bool {
        self.source.is_none()
    }

    /// What a user should know: that there is no template; that the template refuses a system message, whose text is then put before
    /// that of the first user message; or that it leaves system messages out.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The text of the beginning-of-text token; empty where there is none.
    #[cfg(feature = "remote")]
    pub(crate) fn bos_text(&self) -> &str {
        self.tokens.iter().find(|(name, _)| name == "bos_token").map_or("", |(_, text)| text.as_str())
    }

    /// Whether the template's source contains `character`.
    pub(crate) fn contains(&self, character: char) -> bool {
        self.source.as_ref().is_some_and(|source| source.contains(character))
    }

    /// Fixes the date that the template may write into the prompt, as that of Llama 3.1 does, for runs that must be repeatable. The
    /// default is today.
    pub fn with_now(mut self, now: SystemTime) -> Self {
        self.now = Some(now);
        self
    }

    /// The prompt of a conversation; with `add_generation_prompt`, up to where the assistant's turn begins.
    ///
    /// # Errors
    /// [`Error::Template`] with the template's line when it fails, raises an exception, or asks for what is not supported; when it
    /// needs too much work or memory; and when the prompt is empty or exceeds 16 MiB.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let messages = self.system.arranged(messages);
        let rendered = self.rendered(&messages, add_generation_prompt, allowance::RENDER_WORK)?;
        let prompt = rendered.map_err(|fault| self.error(fault.reason()))?;
        if prompt.len() > MAX_PROMPT_BYTES {
            let reason = format!("expected a prompt of at most {MAX_PROMPT_BYTES} bytes, found {}", prompt.len());
            return Err(self.error(reason));
        }
        let is_blank = |text: &str| text.trim().is_empty();
        if prompt.is_empty() || (is_blank(&prompt) && !messages.iter().all(|message| is_blank(&message.content))) {
            return Err(self.error("the prompt is empty: the template writes nothing of the messages".to_owned()));
        }
        Ok(prompt)
    }

    /// What the template writes, within `work`.
    fn rendered(&self, messages: &[Message], add_generation_prompt: bool, work: usize) -> Result<Evaluated<String>> {
        let Some(source) = &self.source else {
            return Ok(Ok(messages.iter().map(|message| format!("{}\n", message.content)).collect()));
        };
        let now = self.now.unwrap_or_else(SystemTime::now);
        // Some templates go over all characters of a message.
        let work = work + messages.iter().map(|message| message.content.len()).sum::<usize>() * 16;
        let conversation = Conversation { messages, add_generation_prompt, tokens: &self.tokens, now };
        engine::render(source, &conversation, work).map_err(|error| Error::io(&self.path, error))
    }

    fn error(&self, reason: String) -> Error {
        Error::Template { path: self.path.clone(), reason }
    }
}

#[cfg(test)]
mod tests;
