//! Files of JSON lines that are there whole or not at all.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::HarnessError;
use crate::replace::replace;

/// Writes a line a row to `path`, which replaces what was there in one move.
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
