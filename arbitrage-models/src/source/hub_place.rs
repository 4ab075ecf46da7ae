//! Where a model on the hub is, as far as that is known without a request and without reading the model.

use std::path::PathBuf;

use super::cache_lookup::find_by_size;
use super::commit_files::CommitFiles;
use super::hub_model::HubModel;
use super::{SourceSettings, hub_record};

/// Where `model` is recorded to be, or else where it would be put, as far as that can be known without the hub.
pub(super) fn expected_path(model: &HubModel, settings: &SourceSettings) -> PathBuf {
    match hub_record::read(model, &settings.cache) {
        Ok(record) => record.path(model.repository(), &settings.cache),
        Err(_) => settings.cache.join(model.own_place()),
    }
}

/// Where `model` is, by the sizes of its files: their contents are not checked.
pub(super) fn cached(model: &HubModel, settings: &SourceSettings) -> Option<PathBuf> {
    let find = |files: CommitFiles| {
        let first = find_by_size(&files.model_files(model), settings)?;
        Some(files.path_by_first(&first))
    };
    let recorded = hub_record::read(model, &settings.cache).ok().and_then(find);
    recorded.or_else(|| find(CommitFiles::named(model)?.pinned(&model.pinned).ok()?))
}
