//! The notes in the record of a run. With models, router and limits they decide whether an interrupted run may be resumed.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::trace::{ProblemsNote, RunNotes, SamplingNote};
use arbitrage_eval::problems::digest;
use arbitrage_models::source::file_digest;
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

/// How many problems there are, and which.
pub(crate) fn problems_note(problems: &[Problem]) -> ProblemsNote {
    ProblemsNote { count: problems.len(), digest: format!("{:016x}", digest(problems)) }
}

/// Digest of the weights in the folder of a trained router or scorer.
pub(crate) fn weights_digest(folder: &Path) -> Result<String, Failure> {
    Ok(file_digest(weights_file(folder))?)
}

/// The name of an option's value on the command line.
pub(crate) fn option_value(value: impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}
