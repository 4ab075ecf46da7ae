//! Files of JSON lines that are replaced atomically.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::HarnessError;
use crate::replace::replace;

/// Writes one JSON line per row to `path`, replacing the file atomically.
pub(super) fn replace_lines<T: Serialize>(path: &Path, rows: impl IntoIterator<Item = T>) -> Result<(), HarnessError> {
    let replaced = replace(path, |file| {
        for row in rows {
            serde_json::to_writer(&mut *file, &row)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    });
    replaced.map_err(|source| HarnessError::io(path, source))
}
