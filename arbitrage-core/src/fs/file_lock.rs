//! Locks between processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A lock on a file that keeps other processes out, with its holder's process id in a file for their error messages. The system
/// releases it when the process ends, however it ends.
///
/// On a file system without locks, the work is done without: right, unless two processes do it at once.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
    /// A file with the process id that exists only while the lock is held.
    id_file: Option<PathBuf>,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it: `process` and its id, or `another process` where the id is unknown.
    #[error("{0} holds the lock")]
    Held(String),
    /// The lock file could not be opened or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FileLock {
    /// Takes the lock file at `path`, which is created where there is none, and writes the process id into it. The file stays when
    /// the lock is released, since another process may wait for it.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let file = open(path)?;
        try_lock(&file, path)?;
        Ok(Self::with_id(file)?)
    }

    /// Takes the lock file at `path` as [`acquire`](Self::acquire) does, once no other process holds it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn wait(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        file.lock()?;
        Self::with_id(file)
    }

    /// Locks `file`, which is the one at `path`, against other writers of its content. While the lock is held, a file with the
    /// extension `lock` added contains the process id.
    ///
    /// # Errors
    /// [`LockError::Held`].
    pub fn of_content(file: File, path: &Path) -> Result<Self, LockError> {
        let id_path = path.with_added_extension("lock");
        try_lock(&file, &id_path)?;
        // Devices and pipes have no such file. Nothing breaks where it cannot be written: it serves error messages alone.
        let id_file = file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(id_path);
        if let Some(path) = &id_file {
            fs::write(path, std::process::id().to_string()).ok();
        }
        Ok(Self { _file: file, id_file })
    }

    fn with_id(mut file: File) -> io::Result<Self> {
        file.set_len(0)?;
        write!(file, "{}", std::process::id())?;
        Ok(Self { _file: file, id_file: None })
    }
}

impl Drop for FileLock {
    /// Removes the file with the process id while the lock is still held, so that it is not the next holder's.
    fn drop(&mut self) {
        if let Some(path) = &self.id_file {
            fs::remove_file(path).ok();
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)
}

/// Only a lock that another process holds is an error: file systems without locks say so with several codes.
fn try_lock(file: &File, id_path: &Path) -> Result<(), LockError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let id = fs::read_to_string(id_path).ok().and_then(|text| text.trim().parse::<u32>().ok());
            Err(LockError::Held(id.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_names_its_holder_and_a_released_one_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = FileLock::acquire(&path).unwrap();
        let held = FileLock::acquire(&path).unwrap_err();
        assert_eq!(held.to_string(), format!("process {} holds the lock", std::process::id()));
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || FileLock::wait(&path).map(drop)
        });
        drop(lock);
        waiting.join().unwrap().unwrap();
        FileLock::acquire(&path).unwrap();
        assert!(matches!(FileLock::acquire(&path.join("below")), Err(LockError::Io(_))));
    }

    #[test]
    fn a_lock_on_a_content_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("content");
        let open = || File::options().create(true).append(true).open(&path).unwrap();
        let lock = FileLock::of_content(open(), &path).unwrap();
        assert!(
            matches!(FileLock::of_content(open(), &path), Err(LockError::Held(holder)) if holder.contains("process "))
        );
        drop(lock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        FileLock::of_content(open(), &path).unwrap();
    }
}
