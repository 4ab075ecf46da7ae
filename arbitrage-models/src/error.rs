//! Errors of files, models and text.
//!
//! Model files, tokenizers and templates are untrusted input: an error names the file and the field in it, and says what was expected and
//! what was found, so that the reader knows what to do next.

use std::path::{Path, PathBuf};

/// The error of everything in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open, read or write a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
        #[source]
        source: std::io::Error,
    },
    /// A file holds fewer bytes than it declares.
    #[error("{}: {expected} bytes expected, {found} found: incomplete download?", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the header (or the format itself) calls for.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A field of a file does not have the content that its format requires.
    #[error("{}: {field}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// A JSON pointer, a metadata key, or a tensor's name.
        field: String,
        /// What the format or the model requires.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file or folder is something else than a model that can be read here.
    #[error("{}: {what}; {advice}", path.display())]
    NotAModel {
        /// The file or folder.
        path: PathBuf,
        /// What it is, such as a Git LFS pointer or a LoRA adapter.
        what: String,
        /// What to do next.
        advice: String,
    },
    /// A model that cannot be written in another format without changing what it computes.
    #[error("{}: {what}; {advice}", path.display())]
    NotConvertible {
        /// The model's file or folder.
        path: PathBuf,
        /// What the other format cannot express.
        what: String,
        /// What to do next.
        advice: String,
    },
    /// Tensors are missing or of a wrong shape, with all problems at once.
    #[error("{}: {report}", path.display())]
    Weights {
        /// The file or folder.
        path: PathBuf,
        /// The problems, one on each line, with the nearest names.
        report: String,
    },
    /// A NaN or an infinity where a number was expected.
    #[error(
        "{model}: {place}: a value is not finite (index {index}); the weights are corrupt or the arithmetic overflowed"
    )]
    NotFinite {
        /// The model's name.
        model: String,
        /// The layer or stage, such as `layer 3` or `logits at token 17`.
        place: String,
        /// Flat index of the first such value.
        index: usize,
    },
    /// A sequence does not fit the model's context.
    #[error("{model}: {tokens} tokens do not fit a context of {context} ({context_key})")]
    ContextFull {
        /// The model's name.
        model: String,
        /// Tokens of the sequence, with at least one to be generated.
        tokens: usize,
        /// The model's context in tokens.
        context: usize,
        /// The key of the model's file that bounds the context.
        context_key: String,
    },
    /// A prompt without any text or token.
    #[error("{model}: the prompt is empty")]
    EmptyPrompt {
        /// The model's name.
        model: String,
    },
    /// A parameter lies outside its range.
    #[error("{name}: expected {expected}, found {found}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its range.
        expected: String,
        /// The value given.
        found: String,
    },
    /// The tokenizer refused a text or an id.
    #[error("tokenizer {}: {reason}", path.display())]
    Tokenizer {
        /// The file that the tokenizer came from.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The chat template failed, needed too much work or memory, or wrote too much or nothing.
    #[error("chat template of {}: {reason}", path.display())]
    Template {
        /// The file that the template came from.
        path: PathBuf,
        /// What went wrong, with the template's line when known.
        reason: String,
    },
    /// A device was asked for that was not compiled in or not found.
    #[error("device `{asked}`: {reason}; compiled in: {compiled}; found: {found}")]
    Device {
        /// The device as the user wrote it.
        asked: String,
        /// Why it is not available.
        reason: String,
        /// Backends that were compiled in.
        compiled: String,
        /// Devices that this machine has for them.
        found: String,
    },
    /// The caller ended the work before it was done.
    #[error("cut off after {done} of {of} steps; progress is saved, and the same call continues from there")]
    CutOff {
        /// Steps that are done.
        done: usize,
        /// Steps in total.
        of: usize,
    },
    /// A model is in no cache and could not be downloaded.
    #[error("model `{name}` is not available:\n{tried}")]
    Source {
        /// The model's name.
        name: String,
        /// One line for each source that was tried, with its failure, and then what to do.
        tried: String,
    },
    /// A file's digest differs from the registry's.
    #[error("{}: SHA-256 expected {expected}, found {found}: corrupt or tampered download; it was not kept", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// The registry's digest, hexadecimal.
        expected: String,
        /// The file's digest, hexadecimal.
        found: String,
    },
}

impl Error {
    /// Wraps a system error with the file that it concerns.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_owned(), source }
    }

    /// The error of a `path` that is `what` rather than a model that can be read; `advice` says what to do next.
    pub(crate) fn not_a_model(path: impl AsRef<Path>, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::NotAModel { path: path.as_ref().to_owned(), what: what.into(), advice: advice.into() }
    }

    /// The error of a field of `path` that has the wrong content.
    pub fn format(
        path: impl AsRef<Path>,
        field: impl Into<String>,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self::Format {
            path: path.as_ref().to_owned(),
            field: field.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
