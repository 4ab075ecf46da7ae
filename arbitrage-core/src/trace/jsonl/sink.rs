//! The writing side.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{JsonlError, MAX_LINE_BYTES, io_error, is_unfinished_record, parse};
use crate::BoxError;
use crate::fs::{FileLock, LockError};
use crate::trace::{Record, TraceSink};

/// Appends each record to a file as one line of JSON, in one write.
///
/// A process that is killed at any moment leaves all of its records except the one that it was writing, and
/// [`append`](Self::append) removes the unfinished one. The file is locked against other writers for as long as the sink
/// lives, where the file system supports locks. A second file, with the extension `lock` added, then contains the writer's
/// process id.
///
/// ```
/// use arbitrage_core::{Engine, Problem, router::AlwaysDraft, testing::Scripted};
/// use arbitrage_core::trace::{JsonlSink, Record, read_jsonl};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("trace.jsonl");
/// let mut engine = Engine::new(Scripted::new("draft", ["42"]), Scripted::new("target", []), AlwaysDraft)
///     .with_sink(JsonlSink::create(&path)?);
/// engine.solve(&Problem::new("What is 6 times 7?"))?;
/// assert!(matches!(read_jsonl(&path)?[..], [Record::Run(_), Record::Step(_), Record::Solution(_)]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonlSink {
    _lock: FileLock,
    file: File,
    path: PathBuf,
    /// Bytes of complete records.
    length: u64,
    sync: bool,
}

impl JsonlSink {
    /// Starts a trace. Like [`File::create`], it empties an existing file.
    ///
    /// # Errors
    /// [`JsonlError::Io`], or [`JsonlError::Locked`] when another process writes to the file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, JsonlError> {
        let sink = Self::open(path.as_ref())?;
        sink.file.set_len(0).map_err(|source| io_error(&sink.path, source))?;
        Ok(Self { length: 0, ..sink })
    }

    /// Continues a trace, or starts one where there is none. An unfinished last line, which a killed run leaves, is removed.
    ///
    /// # Errors
    /// As for [`create`](Self::create), and [`JsonlError::NotATrace`].
    pub fn append(path: impl AsRef<Path>) -> Result<Self, JsonlError> {
        let mut sink = Self::open(path.as_ref())?;
        sink.repair()?;
        Ok(sink)
    }

    /// Waits after each record until it is on the disk, so that it survives a power failure. This costs milliseconds a record.
    pub fn with_sync(mut self) -> Self {
        self.sync = true;
        self
    }

    fn open(path: &Path) -> Result<Self, JsonlError> {
        let io = |source| io_error(path, source);
        let file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(io)?;
        let lock = FileLock::of_content(file.try_clone().map_err(io)?, path).map_err(|error| match error {
            LockError::Held(writer) => JsonlError::Locked { path: path.to_owned(), writer },
            LockError::Io(source) => io(source),
        })?;
        let length = file.metadata().map_err(io)?.len();
        Ok(Self { _lock: lock, file, path: path.to_owned(), length, sync: false })
    }

    /// Completes or removes an unfinished last line.
    fn repair(&mut self) -> Result<(), JsonlError> {
        let tail = self.tail().map_err(|source| io_error(&self.path, source))?;
        if tail.is_empty() {
            return Ok(());
        }
        if parse(&tail).is_ok() {
            return self.write_line(b"\n");
        }
        if !is_unfinished_record(&tail) {
            return Err(JsonlError::NotATrace { path: self.path.clone() });
        }
        self.length -= tail.len() as u64;
        self.file.set_len(self.length).map_err(|source| io_error(&self.path, source))
    }

    /// What follows the last line end, or the last [`MAX_LINE_BYTES`] of it.
    fn tail(&mut self) -> io::Result<Vec<u8>> {
        let mut window = 1 << 16;
        loop {
            let start = self.length.saturating_sub(window);
            self.file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            (&self.file).take(self.length - start).read_to_end(&mut bytes)?;
            let newline = bytes.iter().rposition(|&byte| byte == b'\n');
            if newline.is_some() || start == 0 || window >= MAX_LINE_BYTES as u64 {
                return Ok(bytes.split_off(newline.map_or(0, |at| at + 1)));
            }
            window *= 16;
        }
    }

    fn write_line(&mut self, line: &[u8]) -> Result<(), JsonlError> {
        let result = self.file.write_all(line).and_then(|()| if self.sync { self.file.sync_data() } else { Ok(()) });
        if let Err(source) = result {
            // Half a record would make the next one unreadable. If this fails too, `append` removes it later.
            self.file.set_len(self.length).ok();
            return Err(JsonlError::Write { path: self.path.clone(), bytes: line.len(), source });
        }
        self.length += line.len() as u64;
        Ok(())
    }
}

impl TraceSink for JsonlSink {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        if line.len() > MAX_LINE_BYTES {
            let source = io::Error::new(io::ErrorKind::FileTooLarge, "longer than a line of a trace may be");
            return Err(JsonlError::Write { path: self.path.clone(), bytes: line.len(), source }.into());
        }
        Ok(self.write_line(&line)?)
    }
}
