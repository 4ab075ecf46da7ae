//! Where a killed training goes on.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::weights::writer::write_whole;

const MAGIC: &[u8; 8] = b"arbcheck";
/// Magic, lengths of the parts, and digest.
const FRAME: usize = 8 + 8 * PARTS + 32;
const PARTS: usize = 4;

/// Everything that the next step depends on.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Checkpoint {
    /// What was done so far, as JSON.
    pub state: Vec<u8>,
    /// The weights.
    pub model: Vec<u8>,
    /// The optimizer's moments.
    pub optimizer: Vec<u8>,
    /// The best weights so far; empty for none.
    pub best: Vec<u8>,
}

impl Checkpoint {
    /// Replaces the checkpoint at `path`. The one before is kept beside it, so that at any moment one whole checkpoint exists.
    pub fn write(&self, path: &Path) -> Result<()> {
        let parts = self.parts();
        let fresh = path.with_extension("new");
        write_whole(&fresh, |file| {
            file.write_all(MAGIC)?;
            parts.iter().try_for_each(|part| file.write_all(&(part.len() as u64).to_le_bytes()))?;
            file.write_all(&digest(&parts))?;
            parts.iter().try_for_each(|part| file.write_all(part))
        })?;
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| Error::io(from, error));
        if path.exists() {
            rename(path, &previous(path))?;
        }
        rename(&fresh, path)
    }

    /// The newest whole checkpoint: that at `path`, or the one before; `None` where there is none of either.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] where there are some and none is whole.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let mut broken = None;
        for path in [path.to_owned(), previous(path)] {
            match fs::read(&path) {
                Ok(bytes) => match Self::parse(&path, bytes) {
                    Ok(checkpoint) => return Ok(Some(checkpoint)),
                    Err(error) => broken = broken.or(Some(error)),
                },
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(&path, error)),
            }
        }
        broken.map_or(Ok(None), Err)
    }

    fn parts(&self) -> [&[u8]; PARTS] {
        [&self.state, &self.model, &self.optimizer, &self.best]
    }

    fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let wrong = |expected: &str, found: String| Error::format(path, "checkpoint", expected, found);
        let (Some(frame), true) = (bytes.get(..FRAME), bytes.starts_with(MAGIC)) else {
            return Err(wrong("a checkpoint of a training", format!("{} other bytes", bytes.len())));
        };
        let length = |part: usize| {
            let at = MAGIC.len() + 8 * part;
            frame[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
        };
        let mut rest = &bytes[FRAME..];
        let mut next = |part: usize| -> Result<Vec<u8>> {
            let found = format!("{} bytes", rest.len());
            let length = usize::try_from(length(part)).unwrap_or(usize::MAX);
            let (own, left) = rest.split_at_checked(length).ok_or_else(|| wrong(&format!("{length} bytes"), found))?;
            rest = left;
            Ok(own.to_vec())
        };
        let checkpoint = Self { state: next(0)?, model: next(1)?, optimizer: next(2)?, best: next(3)? };
        if digest(&checkpoint.parts()) != frame[FRAME - 32..] {
            return Err(wrong("bytes that fit the digest", "others: torn or corrupt".to_owned()));
        }
        Ok(checkpoint)
    }
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("old")
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(step: u8) -> Checkpoint {
        Checkpoint { state: vec![step], model: vec![step; 100], optimizer: vec![7; 50], best: Vec::new() }
    }

    #[test]
    fn the_newest_whole_one_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        assert_eq!(Checkpoint::read(&path).unwrap(), None);
        checkpoint(1).write(&path).unwrap();
        checkpoint(2).write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint(2)));
        // Killed between the two renames.
        fs::remove_file(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint(1)));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_seen() {
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
