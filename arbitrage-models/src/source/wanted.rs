//! A file that is to be had, and what is known of it.

use std::path::{Path, PathBuf};

use super::seal;
use super::{HubFile, KnownModel, Settings, Wheels};

/// A file to be had.
pub(super) struct Wanted<'a> {
    /// What the user calls it.
    pub name: String,
    /// Its path below the cache folder.
    pub file: PathBuf,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its digest.
    pub sha256: Option<&'a str>,
    /// Repository and file on the hub.
    pub hub: Option<(&'a str, &'a str)>,
    /// Packages that carry it.
    pub wheels: Option<Wheels>,
}

/// A file that may be there, and where the memory of having checked it is kept.
pub(super) struct Place {
    pub file: PathBuf,
    pub seal: PathBuf,
}

impl<'a> Wanted<'a> {
    pub fn known(model: &'a KnownModel) -> Self {
        Self {
            name: model.name.to_owned(),
            file: PathBuf::from(model.file),
            bytes: Some(model.bytes),
            sha256: Some(model.sha256),
            hub: model.hub,
            wheels: model.wheels,
        }
    }

    pub fn hub(file: &'a HubFile) -> Self {
        Self {
            name: file.to_string(),
            file: Path::new("hf").join(file.repository()).join(file.file()),
            bytes: None,
            sha256: None,
            hub: Some((file.repository(), file.file())),
            wheels: None,
        }
    }

    /// Where it belongs in the cache.
    pub fn home(&self, settings: &Settings) -> Place {
        let file = settings.cache.join(&self.file);
        Place { seal: seal::beside(&file), file }
    }

    /// The folder of files that are not whole yet.
    pub fn workshop(&self, settings: &Settings) -> PathBuf {
        settings.cache.join(".pull").join(self.file.to_string_lossy().replace(['/', '\\'], "--"))
    }

    /// Every place where it may lie, the cache first.
    pub fn places(&self, settings: &Settings) -> Vec<Place> {
        let mut places = vec![self.home(settings)];
        if let (Some(cache), Some((repository, file))) = (&settings.hub_cache, self.hub) {
            // That cache belongs to other tools, so the memory of our check is kept in our own.
            let seal = self.workshop(settings).with_added_extension("hub.ok");
            let found = hf_hub::Cache::new(cache.clone()).model(repository.to_owned()).get(file);
            places.extend(found.map(|file| Place { file, seal }));
        }
        places
    }

    /// Whether there is a file at `path` with as many bytes as it should have.
    pub fn has_right_size(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|data| data.is_file() && self.bytes.is_none_or(|bytes| data.len() == bytes))
    }
}
