//! The router's threshold.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::calibrate;
use crate::cli::{CalibrateOptions, CalibrationMethod, FitOptions, HiddenStateOptions};
use crate::files::{create_folder, in_file};
use crate::pair::draft_name;

/// Files of a training that are no part of the router.
const CHECKPOINT: &str = "checkpoint";

/// Copies the trained router to `out`, and sets its threshold there by collected steps. The folder appears when it is complete.
pub(super) fn calibrate(options: &FitOptions, trained: &Path, traces: Vec<PathBuf>, out: &Path) -> Result<(), Failure> {
    let new = out.with_extension("new");
    copy_router(trained, &new)?;
    calibrate::run(&CalibrateOptions {
        router: new.clone(),
        traces,
        goal: options.goal,
        calibration: CalibrationMethod::Isotonic,
        states: HiddenStateOptions {
            draft: draft_name(&options.models).ok().filter(|_| options.base.is_none()),
            states: Some(out.with_file_name("calibration-states.safetensors")),
            device: options.models.placement.device.clone(),
        },
    })?;
    replace_folder(&new, out)
}

/// Copies the files of a router, but not those that its training left for resuming, into a new folder.
fn copy_router(from: &Path, to: &Path) -> Result<(), Failure> {
    remove_folder(to)?;
    create_folder(to)?;
    for entry in std::fs::read_dir(from).map_err(in_file(from))? {
        let path = entry.map_err(in_file(from))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_file() && !name.to_string_lossy().starts_with(CHECKPOINT) {
            std::fs::copy(&path, to.join(name)).map_err(in_file(&path))?;
        }
    }
    Ok(())
}

fn replace_folder(new: &Path, old: &Path) -> Result<(), Failure> {
    remove_folder(old)?;
    std::fs::rename(new, old).map_err(in_file(new))
}

fn remove_folder(path: &Path) -> Result<(), Failure> {
    if path.exists() { std::fs::remove_dir_all(path).map_err(in_file(path)) } else { Ok(()) }
}
