//! Tables of invalid inputs with the error that each must give: typed, naming file and field, quickly and with little memory.

pub(crate) mod alloc;
pub(crate) mod build;
pub(crate) mod config;
pub(crate) mod folder;
pub(crate) mod gguf_header;
pub(crate) mod gguf_tensors;
pub(crate) mod index;
pub(crate) mod safetensors;
pub(crate) mod template;
pub(crate) mod tokenizer;
pub(crate) mod vocabulary;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use arbitrage_models::Error;
use tempfile::TempDir;

/// Most time for one input.
const MAX_TIME: Duration = Duration::from_secs(1);
/// Most memory for one input: a fixed part, and a part for each byte of its files.
const MAX_BYTES: usize = 16 << 20;
const MAX_BYTES_PER_BYTE: usize = 8;
/// Longest message: a hostile file must not fill the terminal.
const MAX_MESSAGE_BYTES: usize = 4096;

/// What a case does with the folder of its input.
pub(crate) type Act = fn(&Path) -> Result<(), Error>;

/// The variants of [`Error`] that inputs may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Io,
    Truncated,
    NotAModel,
    Format,
    Weights,
    NotFinite,
    Tokenizer,
    Template,
}

impl Kind {
    fn of(error: &Error) -> Option<Self> {
        Some(match error {
            Error::Io { .. } => Self::Io,
            Error::Truncated { .. } => Self::Truncated,
            Error::NotAModel { .. } => Self::NotAModel,
            Error::Format { .. } => Self::Format,
            Error::Weights { .. } => Self::Weights,
            Error::NotFinite { .. } => Self::NotFinite,
            Error::Tokenizer { .. } => Self::Tokenizer,
            Error::Template { .. } => Self::Template,
            _ => return None,
        })
    }

    /// Phrases of every message of this kind.
    fn phrases(self) -> &'static [&'static str] {
        match self {
            Self::Truncated => &[" expected, ", " found", "incomplete download?"],
            Self::Format => &["expected ", "found "],
            Self::NotFinite => &["is not finite (index "],
            Self::Io | Self::NotAModel | Self::Weights | Self::Tokenizer | Self::Template => &[],
        }
    }
}

/// One input, and the error that is expected.
pub(crate) struct Case {
    name: String,
    files: Vec<(String, Vec<u8>)>,
    act: Act,
    kind: Kind,
    /// Phrases that the message must contain, the file's name among them.
    phrases: Vec<String>,
    max_bytes: usize,
}

impl Case {
    /// `act` must give an error of `kind` with all of `phrases`, which are separated by `|`.
    pub(crate) fn new(name: impl Into<String>, act: Act, kind: Kind, phrases: &str) -> Self {
        let phrases = phrases.split('|').map(str::to_owned).collect();
        Self { name: name.into(), files: Vec::new(), act, kind, phrases, max_bytes: MAX_BYTES }
    }

    pub(crate) fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    pub(crate) fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in &self.files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    /// How long the case takes in a second run.
    fn elapsed(&self) -> Duration {
        let folder = self.folder();
        let start = Instant::now();
        // The result was checked in the first run.
        let _ = (self.act)(folder.path());
        start.elapsed()
    }

    /// Everything that is wrong with the result.
    fn problems(&self) -> Vec<String> {
        let folder = self.folder();
        let act = AssertUnwindSafe(|| (self.act)(folder.path()));
        let ((result, elapsed), peak) = alloc::peak(|| {
            let start = Instant::now();
            (catch_unwind(act), start.elapsed())
        });
        let mut problems = match result {
            Err(_) => vec!["a panic".to_owned()],
            Ok(Ok(())) => vec!["no error".to_owned()],
            Ok(Err(error)) => self.mismatches(&error),
        };
        // On a busy machine the first run may be slow without a reason in the code.
        if elapsed > MAX_TIME && self.elapsed() > MAX_TIME {
            problems.push(format!("took {elapsed:?}"));
        }
        let size: usize = self.files.iter().map(|(_, content)| content.len()).sum();
        if peak > self.max_bytes + MAX_BYTES_PER_BYTE * size {
            problems.push(format!("held {peak} bytes for files of {size}"));
        }
        problems
    }

    fn mismatches(&self, error: &Error) -> Vec<String> {
        let message = error.to_string();
        let mut problems = Vec::new();
        if Kind::of(error) != Some(self.kind) {
            problems.push(format!("expected {:?}, got {:?}: {message}", self.kind, Kind::of(error)));
        }
        let phrases = self.phrases.iter().map(String::as_str).chain(self.kind.phrases().iter().copied());
        problems.extend(phrases.filter(|phrase| !message.contains(phrase)).map(|p| format!("no `{p}` in: {message}")));
        if message.len() > MAX_MESSAGE_BYTES {
            problems.push(format!("a message of {} bytes", message.len()));
        }
        problems
    }
}

/// Runs all cases, of which there must be at least `least`, and reports all that failed.
pub(crate) fn run(cases: Vec<Case>, least: usize) {
    assert!(cases.len() >= least, "{} cases, at least {least} expected", cases.len());
    let report = |case: &Case| {
        let problems = case.problems();
        (!problems.is_empty()).then(|| format!("{}: {}", case.name, problems.join("; ")))
    };
    let failed: Vec<String> = cases.iter().filter_map(report).collect();
    assert!(failed.is_empty(), "{} of {} cases failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
