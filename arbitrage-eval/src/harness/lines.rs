//! Files of JSON lines that are there whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::HarnessError;

/// Writes a line a row to `path`, which replaces what was there in one move.
pub(super) fn replace_lines<T: Serialize>(path: &Path, rows: impl IntoIterator<Item = T>) -> Result<(), HarnessError> {
    let new = path.with_extension("new");
    let io = |source| HarnessError::io(&new, source);
    let mut file = BufWriter::new(File::create(&new).map_err(io)?);
    for row in rows {
        serde_json::to_writer(&mut file, &row).map_err(|error| io(error.into()))?;
        file.write_all(b"\n").map_err(io)?;
    }
    file.into_inner().map_err(|error| io(error.into_error()))?.sync_all().map_err(io)?;
    std::fs::rename(&new, path).map_err(|source| HarnessError::io(path, source))
}
