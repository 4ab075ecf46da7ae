//! Where a model on the hub is, as far as that is known without a request and without reading the model.

use std::path::PathBuf;

use super::hub_model::HubModel;
use super::model_file::ModelFile;
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
    let is_there = |file: &ModelFile<'_>| file.has_expected_size(&file.cache_entry(settings).file);
    match hub_record::read(model, &settings.cache) {
        Ok(record) if record.model_files(model).iter().all(is_there) => {
            Some(record.path(model.repository(), &settings.cache))
        }
        _ => ModelFile::named(model)?.cached(settings),
    }
}
