//! From the address of a model on the hub to its file or folder.
//!
//! The caches come first: what a record says, a file that the user put there, and the cache of Hugging Face's own tools. Then the hub is
//! asked what the repository holds; the files that are the model are downloaded, all from one commit, and recorded. A model that is
//! recorded is what it was: the hub is asked anew only for an update.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache_lookup::{find_together, not_available, nowhere};
use super::commit_files::{CommitFile, CommitFiles};
use super::hub_model::{HubModel, HubPart};
use super::hub_selection::select;
use super::{Progress, SourceSettings, digest_stamp, hub_cache, hub_record, pull, resolve};
use crate::error::{Error, Result};
use crate::weights::safetensors::SafetensorsFolder;

/// The path of `model`, which is downloaded first if it is in no cache.
pub(super) fn resolve(model: &HubModel, settings: &SourceSettings, progress: &mut dyn Progress) -> Result<PathBuf> {
    let record = hub_record::read(model, &settings.cache);
    let mut tried = Vec::new();
    if !settings.update {
        match find(model, record.as_ref(), settings, progress) {
            Ok(path) => return Ok(path),
            Err(lines) => tried = lines,
        }
    }
    if settings.offline {
        tried.push("hub: not tried, since ARBITRAGE_OFFLINE is set".to_owned());
        return Err(unavailable(model, settings, &tried));
    }
    let wanted = match &record {
        Ok(record) if !settings.update => record.clone(),
        _ => ask(model, settings, tried, progress)?,
    };
    if let Ok(record) = &record {
        link_unchanged(model, record, &wanted, settings);
    }
    download(model, wanted, settings, progress)
}

/// The model in a cache, without any request, or a line for each place that lacks it.
fn find(
    model: &HubModel,
    record: Result<&CommitFiles, &String>,
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Vec<String>> {
    let reason = match record {
        Ok(files) => return find_files(model, files, settings, progress),
        Err(reason) => format!("cache: {reason}"),
    };
    let found = match CommitFiles::named(model).map(|files| files.pinned(&model.pinned)) {
        Some(Ok(files)) => find_files(model, &files, settings, progress),
        Some(Err(reason)) => Err(vec![format!("cache: {reason}")]),
        None => find_in_hub_cache(model, settings, progress),
    };
    found.map_err(|lines| std::iter::once(reason).chain(lines).collect())
}

fn find_files(
    model: &HubModel,
    files: &CommitFiles,
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Vec<String>> {
    find_together(&files.model_files(model), settings, progress).map(|first| files.path_by_first(&first))
}

/// The model in the cache of Hugging Face's own tools, which says which commit a branch was, but not whether all files are there.
fn find_in_hub_cache(
    model: &HubModel,
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Vec<String>> {
    let Some(cache) = settings.hub_cache.as_deref() else { return Err(Vec::new()) };
    let Some(listing) = hub_cache::files(cache, model.repository(), model.revision()) else { return Err(Vec::new()) };
    let snapshot = hub_cache::snapshot(cache, model.repository(), &listing.commit);
    let line = |reason: String| vec![format!("cache: {}: {reason}", snapshot.display())];
    // Of the GGUF files of a repository, only those that were asked for are there: the usual one cannot be told from them.
    if *model.part() == HubPart::Repository && !listing.is_folder() {
        return Err(line("no safetensors".to_owned()));
    }
    let files = select(model, &listing).map_err(|error| line(error.to_string()))?;
    let files = files.pinned(&model.pinned).map_err(line)?;
    if files.is_folder() {
        check_folder(&snapshot).map_err(line)?;
    }
    find_files(model, &files, settings, progress)
}

/// Refuses a folder of which a part was not downloaded: a part of the weights, or the tokenizer.
fn check_folder(path: &Path) -> Result<(), String> {
    match path.join("tokenizer.json").exists() {
        true => SafetensorsFolder::open(path).map(drop).map_err(|error| error.to_string()),
        false => Err("no tokenizer.json beside the safetensors".to_owned()),
    }
}

/// The files that are the model, as the hub has them now.
fn ask(
    model: &HubModel,
    settings: &SourceSettings,
    mut tried: Vec<String>,
    progress: &mut dyn Progress,
) -> Result<CommitFiles> {
    let mut fail = |line: String| {
        tried.push(line);
        unavailable(model, settings, &tried)
    };
    let listing = pull::list(model, settings).map_err(&mut fail)?;
    let files = select(model, &listing)?;
    if let (HubPart::Repository, false, Some(file)) = (model.part(), files.is_folder(), files.files.first()) {
        progress.start(&format!("taking {} of {model}, which has no safetensors", file.name), None);
        progress.finish();
    }
    files.pinned(&model.pinned).map_err(|reason| fail(format!("hub: {reason}")))
}

/// Gives files that did not change since the recorded commit their new place too, so that they are not downloaded again. A file that
/// cannot be linked is downloaded.
fn link_unchanged(model: &HubModel, record: &CommitFiles, wanted: &CommitFiles, settings: &SourceSettings) {
    for (file, new) in wanted.files.iter().zip(wanted.model_files(model)) {
        let is_same = |old: &CommitFile| file.sha256.is_some() && old.sha256 == file.sha256;
        let Some(at) = record.files.iter().position(is_same) else { continue };
        let old = record.model_files(model)[at].cache_entry(settings).file;
        let new = new.cache_entry(settings).file;
        if let Some(folder) = new.parent().filter(|_| old.is_file() && !new.exists()) {
            fs::create_dir_all(folder).and_then(|()| fs::hard_link(&old, &new)).ok();
        }
    }
}

/// Downloads the files that are in no cache, and records all of them.
fn download(
    model: &HubModel,
    mut files: CommitFiles,
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf> {
    let (mut found, mut complete) = (Vec::new(), Vec::new());
    for (file, known) in files.model_files(model).iter().zip(&files.files) {
        let path = resolve::resolve(file, settings, progress)?;
        complete.push(completed(known, &path, progress)?);
        found.push(path);
    }
    let path = match found.first() {
        Some(first) => files.path_by_first(first),
        None => files.path(model.repository(), &settings.cache),
    };
    files.files = complete;
    hub_record::write(model, files, &settings.cache)?;
    Ok(path)
}

/// `file` with the size and digest of what was found at `path`.
fn completed(file: &CommitFile, path: &Path, progress: &mut dyn Progress) -> Result<CommitFile> {
    let data = fs::metadata(path).map_err(|error| Error::io(path, error))?;
    let sha256 = match &file.sha256 {
        Some(digest) => digest.clone(),
        None => digest_stamp::digest(path, &digest_stamp::path_for(path), progress)?,
    };
    Ok(CommitFile { name: file.name.clone(), bytes: Some(data.len()), sha256: Some(sha256) })
}

/// The error of a model that no source had, with what was tried and what the user can do.
fn unavailable(model: &HubModel, settings: &SourceSettings, tried: &[String]) -> Error {
    let named = CommitFiles::named(model).and_then(|files| files.pinned(&model.pinned).ok());
    let advice = match named.as_ref().map(|files| files.model_files(model)).as_deref() {
        Some([file]) => return not_available(file, settings, tried),
        Some([first, others @ ..]) => {
            let (place, count) = (first.cache_entry(settings).file, others.len() + 1);
            format!("put the {count} parts of the file side by side, the first at {}", place.display())
        }
        _ => format!("download it with `hf download {}`, and name its path", model.repository()),
    };
    nowhere(&model.to_string(), tried, &advice)
}
