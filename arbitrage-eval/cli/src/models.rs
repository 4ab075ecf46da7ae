//! `arbitrage models`: downloads, lists, inspects and quantises models.

mod facts;
mod inspect;
mod quantise;

use std::io::Write;
use std::path::PathBuf;

use arbitrage_models::source::{ModelSource, SourceSettings, known_models};
use serde::Serialize;

use crate::Failure;
use crate::cli::ModelsCommand;
use crate::model_path::resolve;

/// Downloads, lists, inspects or quantises models.
pub(crate) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    let out = &mut std::io::stdout().lock();
    match command {
        ModelsCommand::Pull { names } => pull(names, out),
        ModelsCommand::List { json } => list(*json, out),
        ModelsCommand::Inspect(options) => inspect::run(options, out),
        ModelsCommand::Quantise(options) => quantise::run(options, out),
    }
}

fn pull(names: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    if names.is_empty() {
        let known: Vec<_> = known_models().iter().map(|model| model.name).collect();
        return Err(format!(
            "expected the name of a model ({} or hf:OWNER/REPO:FILE.gguf), found none",
            known.join(", ")
        )
        .into());
    }
    for name in names {
        ModelSource::parse(name)?; // a misspelt name is reported before anything is downloaded
    }
    for name in names {
        writeln!(out, "{}", resolve(name)?.display())?;
    }
    Ok(())
}

/// A known model, as `models list --json` shows it.
#[derive(Serialize)]
struct ListedModel {
    name: &'static str,
    bytes: u64,
    licence: &'static str,
    /// Where it is cached, if it is.
    path: Option<PathBuf>,
}

fn list(json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = SourceSettings::from_env()?;
    if json {
        let listed = known_models().iter().map(|model| ListedModel {
            name: model.name,
            bytes: model.bytes,
            licence: model.licence,
            path: settings.cached(model),
        });
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&listed.collect::<Vec<_>>())?)?);
    }
    let width = known_models().iter().map(|model| model.name.len()).max().unwrap_or(0);
    for model in known_models() {
        let location =
            settings.cached(model).map_or_else(|| "not cached".to_owned(), |path| path.display().to_string());
        writeln!(out, "{:width$}  {:>8}  {:10}  {location}", model.name, size(model.bytes), model.licence)?;
    }
    writeln!(out, "cache: {}", settings.cache.display())?;
    Ok(())
}

/// `bytes` in decimal units.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
