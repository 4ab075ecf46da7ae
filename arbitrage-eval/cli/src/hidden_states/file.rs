//! The safetensors file that caches hidden states.
//!
//! Every tensor's place is known before the first state is computed, since it depends on the numbers of steps alone. So the header is
//! written first and the tensors are appended to it, solution by solution: the cost is linear, what was appended survives a kill, and the
//! file of a resumed computation has the same bytes. It is a valid safetensors file once it is complete; a reader refuses a shorter one.
//!
//! Solution `N`, from 0, has two tensors. `N.states`, f32 of shape `[steps, 2, width]`, holds each step's last state and the mean of its
//! states, and NaN for a solution that cannot be read. `N.hash`, u64, is a hash of these bytes and `N`: the first solution whose tensors
//! are incomplete or have another hash, and all after it, are computed again. The header's metadata identify model and solutions.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use arbitrage_core::Hidden;
use arbitrage_core::fs::{FileLock, LockError};
use arbitrage_core::json::{JsonDifference, differences};
use arbitrage_core::text::{excerpt, fnv1a};
use arbitrage_models::{Error, Result};
use serde_json::{Value, json};

/// The first bytes of the format of earlier versions.
const EARLIER_MAGIC: &[u8] = b"arbstate";

/// The states of some solutions, to which those of the next ones are appended.
pub(super) struct StatesFile {
    _lock: FileLock,
    file: File,
    path: PathBuf,
    /// Length of the complete solutions in bytes, with the header.
    length: u64,
    /// Number of complete solutions.
    solutions: usize,
    /// Numbers of steps of all solutions.
    steps: Vec<usize>,
    /// Width of a state.
    width: usize,
}

type States = Vec<Option<Vec<Hidden>>>;

impl StatesFile {
    /// Opens or creates the file, and reads its solutions. `steps` are the numbers of steps of all solutions.
    pub(super) fn open(
        path: &Path,
        metadata: &BTreeMap<&str, String>,
        width: usize,
        steps: Vec<usize>,
    ) -> Result<(Self, States)> {
        let failed = |error| Error::io(path, error);
        let file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(failed)?;
        let lock = FileLock::of_content(file.try_clone().map_err(failed)?, path).map_err(|error| match error {
            LockError::Held(holder) => Error::format(path, "lock", "no other process that writes this file", holder),
            LockError::Io(error) => failed(error),
        })?;
        let start = file_start(metadata, width, &steps);
        let length = start.len() as u64;
        let mut this = Self { _lock: lock, file, path: path.to_owned(), length, solutions: 0, steps, width };
        let mut input = BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?);
        if !this.check_start(&mut input, &start, metadata)? {
            this.file.set_len(0).and_then(|()| this.file.write_all(&start)).map_err(failed)?;
            return Ok((this, Vec::new()));
        }
        let mut states = Vec::new();
        while let Some(solution) = this.next_solution(&mut input).map_err(failed)? {
            states.push(solution);
        }
        this.file.set_len(this.length).map_err(failed)?;
        Ok((this, states))
    }

    /// Appends the states of the next solution; `None` for a solution that cannot be read.
    pub(super) fn push(&mut self, states: Option<&[Hidden]>) -> Result<()> {
        let mut bytes = Vec::new();
        match states {
            Some(states) => {
                let numbers = states.iter().flat_map(|hidden| hidden.last.iter().chain(&hidden.mean));
                numbers.for_each(|number| bytes.extend(number.to_le_bytes()));
            }
            None => bytes = f32::NAN.to_le_bytes().repeat(self.steps[self.solutions] * 2 * self.width),
        }
        bytes.extend(hash(self.solutions, &bytes).to_le_bytes());
        self.file.write_all(&bytes).map_err(|error| {
            // The file should end with a complete solution. If this fails too, the rest is dropped when the file is opened next.
            let _ = self.file.set_len(self.length);
            Error::io(&self.path, error)
        })?;
        self.length += bytes.len() as u64;
        self.solutions += 1;
        Ok(())
    }

    /// Whether the file starts with the header. `false` for a header that was not written completely, and for an empty file.
    fn check_start(&self, input: &mut impl Read, expected: &[u8], metadata: &BTreeMap<&str, String>) -> Result<bool> {
        let mut found = Vec::new();
        input.take(expected.len() as u64).read_to_end(&mut found).map_err(|error| Error::io(&self.path, error))?;
        if found.len() < expected.len() && expected.starts_with(&found) {
            return Ok(false);
        }
        if found == expected {
            return Ok(true);
        }
        let differences = self.metadata().map_or_else(Vec::new, |other| differences(&json!(metadata), &other));
        let listed = |value: fn(&JsonDifference) -> &Value| {
            let text = |value: &Value| excerpt(value.as_str().unwrap_or("missing"));
            let all: Vec<_> = differences.iter().map(|one| format!("{} {}", one.path, text(value(one)))).collect();
            all.join(", ")
        };
        let (expected, found) = if found.starts_with(EARLIER_MAGIC) {
            ("a safetensors file".into(), "a file made by an earlier version: delete it and run again".into())
        } else if differences.is_empty() {
            ("a file of hidden states".into(), "another kind of file".into())
        } else {
            (listed(|one| &one.first), listed(|one| &one.second))
        };
        Err(Error::format(&self.path, "states", expected, found))
    }

    /// The metadata of the file, if it is a safetensors file.
    fn metadata(&self) -> Option<Value> {
        const MAX_HEADER_BYTES: u64 = 100 << 20;
        let mut file = File::open(&self.path).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= MAX_HEADER_BYTES)?;
        let header: Value = serde_json::from_reader(BufReader::new(file.take(length))).ok()?;
        header.get("__metadata__").cloned()
    }

    /// The states of the next solution; the outer `None` where its tensors are incomplete or changed, and after the last one.
    fn next_solution(&mut self, input: &mut impl Read) -> std::io::Result<Option<Option<Vec<Hidden>>>> {
        let Some(steps) = self.steps.get(self.solutions) else { return Ok(None) };
        let length = states_bytes(*steps, self.width);
        let mut bytes = Vec::new();
        input.take((length + 8) as u64).read_to_end(&mut bytes)?;
        let Some((states, found)) = bytes.split_at_checked(length) else { return Ok(None) };
        if found != hash(self.solutions, states).to_le_bytes() {
            return Ok(None);
        }
        self.length += bytes.len() as u64;
        self.solutions += 1;
        let (numbers, _) = states.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let hidden = |both: &[f32]| Hidden { last: both[..self.width].to_vec(), mean: both[self.width..].to_vec() };
        let was_read = !numbers.first().is_some_and(|number| number.is_nan());
        Ok(Some(was_read.then(|| numbers.chunks_exact(2 * self.width).map(hidden).collect())))
    }
}

/// The length of the header and the header, padded with spaces so that the tensors start at a multiple of eight bytes.
fn file_start(metadata: &BTreeMap<&str, String>, width: usize, steps: &[usize]) -> Vec<u8> {
    let mut header = format!("{{\"__metadata__\":{}", json!(metadata));
    let mut start = 0;
    for (solution, steps) in steps.iter().enumerate() {
        let (end, hash_end) = (start + states_bytes(*steps, width), start + states_bytes(*steps, width) + 8);
        header += &format!(
            ",\"{solution}.states\":{{\"dtype\":\"F32\",\"shape\":[{steps},2,{width}],\"data_offsets\":[{start},{end}]}}\
             ,\"{solution}.hash\":{{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[{end},{hash_end}]}}"
        );
        start = hash_end;
    }
    header += "}";
    // Not by a width in `format!`, which is limited to 16 bits.
    let length = header.len().next_multiple_of(8);
    header += &" ".repeat(length - header.len());
    [&(length as u64).to_le_bytes(), header.as_bytes()].concat()
}

fn states_bytes(steps: usize, width: usize) -> usize {
    steps * 2 * width * size_of::<f32>()
}

/// The hash of a solution's states. It depends on the solution's position, so that swapped solutions are noticed.
fn hash(solution: usize, states: &[u8]) -> u64 {
    fnv1a((solution as u64).to_le_bytes().iter().chain(states))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_many_solutions_is_padded() {
        for solutions in [0, 1, 2, 3, 3000] {
            let start = file_start(&BTreeMap::new(), 4, &vec![2; solutions]);
            let (length, header) = start.split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            assert_eq!((header.len(), length % 8), (length, 0));
            let header: Value = serde_json::from_slice(header).unwrap();
            assert_eq!(header.as_object().unwrap().len(), 1 + 2 * solutions);
        }
    }
}
