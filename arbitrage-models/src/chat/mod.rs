//! Conversations as the text that a model was trained on.
//!
//! A chat model comes with a Jinja template that writes its own marks around each message. Templates are programs from
//! an untrusted file: they run in `minijinja` with a budget of work and memory, without any access to files, and a
//! failure names the template's line.

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

/// Units of work for one rendering: an instruction, or 64 bytes made. Real templates take some hundreds for each message
/// and a few for each kilobyte; this stops after a fraction of a second and at most 128 MB.
///
/// One thing goes uncounted in minijinja 3.1: lists that are added to each other. A template that doubles a list 33 times
/// (`t + t`) still fills the memory.
const FUEL: u64 = 2_000_000;
/// The longest prompt that a template may write, in bytes.
const LONGEST: usize = 1 << 24;
/// The longest template, in bytes; real ones stay below 40 kB.
const LONGEST_TEMPLATE: usize = 1 << 16;
/// Most sums, products and joins. The library folds constants anew for every link of a chain, in time that grows with the
/// square of its length; real templates have some hundreds at most.
const MOST_JOINS: usize = 2000;

const NAME: &str = "chat_template";

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
    /// `None` for the plain form.
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

    /// Parses `source`, which came from the file at `path`; `bos` and `eos` are the texts of the tokens that the template
    /// knows as `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// [`Error::Template`] when it does not parse or is beyond all proportion.
    pub fn new(path: impl AsRef<Path>, source: &str, bos: Option<&str>, eos: Option<&str>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let joins = source.bytes().filter(|byte| b"+*~".contains(byte)).count();
        for (what, found, most) in
            [("bytes", source.len(), LONGEST_TEMPLATE), ("of `+`, `*` and `~`", joins, MOST_JOINS)]
        {
            if found > most {
                return Err(Error::Template { path, reason: format!("expected at most {most} {what}, found {found}") });
            }
        }
        let mut environment = environment();
        let parsed =
            stack::with(stack::of_parser(source.len()), || environment.add_template_owned(NAME, source.to_owned()));
        if let Err(error) = parsed.map_err(|error| Error::io(&path, error))? {
            return Err(Error::Template { path, reason: reason(&error) });
        }
        let text = |token: Option<&str>| token.unwrap_or_default().to_owned();
        Ok(Self { path, environment: Some(environment), bos: text(bos), eos: text(eos) })
    }

    /// For models without a template: each message's content and a newline, nothing more.
    pub fn plain() -> Self {
        Self { path: PathBuf::new(), environment: None, bos: String::new(), eos: String::new() }
    }

    /// Whether this is the plain form.
    pub fn is_plain(&self) -> bool {
        self.environment.is_none()
    }

    /// What the template writes for the beginning-of-text token; empty for none.
    #[cfg(feature = "remote")]
    pub(crate) fn bos_text(&self) -> &str {
        &self.bos
    }

    /// Fixes the day that the template may write into its prompt (Llama 3.1 does), which is today otherwise: for runs that
    /// must be repeatable.
    pub fn with_now(mut self, now: SystemTime) -> Self {
        if let Some(environment) = &mut self.environment {
            environment.add_function("strftime_now", move |format: String| clock::format(&format, now));
        }
        self
    }

    /// The prompt of a conversation; with `add_generation_prompt`, up to where the assistant's turn begins.
    ///
    /// # Errors
    /// [`Error::Template`] with the template's line when it fails or raises an exception, when it takes too much work or
    /// memory, or when the prompt passes 16 MiB.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let Some(environment) = &self.environment else {
            return Ok(messages.iter().map(|message| format!("{}\n", message.content)).collect());
        };
        let turn =
            |turn: &Message| Value::from_pairs([("role", turn.role.as_str()), ("content", turn.content.as_str())]);
        let render = || {
            let messages: Vec<Value> = messages.iter().map(turn).collect();
            let (bos_token, eos_token) = (self.bos.as_str(), self.eos.as_str());
            let context = context! { messages, add_generation_prompt, bos_token, eos_token };
            let rendered = environment.get_template(NAME).and_then(|template| template.render(context));
            // An error holds the template's values, which only this stack can drop.
            rendered.map_err(|error| reason(&error))
        };
        let rendered = stack::with(stack::OF_VALUES, render).map_err(|error| Error::io(&self.path, error))?;
        let prompt = rendered.map_err(|reason| Error::Template { path: self.path.clone(), reason })?;
        if prompt.len() > LONGEST {
            let reason = format!("expected a prompt of at most {LONGEST} bytes, found {}", prompt.len());
            return Err(Error::Template { path: self.path.clone(), reason });
        }
        Ok(prompt)
    }
}

/// The dialect of the reference implementation: blocks take their line with them, `break` and `continue` work, strings
/// have Python's methods.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let mut syntax = SyntaxConfig::builder();
    if let Ok(syntax) = syntax.trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("the template says: {message}")))
    });
    environment.add_function("strftime_now", |format: String| clock::format(&format, SystemTime::now()));
    environment.add_filter("tojson", json::to_json);
    environment
}

/// What went wrong, with its line.
fn reason(error: &minijinja::Error) -> String {
    let mut reason = match error.kind() {
        ErrorKind::OutOfFuel => "it takes too much work or memory: an endless loop?".to_owned(),
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
