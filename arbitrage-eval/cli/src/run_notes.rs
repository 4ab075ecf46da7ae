//! Where results go, and what records say beside models, router and limits.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_eval::problems::digest;
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::Failure;
use crate::cli::{LimitOptions, PairOptions};

/// Makes a folder, and those that it is in.
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    Ok(std::fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// What texts depend on beside models, router and limits.
pub fn notes(models: &PairOptions, limits: &LimitOptions, target: &str, problems: &[Problem]) -> Value {
    let PairOptions { temperature, top_p, top_k, min_p, system, placement, .. } = models;
    let mut notes = json!({
        "target": target,
        "problems": problems_note(problems),
        "segmenter": name(limits.segmenter),
        "sampling": { "temperature": temperature, "top_p": top_p, "top_k": top_k, "min_p": min_p },
        "system": system,
    });
    if let Some(backends) = placement.note() {
        notes["backends"] = backends;
    }
    notes
}

/// Which problems: a record's note `problems`.
pub fn problems_note(problems: &[Problem]) -> Value {
    json!({ "count": problems.len(), "digest": format!("{:016x}", digest(problems)) })
}

/// What an option's value is called on the command line.
pub fn name(value: impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}
