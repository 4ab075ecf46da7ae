//! The router's threshold.

use std::path::{Path, PathBuf};

use arbitrage_models::source::file_digest;
use arbitrage_router::calibrate::Goal;
use arbitrage_router::learned::CARD_FILE;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calibration_stages::CALIBRATION_STATES;
use super::parts::part_options;
use crate::Failure;
use crate::calibrate;
use crate::cli::{CalibrateOptions, CalibrationMethod, FitOptions, PairOptions};
use crate::files::{create_folder, in_file, read_text};
use crate::interrupt;
use crate::pair::draft_name;
use crate::run_notes::weights_digest;

/// Files of a training that are no part of the router.
const CHECKPOINT: &str = "checkpoint";
/// Number of thresholds that are tested for a promise, besides the safest one.
const THRESHOLDS: u16 = 12;

/// What a calibration has come to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CalibrationOutcome {
    /// Why no threshold is known to meet the goal; `None` where the router's card has one.
    pub refusal: Option<String>,
    /// SHA-256 of the card.
    card: String,
}

/// The calibration of a trained router.
pub(super) struct Calibration<'a> {
    /// The options.
    pub options: &'a FitOptions,
    /// The folder of the trained router.
    pub trained: PathBuf,
    /// The file of the problems.
    pub problems: PathBuf,
    /// Their collected steps, for a goal about steps.
    pub steps: PathBuf,
    /// The folder for the runs of a goal about lost problems.
    pub runs: PathBuf,
    /// File of that goal's figures.
    pub figures: PathBuf,
    /// The folder for the router with its threshold.
    pub out: PathBuf,
}

impl Calibration<'_> {
    /// Copies the trained router, and sets its threshold. An interrupted calibration is resumed from its runs.
    pub(super) fn run(&self) -> Result<CalibrationOutcome, Failure> {
        copy_router(&self.trained, &self.out)?;
        let refusal = match self.options.goal {
            Goal::Loss(_) => self.run_for_promise()?,
            _ => calibrate::run(&self.by_steps()).map(|()| None)?,
        };
        Ok(CalibrationOutcome { refusal, card: file_digest(self.out.join(CARD_FILE))? })
    }

    /// Returns why nothing can be promised; `None` where something can.
    fn run_for_promise(&self) -> Result<Option<String>, Failure> {
        if self.figures.exists() {
            std::fs::remove_file(&self.figures).map_err(in_file(&self.figures))?;
        }
        // Runs of another router are no use, and those of this one are the same for every goal.
        let digest = weights_digest(&self.trained)?;
        let runs = self.runs.join(digest.get(..12).unwrap_or(&digest));
        match calibrate::run(&self.by_runs(runs)) {
            Ok(()) => Ok(None),
            Err(error) => {
                interrupt::check()?;
                // That nothing is shown is an answer, and the only error after which there are figures.
                if !self.figures.exists() || has_promise(&self.figures)? {
                    return Err(error);
                }
                Ok(Some(error.to_string()))
            }
        }
    }

    fn by_steps(&self) -> CalibrateOptions {
        let states = Some(self.out.with_file_name(CALIBRATION_STATES));
        // A text router needs no hidden states.
        let draft = draft_name(&self.options.models).ok().filter(|_| self.options.base.is_none());
        let models = PairOptions { draft, ..self.options.models.clone() };
        CalibrateOptions { traces: vec![self.steps.clone()], states, models, ..self.common() }
    }

    fn by_runs(&self, runs: PathBuf) -> CalibrateOptions {
        CalibrateOptions { out: Some(runs), json: Some(self.figures.clone()), ..self.common() }
    }

    fn common(&self) -> CalibrateOptions {
        let FitOptions { models, limits, problems, goal, confidence, .. } = self.options;
        CalibrateOptions {
            router: Some(self.out.clone()),
            policy: None,
            goal: *goal,
            confidence: *confidence,
            traces: Vec::new(),
            runs: Vec::new(),
            out: None,
            thresholds: THRESHOLDS,
            taus: Vec::new(),
            splits: None,
            split_share: 0.25,
            json: None,
            calibration: CalibrationMethod::Isotonic,
            states: None,
            models: models.clone(),
            limits: limits.clone(),
            problems: part_options(&self.problems, problems),
        }
    }
}

/// Whether the figures of a calibration end in a promise.
fn has_promise(figures: &Path) -> Result<bool, Failure> {
    let figures_json: Value = serde_json::from_str(&read_text(figures)?).map_err(in_file(figures))?;
    Ok(!figures_json["promise"].is_null())
}

/// Copies the files of a router, but not those that its training left for resuming, into a new folder. The folder appears when it is complete.
pub(super) fn copy_router(from: &Path, to: &Path) -> Result<(), Failure> {
    let new = to.with_extension("new");
    remove_folder(&new)?;
    create_folder(&new)?;
    for entry in std::fs::read_dir(from).map_err(in_file(from))? {
        let path = entry.map_err(in_file(from))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_file() && !name.to_string_lossy().starts_with(CHECKPOINT) {
            std::fs::copy(&path, new.join(name)).map_err(in_file(&path))?;
        }
    }
    remove_folder(to)?;
    std::fs::rename(&new, to).map_err(in_file(&new))
}

fn remove_folder(path: &Path) -> Result<(), Failure> {
    if path.exists() { std::fs::remove_dir_all(path).map_err(in_file(path)) } else { Ok(()) }
}
