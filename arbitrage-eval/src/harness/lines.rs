//! Files of JSON lines that are replaced atomically.

use std::path::Path;

use arbitrage_core::fs::write_atomic;
use serde::Serialize;

use super::HarnessError;

/// Writes one JSON line per row to `path`, replacing the file atomically.
pub(super) fn replace_lines<T: Serialize>(path: &Path, rows: impl IntoIterator<Item = T>) -> Result<(), HarnessError> {
    let replaced = write_atomic(path, |file| {
        for row in rows {
            serde_json::to_writer(&mut *file, &row)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    });
    replaced.map_err(|source| HarnessError::io(path, source))
}
