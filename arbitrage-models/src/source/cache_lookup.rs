//! The search for a model in the caches, and the error where no source has it.

use std::fs;
use std::path::PathBuf;

use super::model_file::{CachedFile, ModelFile};
use super::{Progress, SourceSettings, digest_stamp};
use crate::error::{Error, Result};

/// A cached file with the expected contents, or a line for every place that lacks it, saying why.
pub(super) fn find_cached(
    model: &ModelFile<'_>,
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Vec<String>> {
    let mut tried = Vec::new();
    for CachedFile { file, stamp } in model.cached_files(settings) {
        let reason = match fs::metadata(&file) {
            Err(error) => error.to_string(),
            Ok(data) if !model.has_expected_size(&file) => format!("{} bytes, so it is not the model", data.len()),
            Ok(_) => match digest_stamp::check(&file, &stamp, model.sha256, progress) {
                Ok(()) => return Ok(file),
                Err(Error::Digest { found, .. }) => format!("its SHA-256 is {found}, so it is not the model"),
                Err(error) => error.to_string(),
            },
        };
        tried.push(format!("cache: {}: {reason}", file.display()));
    }
    Err(tried)
}

/// The error of a model that no source had, with what was tried and what the user can do.
pub(super) fn not_available(model: &ModelFile<'_>, settings: &SourceSettings, tried: &[String]) -> Error {
    let CachedFile { file, .. } = model.cache_entry(settings);
    let size = model.bytes.map(|bytes| format!(" of {bytes} bytes")).unwrap_or_default();
    let digest = model.sha256.map(|digest| format!(" with SHA-256 {digest}")).unwrap_or_default();
    let tried: String = tried.iter().map(|line| format!("- {line}\n")).collect();
    let advice = format!("Make one of these work, or put the file{size}{digest} at {}", file.display());
    Error::Source { name: model.name.clone(), tried: tried + &advice }
}
