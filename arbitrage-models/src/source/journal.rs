//! Which parts of a file are on disk for good.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::failure::write_error;
use crate::error::Result;

/// The lengths of the parts that were written and synced, one a line, below a line that names their origin. A line without its
/// end was cut off by a crash and does not count.
pub(super) struct Journal {
    path: PathBuf,
    lengths: Vec<u64>,
}

impl Journal {
    /// Reads the journal at `path`, or begins one when there is none of this `origin`. Only as many parts count as fit into
    /// the `held` bytes that are really there.
    pub fn open(path: PathBuf, origin: &str, held: u64) -> Result<Self> {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.split_inclusive('\n').map_while(|line| line.strip_suffix('\n'));
        let lengths = match lines.next() {
            Some(first) if first == origin => fitting(lines, held),
            _ => Vec::new(),
        };
        let journal = Self { path, lengths };
        let lines = journal.lengths.iter().map(|length| format!("{length}\n")).collect::<String>();
        fs::write(&journal.path, format!("{origin}\n{lines}")).map_err(|e| write_error(&journal.path, e, 1024))?;
        Ok(journal)
    }

    /// Parts that are there.
    pub fn parts(&self) -> usize {
        self.lengths.len()
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> u64 {
        self.lengths.iter().sum()
    }

    /// Records another part.
    pub fn push(&mut self, length: u64) -> Result<()> {
        append(&self.path, length).map_err(|error| write_error(&self.path, error, 1024))?;
        self.lengths.push(length);
        Ok(())
    }
}

fn append(path: &Path, length: u64) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(format!("{length}\n").as_bytes())?;
    file.sync_data()
}

fn fitting<'a>(lines: impl Iterator<Item = &'a str>, held: u64) -> Vec<u64> {
    let mut total = 0u64;
    let fits = |length: &u64| {
        total = total.saturating_add(*length);
        total <= held
    };
    lines.map_while(|line| line.parse().ok()).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::Journal;

    #[test]
    fn torn_lines_missing_bytes_and_other_origins_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let read = |text: &str, held| {
            std::fs::write(&path, text).unwrap();
            Journal::open(path.clone(), "p 1.0", held).unwrap().lengths
        };
        assert_eq!(read("p 1.0\n5\n6\n", 11), [5, 6]);
        assert_eq!(read("p 1.0\n5\n6", 11), [5]);
        assert_eq!(read("p 1.0\n5\n6\n", 10), [5]);
        assert_eq!(read("p 1.0\n5\nx\n6\n", 11), [5]);
        assert_eq!(read(&format!("p 1.0\n5\n{}\n", u64::MAX), 11), [5]);
        assert_eq!(read("p 1.1\n5\n6\n", 11), [0u64; 0]);
        assert_eq!(read("", 11), [0u64; 0]);
    }
}
