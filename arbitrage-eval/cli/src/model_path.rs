//! From a model's name to its files.

use std::path::PathBuf;

use arbitrage_models::source::ModelSource;

use crate::Failure;
use crate::progress::DownloadProgress;

/// The path of a model, which is downloaded unless it is cached.
pub(crate) fn resolve(name: &str) -> Result<PathBuf, Failure> {
    Ok(ModelSource::parse(name)?.resolve(&mut DownloadProgress::default())?)
}
