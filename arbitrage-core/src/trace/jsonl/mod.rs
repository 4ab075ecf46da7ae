//! Traces as JSON lines that survive a kill.

mod reader;
mod sink;

pub use reader::{JsonlReader, read_jsonl};
pub use sink::JsonlSink;

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Record;

/// Maximum number of bytes a line, the line end included. A longer line is not a record, and is refused before it is read
/// whole.
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
    /// A record could not be written. The records before it are complete.
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
    #[error("{}: {writer} is writing to this file", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// That process by its id, or `another process` where the id is unknown.
        writer: String,
    },
    /// The file's last line is unfinished and does not begin like a record. The file is left as it is.
    #[error("{}: expected a trace, found an unfinished last line that is not a record", path.display())]
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
        /// The byte in the line, from 1.
        column: usize,
        /// What is wrong with the line.
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

/// Reads one record. [`Record`]'s own `Deserialize` would do the same, but errors in internally tagged enums lack the column.
fn parse(text: &[u8]) -> serde_json::Result<Record> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum RecordKind {
        Run,
        Step,
        Solution,
    }
    #[derive(Deserialize)]
    struct RecordTag {
        kind: RecordKind,
    }
    Ok(match serde_json::from_slice::<RecordTag>(text)?.kind {
        RecordKind::Run => Record::Run(serde_json::from_slice(text)?),
        RecordKind::Step => Record::Step(serde_json::from_slice(text)?),
        RecordKind::Solution => Record::Solution(serde_json::from_slice(text)?),
    })
}

/// Whether `tail` may be the first bytes of a record: then it is what a killed run left, and can be removed.
fn is_unfinished_record(tail: &[u8]) -> bool {
    let opening = br#"{"kind":""#;
    let common = tail.len().min(opening.len());
    tail[..common] == opening[..common]
}

fn io_error(path: &Path, source: io::Error) -> JsonlError {
    JsonlError::Io { path: path.to_owned(), source }
}
