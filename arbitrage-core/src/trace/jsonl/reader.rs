//! The reading side.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{JsonlError, MAX_LINE_BYTES, io_error, is_unfinished_record, parse};
use crate::trace::Record;

/// Reads a trace record by record. A byte order mark, `"\r\n"` and blank lines are skipped.
#[derive(Debug)]
pub struct JsonlReader<R> {
    input: R,
    path: PathBuf,
    line: usize,
    torn: Option<usize>,
    is_broken: bool,
}

impl JsonlReader<BufReader<File>> {
    /// Opens a trace.
    ///
    /// # Errors
    /// [`JsonlError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JsonlError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| io_error(path, source))?;
        Ok(Self::new(BufReader::new(file), path))
    }
}

impl<R: BufRead> JsonlReader<R> {
    /// Reads from `input`; `path` is for error messages.
    pub fn new(input: R, path: impl Into<PathBuf>) -> Self {
        Self { input, path: path.into(), line: 0, torn: None, is_broken: false }
    }

    /// Bytes of an unfinished last line, which is not an error, since a killed run leaves one. Known at the end of the file.
    pub fn torn(&self) -> Option<usize> {
        self.torn
    }

    /// The next line, cut off after [`MAX_LINE_BYTES`]; `None` at the end of the file.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        if self.input.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if bytes.len() > MAX_LINE_BYTES && !bytes.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        if self.line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(bytes))
    }

    fn bad_line(&self, error: &serde_json::Error) -> JsonlError {
        let message = error.to_string();
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        JsonlError::Line {
            path: self.path.clone(),
            line: self.line,
            column: error.column(),
            message: message.strip_suffix(&suffix).unwrap_or(&message).to_owned(),
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>, JsonlError> {
        while let Some(bytes) = self.next_line().map_err(|source| io_error(&self.path, source))? {
            if bytes.len() > MAX_LINE_BYTES {
                return Err(JsonlError::Long { path: self.path.clone(), line: self.line });
            }
            let text = bytes.trim_ascii_end();
            if text.is_empty() {
                continue;
            }
            match parse(text) {
                Ok(record) => return Ok(Some(record)),
                Err(_) if !bytes.ends_with(b"\n") && is_unfinished_record(text) => self.torn = Some(bytes.len()),
                Err(error) => return Err(self.bad_line(&error)),
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for JsonlReader<R> {
    type Item = Result<Record, JsonlError>;

    /// After a malformed line, the next call goes on with the next line; an I/O error ends the trace.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let record = self.next_record();
        self.is_broken = matches!(record, Err(JsonlError::Io { .. }));
        record.transpose()
    }
}

/// Reads all records of a trace. An unfinished last line is left out; [`JsonlReader::torn`] gives its length.
///
/// # Errors
/// [`JsonlError`], with the line and the column where a record is malformed.
pub fn read_jsonl(path: impl AsRef<Path>) -> Result<Vec<Record>, JsonlError> {
    JsonlReader::open(path)?.collect()
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
