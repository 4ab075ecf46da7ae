//! Writing weight files: fixtures of tests, and weights that were quantised anew.
//!
//! A file appears under its name complete or not at all: it is written aside, synced, and renamed.

mod gguf;
mod safetensors;

pub use gguf::GgufWriter;
pub use safetensors::write_safetensors;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Lets `write` fill a file beside `path`, then puts it in place of whatever `path` was.
///
/// # Errors
/// [`Error::Io`]; `path` is then what it was.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let aside = aside(path);
    let written = fill(&aside, write).and_then(|()| fs::rename(&aside, path));
    if let Err(source) = written {
        // The first failure is the one to tell; a file that was never made cannot be removed either.
        let _ = fs::remove_file(&aside);
        return Err(Error::io(path, source));
    }
    sync_folder(path).map_err(|source| Error::io(path, source))
}

fn fill(aside: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, OpenOptions::new().write(true).create_new(true).open(aside)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()
}

/// A name in the same folder that no other process uses.
fn aside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Makes the rename itself last; only Unix can open folders for that.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{GgufWriter, write_safetensors, write_whole};
    use crate::error::Error;
    use crate::weights::{DType, TensorView};

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_whole(&path, |file| {
            file.write_all(b"new")?;
            Err(std::io::Error::other("disk full"))
        });
        assert!(failed.unwrap_err().to_string().contains("disk full"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write_whole(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_format_of_memory_goes_into_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let view = TensorView { name: "w", dtype: DType::Q3, shape: &[1, 32], bytes: &[0; 14] };
        let refused = [GgufWriter::new().tensor(view).write(&path), write_safetensors(&path, &[view])];
        for error in refused.map(Result::unwrap_err) {
            assert!(matches!(error, Error::Parameter { .. }) && error.to_string().contains("Q3"), "{error}");
        }
        assert!(!path.exists());
    }
}
