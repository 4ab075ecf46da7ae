//! From a model's name to its files.

use std::path::{Path, PathBuf};

use arbitrage_models::ModelFiles;
use arbitrage_models::source::ModelSource;

use crate::Failure;
use crate::progress::DownloadProgress;

/// The path of a model, which is downloaded unless it is cached.
pub(crate) fn resolve(name: &str) -> Result<PathBuf, Failure> {
    Ok(ModelSource::parse(name)?.resolve(&mut DownloadProgress::default())?)
}

/// The file with the weights of a model's folder: safetensors, or a GGUF file in their place.
pub(crate) fn weights_file(folder: &Path) -> PathBuf {
    let gguf = folder.join(ModelFiles::GGUF_IN_FOLDER);
    let safetensors = folder.join("model.safetensors");
    if gguf.is_file() && !safetensors.exists() { gguf } else { safetensors }
}
