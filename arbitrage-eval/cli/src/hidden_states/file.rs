//! The file that caches hidden states.
//!
//! It starts with a magic number, the length of the header, the header and its hash. The header is JSON, so that an error can name what
//! differs. Then follows a frame for each solution: the number of steps; for each step its last state and the mean of its states in f32;
//! and a hash of the frame and its position. Numbers are little-endian. The first frame that is incomplete or has another hash, and all
//! frames after it, are computed again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use arbitrage_core::Hidden;
use arbitrage_models::{Error, Result};
use serde_json::Value;

use arbitrage_core::text::{excerpt, fnv1a};

const MAGIC: &[u8; 8] = b"arbstate";

/// The states of some solutions, to which those of the next ones are appended.
pub(super) struct StatesFile {
    file: File,
    path: PathBuf,
    /// Length of the complete frames in bytes, with the header.
    length: u64,
    /// Number of complete frames.
    frames: u64,
    /// Width of a state.
    width: usize,
}

type States = Vec<Option<Vec<Hidden>>>;

impl StatesFile {
    /// Opens or creates the file, and reads its frames. `steps` are the numbers of steps of all solutions.
    pub(super) fn open(path: &Path, header: &Value, width: usize, steps: Vec<usize>) -> Result<(Self, States)> {
        let failed = |error| Error::io(path, error);
        let file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(failed)?;
        // Only a lock that another process holds is an error: some file systems have no locks.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::format(path, "lock", "no other process that writes this file", "one"));
        }
        let start = file_start(header);
        let mut this = Self { file, path: path.to_owned(), length: start.len() as u64, frames: 0, width };
        let mut input = BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?);
        if !this.check_start(&mut input, &start, header)? {
            this.file.set_len(0).and_then(|()| this.file.write_all(&start)).map_err(failed)?;
            return Ok((this, Vec::new()));
        }
        let mut states = Vec::new();
        for steps in steps {
            let Some(frame) = this.next_frame(&mut input, steps).map_err(failed)? else { break };
            states.push(frame);
        }
        this.file.set_len(this.length).map_err(failed)?;
        Ok((this, states))
    }

    /// Appends the states of a solution; `None` for a solution that cannot be read.
    pub(super) fn push(&mut self, states: Option<&[Hidden]>) -> Result<()> {
        let states = states.unwrap_or_default();
        let mut frame = (states.len() as u32).to_le_bytes().to_vec();
        let numbers = states.iter().flat_map(|hidden| hidden.last.iter().chain(&hidden.mean));
        numbers.for_each(|number| frame.extend(number.to_le_bytes()));
        frame.extend(hash(self.frames, &frame).to_le_bytes());
        self.file.write_all(&frame).map_err(|error| {
            // The file should end with a complete frame. If this fails too, the incomplete frame is dropped when the file is opened next.
            let _ = self.file.set_len(self.length);
            Error::io(&self.path, error)
        })?;
        self.length += frame.len() as u64;
        self.frames += 1;
        Ok(())
    }

    /// Whether the file starts with the header. `false` for a header that was not written completely, and for an empty file.
    fn check_start(&self, input: &mut impl Read, expected: &[u8], header: &Value) -> Result<bool> {
        let mut found = Vec::new();
        input.take(expected.len() as u64).read_to_end(&mut found).map_err(|error| Error::io(&self.path, error))?;
        if found.len() < expected.len() && expected.starts_with(&found) {
            return Ok(false);
        }
        if found == expected {
            return Ok(true);
        }
        let other = self.other_header();
        let keys = header.as_object().into_iter().flat_map(|header| header.keys());
        let differs = |key: &&String| other.as_ref().is_some_and(|other| other[key.as_str()] != header[key.as_str()]);
        let listed = |of: &Value| {
            let one = |key: &String| format!("{key} {}", excerpt(&of[key.as_str()].to_string()));
            keys.clone().filter(differs).map(one).collect::<Vec<_>>().join(", ")
        };
        Err(match &other {
            Some(other) if other != header => Error::format(&self.path, "states", listed(header), listed(other)),
            _ => Error::format(&self.path, "states", "a file of hidden states", "another kind of file"),
        })
    }

    /// The header of the file, if it has one.
    fn other_header(&self) -> Option<Value> {
        const MAX_HEADER_BYTES: u64 = 1 << 20;
        let mut bytes = Vec::new();
        File::open(&self.path).ok()?.take(MAX_HEADER_BYTES).read_to_end(&mut bytes).ok()?;
        let rest = bytes.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        serde_json::from_slice(rest.get(..length)?).ok()
    }

    /// The states of the next solution; the outer `None` for an incomplete or changed frame.
    fn next_frame(&mut self, input: &mut impl Read, steps: usize) -> std::io::Result<Option<Option<Vec<Hidden>>>> {
        let mut frame = Vec::new();
        input.by_ref().take(4).read_to_end(&mut frame)?;
        let Ok(count) = <[u8; 4]>::try_from(frame.as_slice()).map(u32::from_le_bytes) else { return Ok(None) };
        if count != 0 && count as usize != steps {
            return Ok(None);
        }
        let payload = count as usize * 2 * self.width * size_of::<f32>();
        input.by_ref().take((payload + 8) as u64).read_to_end(&mut frame)?;
        let Some((body, found)) = frame.split_at_checked(4 + payload) else { return Ok(None) };
        if found != hash(self.frames, body).to_le_bytes() {
            return Ok(None);
        }
        self.length += frame.len() as u64;
        self.frames += 1;
        let (numbers, _) = body[4..].as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let hidden = |both: &[f32]| Hidden { last: both[..self.width].to_vec(), mean: both[self.width..].to_vec() };
        Ok(Some((count != 0).then(|| numbers.chunks_exact(2 * self.width).map(hidden).collect())))
    }
}

fn file_start(header: &Value) -> Vec<u8> {
    let json = header.to_string().into_bytes();
    let parts = [&MAGIC[..], &(json.len() as u32).to_le_bytes(), &json, &fnv1a(&json).to_le_bytes()];
    parts.concat()
}

/// The hash of a frame. It depends on the frame's position, so that swapped frames are noticed.
fn hash(position: u64, frame: &[u8]) -> u64 {
    fnv1a(position.to_le_bytes().iter().chain(frame))
}
