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

/// The first of `files` in a cache that has all of them side by side, with the expected contents, or a line for every place where one is
/// missing.
pub(super) fn find_together(
    files: &[ModelFile<'_>],
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Vec<String>> {
    let mut tried = Vec::new();
    for cached in places(files, settings) {
        let checked = files.iter().zip(&cached).try_for_each(|(file, cached)| check(file, cached, progress));
        match (checked, cached.into_iter().next()) {
            (Ok(()), Some(first)) => return Ok(first.file),
            (Ok(()), None) => {}
            (Err(line), _) => tried.push(line),
        }
    }
    Err(tried)
}

/// As [`find_together`], by the sizes of the files: their contents are not checked.
pub(super) fn find_by_size(files: &[ModelFile<'_>], settings: &SourceSettings) -> Option<PathBuf> {
    let are_there =
        |cached: &Vec<CachedFile>| files.iter().zip(cached).all(|(file, cached)| file.has_expected_size(&cached.file));
    Some(places(files, settings).into_iter().find(are_there)?.into_iter().next()?.file)
}

/// Where `files` may be side by side: in our own cache, and in that of Hugging Face's own tools if it has all of them.
fn places(files: &[ModelFile<'_>], settings: &SourceSettings) -> Vec<Vec<CachedFile>> {
    let own = files.iter().map(|file| file.cache_entry(settings)).collect();
    let theirs = files.iter().map(|file| file.in_hub_cache(settings)).collect::<Option<_>>();
    std::iter::once(own).chain(theirs).collect()
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
