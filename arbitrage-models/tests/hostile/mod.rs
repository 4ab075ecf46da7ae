//! Bad inputs as tables, and what each row must get: a typed error that names file and field, soon and in little memory.

pub mod alloc;
pub mod build;
pub mod config;
pub mod gguf_header;
pub mod gguf_tensors;
pub mod index;
pub mod safetensors;
pub mod template;
pub mod tokenizer;
pub mod vocabulary;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use arbitrage_models::Error;
use tempfile::TempDir;

/// Most time for one input.
const MOST_TIME: Duration = Duration::from_secs(1);
/// Most memory for one input: a fixed part, and a part for each byte of its files.
const MOST_BYTES: usize = 16 << 20;
const MOST_BYTES_A_BYTE: usize = 8;
/// Longest message, in bytes: a hostile file may not fill the terminal.
const LONGEST_MESSAGE: usize = 4096;

/// What is done with a folder that holds the input.
pub type Act = fn(&Path) -> Result<(), Error>;

/// The variants of [`Error`] that inputs may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Io,
    Truncated,
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
            Error::Format { .. } => Self::Format,
            Error::Weights { .. } => Self::Weights,
            Error::NotFinite { .. } => Self::NotFinite,
            Error::Tokenizer { .. } => Self::Tokenizer,
            Error::Template { .. } => Self::Template,
            _ => return None,
        })
    }

    /// What every message of this kind says besides the file.
    fn phrases(self) -> &'static [&'static str] {
        match self {
            Self::Truncated => &[" expected, ", " found", "incomplete download?"],
            Self::Format => &["expected ", "found "],
            Self::NotFinite => &["is not finite (index "],
            Self::Io | Self::Weights | Self::Tokenizer | Self::Template => &[],
        }
    }
}

/// One input.
pub struct Case {
    name: String,
    files: Vec<(String, Vec<u8>)>,
    act: Act,
    kind: Kind,
    /// The file that the message must name, and what else it must say.
    phrases: Vec<String>,
    most_bytes: usize,
}

impl Case {
    /// `act` on a folder with `files` must give an error of `kind`, which says all of `phrases`, divided by `|`.
    pub fn new(name: impl Into<String>, act: Act, kind: Kind, phrases: &str) -> Self {
        let phrases = phrases.split('|').map(str::to_owned).collect();
        Self { name: name.into(), files: Vec::new(), act, kind, phrases, most_bytes: MOST_BYTES }
    }

    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    pub fn most_bytes(self, most_bytes: usize) -> Self {
        Self { most_bytes, ..self }
    }

    fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in &self.files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    /// How long the case takes when it is tried again.
    fn elapsed(&self) -> Duration {
        let folder = self.folder();
        let start = Instant::now();
        // What it gives has been seen already.
        let _ = (self.act)(folder.path());
        start.elapsed()
    }

    /// What is wrong with what the case got.
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
            Ok(Err(error)) => self.unlike(&error),
        };
        // On a busy machine a first try may be slow for no fault of its own.
        if elapsed > MOST_TIME && self.elapsed() > MOST_TIME {
            problems.push(format!("took {elapsed:?}"));
        }
        let size: usize = self.files.iter().map(|(_, content)| content.len()).sum();
        if peak > self.most_bytes + MOST_BYTES_A_BYTE * size {
            problems.push(format!("held {peak} bytes for files of {size}"));
        }
        problems
    }

    fn unlike(&self, error: &Error) -> Vec<String> {
        let message = error.to_string();
        let mut problems = Vec::new();
        if Kind::of(error) != Some(self.kind) {
            problems.push(format!("expected {:?}, got {:?}: {message}", self.kind, Kind::of(error)));
        }
        let phrases = self.phrases.iter().map(String::as_str).chain(self.kind.phrases().iter().copied());
        problems.extend(phrases.filter(|phrase| !message.contains(phrase)).map(|p| format!("no `{p}` in: {message}")));
        if message.len() > LONGEST_MESSAGE {
            problems.push(format!("a message of {} bytes", message.len()));
        }
        problems
    }
}

/// Runs all cases, then tells all that failed.
pub fn run(cases: Vec<Case>, least: usize) {
    assert!(cases.len() >= least, "{} cases, at least {least} expected", cases.len());
    let tell = |case: &Case| {
        let problems = case.problems();
        (!problems.is_empty()).then(|| format!("{}: {}", case.name, problems.join("; ")))
    };
    let failed: Vec<String> = cases.iter().filter_map(tell).collect();
    assert!(failed.is_empty(), "{} of {} cases failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
