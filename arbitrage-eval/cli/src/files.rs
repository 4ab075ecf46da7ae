//! Reading and writing of files, with errors that name the file.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::Failure;

/// Puts the file's name before an error.
pub(crate) fn in_file<E: Display>(path: &Path) -> impl Fn(E) -> Failure {
    move |error| format!("{}: {error}", path.display()).into()
}

/// Creates a folder and its parents.
pub(crate) fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(in_file(path))
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(in_file(path))
}

/// Writes a file, in place of an earlier one.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(in_file(path))
}

/// Writes a value as JSON, if there is a path to write it to.
pub(crate) fn write_json(path: Option<&Path>, value: &impl Serialize) -> Result<(), Failure> {
    path.map_or(Ok(()), |path| write(path, serde_json::to_vec_pretty(value)?))
}
