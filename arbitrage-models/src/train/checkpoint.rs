//! Checkpoints, from which a killed training is resumed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use arbitrage_core::fs::sync_folder;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::small_file;

const MAGIC: &[u8; 8] = b"arbcheck";
/// Bytes before the parts: magic number, lengths of the parts, and digest.
const HEADER_BYTES: usize = 8 + 8 * PARTS + 32;
const PARTS: usize = 4;

/// Everything that the next training step depends on.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Checkpoint {
    /// Progress and identity of the training, as JSON.
    pub state: Vec<u8>,
    /// The weights.
    pub model: Vec<u8>,
    /// The optimizer's moments.
    pub optimizer: Vec<u8>,
    /// The weights with the best score so far; empty where there are none.
    pub best: Vec<u8>,
}

impl Checkpoint {
    /// Replaces the checkpoint at `path`. The previous one is kept under another name, so that there is a complete checkpoint at any
    /// moment.
    ///
    /// The temporary file always has the same name and is overwritten by the next call, so killed runs leave no files behind.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let temporary = path.with_extension("new");
        self.write_new(&temporary).map_err(|error| Error::io(&temporary, error))?;
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| Error::io(from, error));
        if path.exists() {
            rename(path, &previous(path))?;
        }
        rename(&temporary, path)?;
        sync_folder(path).map_err(|error| Error::io(path, error))
    }

    fn write_new(&self, path: &Path) -> io::Result<()> {
        let parts = self.parts();
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        file.write_all(MAGIC)?;
        parts.iter().try_for_each(|part| file.write_all(&(part.len() as u64).to_le_bytes()))?;
        file.write_all(&digest(&parts))?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.into_inner()?.sync_all()
    }

    /// The latest complete checkpoint: the one at `path`, or the previous one; `None` where there is neither.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] where there are checkpoints but none is complete.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let mut first_error = None;
        for path in [path.to_owned(), previous(path)] {
            match small_file::read(&path, u64::MAX) {
                Ok(bytes) => match Self::parse(&path, bytes) {
                    Ok(checkpoint) => return Ok(Some(checkpoint)),
                    Err(error) => first_error = first_error.or(Some(error)),
                },
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        first_error.map_or(Ok(None), Err)
    }

    fn parts(&self) -> [&[u8]; PARTS] {
        [&self.state, &self.model, &self.optimizer, &self.best]
    }

    fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let invalid = |expected: &str, found: String| Error::format(path, "checkpoint", expected, found);
        let (Some(header), true) = (bytes.get(..HEADER_BYTES), bytes.starts_with(MAGIC)) else {
            return Err(invalid("a training checkpoint", format!("{} bytes of another format", bytes.len())));
        };
        let length = |part: usize| {
            let at = MAGIC.len() + 8 * part;
            header[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
        };
        let mut rest = &bytes[HEADER_BYTES..];
        let mut next = |part: usize| -> Result<Vec<u8>> {
            let found = format!("{} bytes", rest.len());
            let length = usize::try_from(length(part)).unwrap_or(usize::MAX);
            let (part, left) =
                rest.split_at_checked(length).ok_or_else(|| invalid(&format!("{length} bytes"), found))?;
            rest = left;
            Ok(part.to_vec())
        };
        let checkpoint = Self { state: next(0)?, model: next(1)?, optimizer: next(2)?, best: next(3)? };
        if !rest.is_empty() {
            return Err(invalid("the end of the file", format!("{} more bytes", rest.len())));
        }
        if digest(&checkpoint.parts()) != header[HEADER_BYTES - 32..] {
            return Err(invalid("data that matches the digest", "other data: the file is torn or corrupt".to_owned()));
        }
        Ok(checkpoint)
    }
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("old")
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let lengths = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update((part.len() as u64).to_le_bytes()));
    parts.iter().fold(lengths, |hash, part| hash.chain_update(part)).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(step: u8) -> Checkpoint {
        Checkpoint { state: vec![step], model: vec![step; 100], optimizer: vec![7; 50], best: Vec::new() }
    }

    #[test]
    fn the_latest_complete_checkpoint_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        assert_eq!(Checkpoint::read(&path).unwrap(), None);
        checkpoint(1).write(&path).unwrap();
        checkpoint(2).write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint(2)));
        // Killed between the two renames.
        fs::remove_file(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint(1)));
        // Killed while writing: the incomplete file is neither read nor in the way.
        fs::write(path.with_extension("new"), b"arbchec").unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint(1)));
        checkpoint(3).write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint(3)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no further files are left");
    }

    /// Lengths beyond the end of the file, and bytes after the end.
    #[test]
    fn hostile_lengths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        checkpoint(1).write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in [0, 2, 1 << 40, u64::MAX, u64::MAX - 7] {
            for part in 0..PARTS {
                let mut bytes = whole.clone();
                bytes[MAGIC.len() + 8 * part..][..8].copy_from_slice(&length.to_le_bytes());
                fs::write(&path, &bytes).unwrap();
                let read = Checkpoint::read(&path);
                assert!(bytes == whole || matches!(read, Err(Error::Format { .. })), "{part} {length}");
            }
        }
        fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
        assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("4 more bytes"));
    }

    #[test]
    fn paths_that_cannot_be_written_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no such folder/checkpoint");
        assert!(checkpoint(1).write(&path).unwrap_err().to_string().contains("no such folder"));
        fs::create_dir(folder.path().join("checkpoint")).unwrap();
        assert!(Checkpoint::read(&folder.path().join("checkpoint")).unwrap_err().to_string().contains("a folder"));
    }

    #[test]
    fn every_truncation_and_every_changed_byte_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        checkpoint(1).write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("checkpoint"), "{cut}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(Checkpoint::read(&path).is_err(), "{at}");
        }
    }
}
