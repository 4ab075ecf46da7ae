//! Which parts of a download are complete on disk.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::failure::write_error;
use crate::error::Result;
use crate::small_file::read_text;

/// Longest log that is read, in bytes. A longer one is begun again.
const MAX_LOG_BYTES: u64 = 1 << 24;

/// The lengths of the parts that were written and synced, one on each line, after a line that names the download. A line without a
/// newline at its end was cut off by a crash and does not count.
pub(super) struct DownloadLog {
    path: PathBuf,
    lengths: Vec<u64>,
}

impl DownloadLog {
    /// Reads the log at `path`, or begins a new one if there is none of this `origin`. Only as many parts count as fit into the `length`
    /// bytes that the downloaded file has.
    pub(super) fn open(path: PathBuf, origin: &str, length: u64) -> Result<Self> {
        let text = read_text(&path, MAX_LOG_BYTES).unwrap_or_default();
        let mut lines = text.split_inclusive('\n').map_while(|line| line.strip_suffix('\n'));
        let lengths = match lines.next() {
            Some(first) if first == origin => lengths_within(lines, length),
            _ => Vec::new(),
        };
        let log = Self { path, lengths };
        let lines = log.lengths.iter().map(|length| format!("{length}\n")).collect::<String>();
        fs::write(&log.path, format!("{origin}\n{lines}")).map_err(|e| write_error(&log.path, e, 1024))?;
        Ok(log)
    }

    /// Number of complete parts.
    pub(super) fn parts(&self) -> usize {
        self.lengths.len()
    }

    /// Their bytes together.
    pub(super) fn bytes(&self) -> u64 {
        self.lengths.iter().sum()
    }

    /// Records another complete part.
    pub(super) fn push(&mut self, length: u64) -> Result<()> {
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

/// The leading lengths whose sum is at most `limit`.
fn lengths_within<'a>(lines: impl Iterator<Item = &'a str>, limit: u64) -> Vec<u64> {
    let mut total = 0u64;
    let fits = |length: &u64| {
        total = total.saturating_add(*length);
        total <= limit
    };
    lines.map_while(|line| line.parse().ok()).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::DownloadLog;

    #[test]
    fn incomplete_lines_missing_bytes_and_other_origins_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let read = |text: &str, length| {
            std::fs::write(&path, text).unwrap();
            DownloadLog::open(path.clone(), "p 1.0", length).unwrap().lengths
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
