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
use crate::progress::DownloadProgress;

/// Downloads, lists, inspects or quantises models.
pub(crate) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    let out = &mut std::io::stdout().lock();
    match command {
        ModelsCommand::Pull { names, update } => pull(names, *update, out),
        ModelsCommand::List { json } => list(*json, out),
        ModelsCommand::Inspect(options) => inspect::run(options, out),
        ModelsCommand::Quantise(options) => quantise::run(options, out),
    }
}

fn pull(names: &[String], update: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = SourceSettings { update, ..SourceSettings::from_env()? };
    if names.is_empty() {
        let known: Vec<_> = listed(&settings)?.into_iter().map(|model| model.name).collect();
        return Err(format!(
            "expected the name of a model ({}, hf:OWNER/REPO, hf:OWNER/REPO:Q4_K_M or hf:OWNER/REPO:FILE.gguf), found none",
            known.join(", ")
        )
        .into());
    }
    // A misspelt name is reported before anything is downloaded.
    let sources = names.iter().map(|name| ModelSource::parse_with(name, &settings)).collect::<Result<Vec<_>, _>>()?;
    for source in sources {
        writeln!(out, "{}", source.resolve_with(&settings, &mut DownloadProgress::default())?.display())?;
    }
    Ok(())
}

/// A model with a name, as `models list --json` shows it.
#[derive(Serialize)]
struct ListedModel {
    name: String,
    /// Its size, where it is known without the hub.
    bytes: Option<u64>,
    licence: Option<String>,
    /// Its address on the hub, if the name stands in the user's own list.
    hub: Option<String>,
    /// Where it is cached, if it is.
    path: Option<PathBuf>,
}

/// The models of the program, then those of the user's own list.
fn listed(settings: &SourceSettings) -> Result<Vec<ListedModel>, Failure> {
    let known = known_models().iter().map(|model| ListedModel {
        name: model.name.to_owned(),
        bytes: Some(model.bytes),
        licence: Some(model.licence.to_owned()),
        hub: None,
        path: settings.cached(model),
    });
    let own = settings.user_models()?.into_iter().map(|model| ListedModel {
        path: settings.cached_from_hub(&model.hub),
        name: model.name,
        bytes: model.bytes,
        licence: model.licence,
        hub: Some(model.hub.to_string()),
    });
    Ok(known.chain(own).collect())
}

fn list(json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = SourceSettings::from_env()?;
    let models = listed(&settings)?;
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&models)?)?);
    }
    let width = models.iter().map(|model| model.name.len()).max().unwrap_or(0);
    for ListedModel { name, bytes, licence, hub, path } in &models {
        let bytes = bytes.map_or_else(|| "-".to_owned(), size);
        // The list is the user's, but may come from elsewhere: no escape sequence of it reaches the terminal.
        let licence = licence.as_deref().unwrap_or("-").escape_debug();
        let absent = hub.as_ref().map_or_else(|| "not cached".to_owned(), |hub| format!("not cached, {hub}"));
        let location = path.as_ref().map_or(absent, |path| path.display().to_string());
        writeln!(out, "{name:width$}  {bytes:>8}  {:10}  {location}", licence.to_string())?;
    }
    writeln!(out, "cache: {}", settings.cache.display())?;
    if settings.models.exists() {
        writeln!(out, "own models: {}", settings.models.display())?;
    }
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
