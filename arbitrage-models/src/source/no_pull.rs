//! What stands in for downloads in a program that was built without the feature `pull`.

use std::path::PathBuf;

use super::cache_lookup::not_available;
use super::commit_files::CommitFiles;
use super::model_file::ModelFile;
use super::{HubModel, Progress, SourceSettings};
use crate::error::Result;

/// Why nothing is downloaded.
const REASON: &str = "not tried, since this program was built without the feature `pull`";

/// The error of `model`, which is in no cache, as `tried` says in a line for each.
pub(super) fn download(
    model: &ModelFile<'_>,
    settings: &SourceSettings,
    mut tried: Vec<String>,
    _progress: &mut dyn Progress,
) -> Result<PathBuf> {
    tried.push(format!("hub and package index: {REASON}"));
    Err(not_available(model, settings, &tried))
}

/// Why the repository of a model cannot be listed.
pub(super) fn list(_model: &HubModel, _settings: &SourceSettings) -> Result<CommitFiles, String> {
    Err(format!("hub: {REASON}"))
}
