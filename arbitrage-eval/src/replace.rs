//! Atomic replacement of files.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Has `write` fill a new file in the same folder, then renames it to `path`. If anything fails, the old file is unchanged.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let replaced = filled(&new, write).and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        // Best effort: the error to report is the one above.
        drop(fs::remove_file(&new));
    }
    replaced
}

fn filled(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        replace(&path, |file| file.write_all(b"one")).unwrap();
        let half = |file: &mut BufWriter<File>| {
            file.write_all(b"two")?;
            Err(io::Error::other("no room"))
        };
        assert_eq!(replace(&path, half).unwrap_err().to_string(), "no room");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        replace(&path, |file| file.write_all(b"three")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
    }
}
