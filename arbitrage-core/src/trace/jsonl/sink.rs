//! The writing side.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::holder::{Holder, holder};
use super::{JsonlError, MAX_LINE_BYTES, begun_by_a_sink, io_error, parse};
use crate::BoxError;
use crate::trace::{Record, TraceSink};

/// Appends each record to a file as one line of JSON, in one write.
///
/// A process that is killed at any moment leaves all of its records but for the one that it was writing, and
/// [`append`](Self::append) removes what is left of that one. The file is locked against other writers for as long as the
/// sink lives, where the file system knows locks; a file beside it, with the extension `lock` added, then holds the writer's
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
    /// Dropped before the file, and its lock with it, so that it is never a successor's that is removed.
    _holder: Option<Holder>,
    file: File,
    path: PathBuf,
    /// Bytes of whole records.
    length: u64,
    sync: bool,
}

impl JsonlSink {
    /// Starts a trace. Like [`File::create`], it empties a file that is there already.
    ///
    /// # Errors
    /// [`JsonlError::Io`], or [`JsonlError::Locked`] when another process writes to the file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, JsonlError> {
        let sink = Self::open(path.as_ref())?;
        sink.file.set_len(0).map_err(|source| io_error(&sink.path, source))?;
        Ok(Self { length: 0, ..sink })
    }

    /// Continues a trace, or starts one where there is none. A torn last line, the mark of a kill, is removed.
    ///
    /// # Errors
    /// As for [`create`](Self::create), and [`JsonlError::NotATrace`].
    pub fn append(path: impl AsRef<Path>) -> Result<Self, JsonlError> {
        let mut sink = Self::open(path.as_ref())?;
        sink.mend()?;
        Ok(sink)
    }

    /// Waits after each record until the disk has it, so that it survives a power failure too. It costs milliseconds a
    /// record.
    pub fn with_sync(mut self) -> Self {
        self.sync = true;
        self
    }

    fn open(path: &Path) -> Result<Self, JsonlError> {
        let io = |source| io_error(path, source);
        let file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(io)?;
        // A file system without locks is no reason to refuse it.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(JsonlError::Locked { path: path.to_owned(), holder: holder(path) });
        }
        let metadata = file.metadata().map_err(io)?;
        let holder = metadata.is_file().then(|| Holder::enter(path));
        Ok(Self { _holder: holder, file, path: path.to_owned(), length: metadata.len(), sync: false })
    }

    /// Ends the file with a whole line.
    fn mend(&mut self) -> Result<(), JsonlError> {
        let tail = self.tail().map_err(|source| io_error(&self.path, source))?;
        if tail.is_empty() {
            return Ok(());
        }
        if parse(&tail).is_ok() {
            return self.write_line(b"\n");
        }
        if !begun_by_a_sink(&tail) {
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
        let written = self.file.write_all(line).and_then(|()| if self.sync { self.file.sync_data() } else { Ok(()) });
        if let Err(source) = written {
            // Half a record would spoil the next one. If even this fails, `append` removes it.
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
