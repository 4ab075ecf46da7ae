//! Traces as JSON lines that survive a kill.

mod holder;
mod reader;
mod sink;

pub use reader::{JsonlReader, read_jsonl};
pub use sink::JsonlSink;

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Record;

/// Most bytes a line, the line end included. A longer one is no trace of ours, and is refused before it is read whole.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// Why a trace could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonlError {
    /// The file could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A record could not be written. The records before it are whole.
    #[error("{}: no room for a record of {bytes} bytes: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Size of the record.
        bytes: usize,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Another process writes to the file.
    #[error("{}: {holder} is writing to this file", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// That process by its number, or `another run` where nothing tells it.
        holder: String,
    },
    /// The file's last line is unfinished, and no sink began it: nothing is appended, nothing removed.
    #[error("{}: expected a trace, found an unfinished last line that is no record", path.display())]
    NotATrace {
        /// The file.
        path: PathBuf,
    },
    /// A line is not a record.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where in the line, in bytes from 1.
        column: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A line is longer than [`MAX_LINE_BYTES`].
    #[error("{}:{line}: expected at most {MAX_LINE_BYTES} bytes a line", path.display())]
    Long {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Reads one record. It does what [`Record`]'s own `Deserialize` does, but that one, like all tagged enums, forgets the
/// column of an error.
fn parse(text: &[u8]) -> serde_json::Result<Record> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Run,
        Step,
        Solution,
    }
    #[derive(Deserialize)]
    struct Tag {
        kind: Kind,
    }
    Ok(match serde_json::from_slice::<Tag>(text)?.kind {
        Kind::Run => Record::Run(serde_json::from_slice(text)?),
        Kind::Step => Record::Step(serde_json::from_slice(text)?),
        Kind::Solution => Record::Solution(serde_json::from_slice(text)?),
    })
}

/// Whether `tail` is how a sink's line begins, as far as it goes.
fn begun_by_a_sink(tail: &[u8]) -> bool {
    let opening = br#"{"kind":""#;
    let common = tail.len().min(opening.len());
    tail[..common] == opening[..common]
}

fn io_error(path: &Path, source: io::Error) -> JsonlError {
    JsonlError::Io { path: path.to_owned(), source }
}
