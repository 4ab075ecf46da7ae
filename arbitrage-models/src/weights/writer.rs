//! Writing weight files: trained models, fixtures of tests, and requantised weights.
//!
//! A file is complete when it appears under its name: it is written under a temporary name, synced, and renamed.

mod gguf;
mod safetensors;

pub use gguf::GgufWriter;
pub use safetensors::write_safetensors;

use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// [`arbitrage_core::fs::write_atomic`] with an error that names the file.
///
/// # Errors
/// [`Error::Io`]; the file at `path` is then unchanged.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    arbitrage_core::fs::write_atomic(path, write).map_err(|source| Error::io(path, source))
}
