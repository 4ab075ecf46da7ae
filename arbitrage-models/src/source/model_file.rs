//! A model's file: what it is called, where it may be, and what is known about its contents.

use std::path::{Path, PathBuf};

use super::{HubAddress, HubFile, KnownModel, SourceSettings, Wheels, digest_stamp, hub_cache};

/// A file that a user asks for.
pub(super) struct ModelFile<'a> {
    /// The name that the user knows it by.
    pub name: String,
    /// Its path inside the cache folder.
    pub file: PathBuf,
    /// Its size, where it is known.
    pub bytes: Option<u64>,
    /// Its digest, where it is known.
    pub sha256: Option<&'a str>,
    /// Where it is on the hub.
    pub hub: Option<HubAddress<'a>>,
    /// Packages that carry it.
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "only downloads read it"))]
    pub wheels: Option<Wheels>,
}

/// A place where a model may already be, and the path of its [digest stamp](super::DigestStamp).
pub(super) struct CachedFile {
    pub file: PathBuf,
    pub stamp: PathBuf,
}

impl<'a> ModelFile<'a> {
    pub(super) fn known(model: &'a KnownModel) -> Self {
        Self {
            name: model.name.to_owned(),
            file: PathBuf::from(model.file),
            bytes: Some(model.bytes),
            sha256: Some(model.sha256),
            hub: model.hub,
            wheels: model.wheels,
        }
    }

    pub(super) fn hub(file: &'a HubFile) -> Self {
        Self {
            name: file.to_string(),
            file: Path::new("hf").join(file.repository()).join(file.file()),
            bytes: None,
            sha256: None,
            hub: Some(HubAddress { repository: file.repository(), file: file.file() }),
            wheels: None,
        }
    }

    /// Its place in our own cache.
    pub(super) fn cache_entry(&self, settings: &SourceSettings) -> CachedFile {
        let file = settings.cache.join(&self.file);
        CachedFile { stamp: digest_stamp::path_for(&file), file }
    }

    /// The folder of its unfinished downloads.
    pub(super) fn staging_dir(&self, settings: &SourceSettings) -> PathBuf {
        settings.cache.join(".pull").join(self.file.to_string_lossy().replace(['/', '\\'], "--"))
    }

    /// Every place where it may already be, our own cache first.
    pub(super) fn cached_files(&self, settings: &SourceSettings) -> Vec<CachedFile> {
        let mut files = vec![self.cache_entry(settings)];
        if let (Some(cache), Some(address)) = (&settings.hub_cache, self.hub) {
            // The hub's cache belongs to other tools and is never written, so the stamp is kept in our own.
            let stamp = self.staging_dir(settings).with_added_extension("hub.ok");
            files.extend(hub_cache::find(cache, address).map(|file| CachedFile { file, stamp }));
        }
        files
    }

    /// Whether there is a file at `path` of the expected size.
    pub(super) fn has_expected_size(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|data| data.is_file() && self.bytes.is_none_or(|bytes| data.len() == bytes))
    }
}
