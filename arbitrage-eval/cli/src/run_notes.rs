//! The notes in the record of a run. With models, router and limits they decide whether an interrupted run may be resumed.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::text::fnv1a;
use arbitrage_core::trace::{ProblemsNote, RunNotes, SamplingNote};
use arbitrage_eval::problems::digest;
use arbitrage_models::source::file_digest;
use arbitrage_router::Policy;
use arbitrage_router::learned::Card;
use clap::ValueEnum;

use crate::Failure;
use crate::cli::{LimitOptions, PairOptions};
use crate::model_path::weights_file;

/// The settings that every run's texts depend on.
pub(crate) fn run_notes(models: &PairOptions, limits: &LimitOptions, target: &str, problems: &[Problem]) -> RunNotes {
    RunNotes {
        target: Some(target.to_owned()),
        problems: Some(problems_note(problems)),
        segmenter: option_value(limits.segmenter),
        sampling: Some(SamplingNote {
            temperature: models.temperature.into(),
            top_p: models.top_p.map(f64::from),
            top_k: models.top_k,
            min_p: models.min_p.map(f64::from),
        }),
        system: models.system.clone(),
        backends: models.placement.backends(),
        ..RunNotes::default()
    }
}

/// Adds the policy to the notes. A trained router is identified by its weights and its calibration, since another one may lie in the same
/// folder later.
pub(crate) fn with_policy(mut notes: RunNotes, policy: Policy, router: Option<&Path>) -> Result<RunNotes, Failure> {
    notes.policy = Some(policy.to_string());
    if let (Policy::Learned(_), Some(folder)) = (policy, router) {
        notes.router = Some(weights_digest(folder)?);
        notes.calibrator = Some(calibrator_digest(&Card::open(folder)?));
    }
    Ok(notes)
}

/// How many problems there are, and which.
pub(crate) fn problems_note(problems: &[Problem]) -> ProblemsNote {
    ProblemsNote { count: problems.len(), digest: format!("{:016x}", digest(problems)) }
}

/// Digest of the weights in the folder of a trained router or scorer.
pub(crate) fn weights_digest(folder: &Path) -> Result<String, Failure> {
    Ok(file_digest(weights_file(folder))?)
}

/// Digest of the calibration of a router's estimates.
pub(crate) fn calibrator_digest(card: &Card) -> String {
    // A calibration is plain data, so that it always has a JSON text.
    let text = serde_json::to_string(&card.calibrator).unwrap_or_default();
    format!("{:016x}", fnv1a(text.bytes()))
}

/// The name of an option's value on the command line.
pub(crate) fn option_value(value: impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}
