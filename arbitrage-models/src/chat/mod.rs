//! Chat templates: conversations as the prompt format that a model was trained on.
//!
//! A chat model comes with a Jinja template that writes the model's control tokens around each message. Templates are programs
//! from an untrusted file. They run in `minijinja` with limited work and memory and without access to files, and errors name the
//! template's line.

mod clock;
mod json;
mod stack;

pub use arbitrage_core::Message;

use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value, context};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Limit on the work of one rendering, in instructions and in blocks of 64 bytes that are allocated. Real templates need some
/// hundreds for each message and a few for each kilobyte. This limit is reached after a fraction of a second and at most 128 MB.
///
/// minijinja 3.1 does not count the concatenation of lists: a template that doubles a list 33 times (`t + t`) still exhausts the
/// memory.
const RENDER_FUEL: u64 = 2_000_000;
/// Longest prompt that a template may write, in bytes.
const MAX_PROMPT_BYTES: usize = 1 << 24;
/// Longest template, in bytes; real ones are shorter than 40 kB.
const MAX_TEMPLATE_BYTES: usize = 1 << 16;
/// Most characters of `+`, `*` and `~`. For chains of these operators, the library's constant folding takes time that grows with
/// the square of the length. Real templates have at most some hundreds.
const MAX_CHAINED_OPERATORS: usize = 2000;

const TEMPLATE_NAME: &str = "chat_template";

/// A checkpoint's chat template, parsed.
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
    environment: Option<Environment<'static>>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// The template that came with a tokenizer, or [`ChatTemplate::plain`] where none did, as with base models.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn for_tokenizer(tokenizer: &Tokenizer) -> Result<Self> {
        match tokenizer.chat_template() {
            Some(source) => Self::new(tokenizer.path(), source, tokenizer.bos_text(), tokenizer.eos_text()),
            None => Ok(Self { path: tokenizer.path().to_owned(), ..Self::plain() }),
        }
    }

    /// Parses `source`, which is from the file at `path`; `bos` and `eos` are the texts of the template's variables `bos_token` and
    /// `eos_token`.
    ///
    /// # Errors
    /// [`Error::Template`] when it does not parse or exceeds the limits on length and operators.
    pub fn new(path: impl AsRef<Path>, source: &str, bos: Option<&str>, eos: Option<&str>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let operators = source.bytes().filter(|byte| b"+*~".contains(byte)).count();
        let limits = [
            ("bytes", source.len(), MAX_TEMPLATE_BYTES),
            ("characters of `+`, `*` and `~`", operators, MAX_CHAINED_OPERATORS),
        ];
        if let Some((what, found, limit)) = limits.into_iter().find(|(_, found, limit)| found > limit) {
            return Err(Error::Template { path, reason: format!("expected at most {limit} {what}, found {found}") });
        }
        let mut environment = environment();
        let stack_bytes = stack::parser_stack_bytes(source.len());
        let parse = || environment.add_template_owned(TEMPLATE_NAME, source.to_owned());
        let parsed = stack::run_with_stack(stack_bytes, parse);
        if let Err(error) = parsed.map_err(|error| Error::io(&path, error))? {
            return Err(Error::Template { path, reason: reason(&error) });
        }
        let text = |token: Option<&str>| token.unwrap_or_default().to_owned();
        Ok(Self { path, environment: Some(environment), bos: text(bos), eos: text(eos) })
    }

    /// The plain format, for models without a template: each message's content and a newline.
    pub fn plain() -> Self {
        Self { path: PathBuf::new(), environment: None, bos: String::new(), eos: String::new() }
    }

    /// Whether this is the plain format.
    pub fn is_plain(&self) -> bool {
        self.environment.is_none()
    }

    /// The text of the beginning-of-text token; empty where there is none.
    #[cfg(feature = "remote")]
    pub(crate) fn bos_text(&self) -> &str {
        &self.bos
    }

    /// Whether the template's source contains `character`.
    pub(crate) fn contains(&self, character: char) -> bool {
        let source = self.environment.as_ref().and_then(|environment| environment.get_template(TEMPLATE_NAME).ok());
        source.is_some_and(|template| template.source().contains(character))
    }

    /// Fixes the date that the template may write into the prompt, as that of Llama 3.1 does, for runs that must be repeatable. The
    /// default is today.
    pub fn with_now(mut self, now: SystemTime) -> Self {
        if let Some(environment) = &mut self.environment {
            environment.add_function("strftime_now", move |format: String| clock::format(&format, now));
        }
        self
    }

    /// The prompt of a conversation; with `add_generation_prompt`, up to where the assistant's turn begins.
    ///
    /// # Errors
    /// [`Error::Template`] with the template's line when it fails or raises an exception, when it needs too much work or memory, or
    /// when the prompt exceeds 16 MiB.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let Some(environment) = &self.environment else {
            return Ok(messages.iter().map(|message| format!("{}\n", message.content)).collect());
        };
        let message =
            |one: &Message| Value::from_pairs([("role", one.role.as_str()), ("content", one.content.as_str())]);
        let render = || {
            let messages: Vec<Value> = messages.iter().map(message).collect();
            let (bos_token, eos_token) = (self.bos.as_str(), self.eos.as_str());
            let context = context! { messages, add_generation_prompt, bos_token, eos_token };
            let rendered = environment.get_template(TEMPLATE_NAME).and_then(|template| template.render(context));
            // An error owns the template's values. Dropping them recurses, so it must happen on this stack.
            rendered.map_err(|error| reason(&error))
        };
        let rendered =
            stack::run_with_stack(stack::RENDER_STACK_BYTES, render).map_err(|error| Error::io(&self.path, error))?;
        let prompt = rendered.map_err(|reason| Error::Template { path: self.path.clone(), reason })?;
        if prompt.len() > MAX_PROMPT_BYTES {
            let reason = format!("expected a prompt of at most {MAX_PROMPT_BYTES} bytes, found {}", prompt.len());
            return Err(Error::Template { path: self.path.clone(), reason });
        }
        Ok(prompt)
    }
}

/// An environment like that of transformers: lines with nothing but a block are removed (`trim_blocks`, `lstrip_blocks`), loops have
/// `break` and `continue`, and strings have Python's methods.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(RENDER_FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let mut syntax = SyntaxConfig::builder();
    if let Ok(syntax) = syntax.trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("raised by the template: {message}")))
    });
    environment.add_function("strftime_now", |format: String| clock::format(&format, SystemTime::now()));
    environment.add_filter("tojson", json::to_json);
    environment
}

/// The error as text, with the template's line.
fn reason(error: &minijinja::Error) -> String {
    let mut reason = match error.kind() {
        ErrorKind::OutOfFuel => "it needs too much work or memory; it may have an endless loop".to_owned(),
        kind => kind.to_string(),
    };
    if let Some(detail) = error.detail() {
        reason.push_str(&format!(": {detail}"));
    }
    match error.line() {
        Some(line) => format!("line {line}: {reason}"),
        None => reason,
    }
}

#[cfg(test)]
mod tests;
