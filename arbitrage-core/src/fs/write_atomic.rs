//! Atomic replacement of files.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Replaces the file at `path` by what `write` writes, atomically: a reader, or a crash, finds the old file or the complete new one.
///
/// The new file is written in the same folder under a temporary name, synced, and renamed. A process that is killed meanwhile leaves
/// the temporary file, whose name begins with a dot.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("numbers");
/// arbitrage_core::fs::write_atomic(&path, |file| (1..=3).try_for_each(|number| write!(file, "{number} ")))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "1 2 3 ");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of `write` and of the file system; the file at `path` is then unchanged.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (file, temporary) = create_temporary(path)?;
    let written = fill(file, write).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the error to report is the one above.
        fs::remove_file(&temporary).ok();
    }
    written.and_then(|()| sync_folder(path))
}

/// Syncs the folder of `path`, so that a rename in it survives a crash. Only Unix can open folders for that.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn fill(file: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, file);
    write(&mut file)?;
    file.into_inner()?.sync_all()
}

/// A new file next to `path`. A name that is taken belongs to another writer, in this process or in another container where it has
/// the same id, or was left by a killed one.
fn create_temporary(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut attempts = 0;
    loop {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}-{attempts}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        match File::create_new(&temporary) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => attempts += 1,
            created => return created.map(|file| (file, temporary)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomic(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomic(&path, |file| {
            file.write_all(b"new")?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write_atomic(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn writers_of_one_file_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomic(&path, |outer| {
            outer.write_all(b"outer")?;
            write_atomic(&path, |inner| inner.write_all(b"inner"))?;
            assert_eq!(fs::read(&path)?, b"inner");
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"outer");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_that_do_not_exist_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no such folder/file");
        assert_eq!(write_atomic(&path, |_| Ok(())).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
