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
    for cached in model.cached_files(settings) {
        match check(model, &cached, progress) {
            Ok(()) => return Ok(cached.file),
            Err(line) => tried.push(line),
        }
    }
    Err(tried)
}

/// The folder of a cache in which all of `files` are, with the expected contents, or a line for every place where one is missing.
pub(super) fn find_folder(
    files: &[ModelFile<'_>],
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Vec<String>> {
    let own = |file: &ModelFile<'_>| Some(file.cache_entry(settings));
    let theirs = |file: &ModelFile<'_>| file.in_hub_cache(settings);
    let mut tried = Vec::new();
    for place in [&own as &dyn Fn(&ModelFile<'_>) -> Option<CachedFile>, &theirs] {
        let Some(cached) = files.iter().map(place).collect::<Option<Vec<_>>>() else { continue };
        let checked = files.iter().zip(&cached).try_for_each(|(file, cached)| check(file, cached, progress));
        match (checked, cached.first().and_then(|cached| cached.file.parent())) {
            (Ok(()), Some(folder)) => return Ok(folder.to_owned()),
            (Ok(()), None) => {}
            (Err(line), _) => tried.push(line),
        }
    }
    Err(tried)
}

/// Checks that `cached` is `model`; the error is a line that says where it is not, and why.
fn check(model: &ModelFile<'_>, cached: &CachedFile, progress: &mut dyn Progress) -> Result<(), String> {
    let CachedFile { file, stamp } = cached;
    let reason = match fs::metadata(file) {
        Err(error) => error.to_string(),
        Ok(data) if !model.has_expected_size(file) => format!("{} bytes, so it is not the model", data.len()),
        Ok(_) => match digest_stamp::check(file, stamp, model.sha256, progress) {
            Ok(()) => return Ok(()),
            Err(Error::Digest { found, .. }) => format!("its SHA-256 is {found}, so it is not the model"),
            Err(error) => error.to_string(),
        },
    };
    Err(format!("cache: {}: {reason}", file.display()))
}

/// The error of a model file that no source had, with what was tried and what the user can do.
pub(super) fn not_available(model: &ModelFile<'_>, settings: &SourceSettings, tried: &[String]) -> Error {
    let CachedFile { file, .. } = model.cache_entry(settings);
    let size = model.bytes.map(|bytes| format!(" of {bytes} bytes")).unwrap_or_default();
    let digest = model.sha256.map(|digest| format!(" with SHA-256 {digest}")).unwrap_or_default();
    nowhere(&model.name, tried, &format!("put the file{size}{digest} at {}", file.display()))
}

/// The error of the model called `name`, which no source had; `advice` is what the user can do otherwise.
pub(super) fn nowhere(name: &str, tried: &[String], advice: &str) -> Error {
    let tried: String = tried.iter().map(|line| format!("- {line}\n")).collect();
    Error::Source { name: name.to_owned(), tried: format!("{tried}Make one of these work, or {advice}") }
}
