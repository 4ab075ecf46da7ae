//! `arbitrage models`: downloads, lists and inspects models.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use arbitrage_models::ModelFiles;
use arbitrage_models::config::{ModelConfig, RopeScaling};
use arbitrage_models::source::{ModelSource, SourceSettings, known_digest, known_models};
use arbitrage_models::tokenizer::Tokenizer;
use arbitrage_models::weights::{WeightSource, scan_finite};

use crate::Failure;
use crate::cli::ModelsCommand;
use crate::model_path::resolve;

/// Downloads, lists or inspects models.
pub(crate) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    let out = &mut std::io::stdout().lock();
    match command {
        ModelsCommand::Pull { names } => pull(names, out),
        ModelsCommand::List => list(out),
        ModelsCommand::Inspect { model, tensors, scan } => inspect(model, *tensors, *scan, out),
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

fn list(out: &mut dyn Write) -> Result<(), Failure> {
    let settings = SourceSettings::from_env()?;
    let width = known_models().iter().map(|model| model.name.len()).max().unwrap_or(0);
    for model in known_models() {
        let location =
            settings.cached(model).map_or_else(|| "not cached".to_owned(), |path| path.display().to_string());
        writeln!(out, "{:width$}  {:>8}  {:10}  {location}", model.name, size(model.bytes), model.licence)?;
    }
    writeln!(out, "cache: {}", settings.cache.display())?;
    Ok(())
}

fn inspect(name: &str, tensors: bool, scan: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let path = resolve(name)?;
    let ModelFiles { weights, config, tokenizer } = ModelFiles::open(&path)?;
    writeln!(out, "file        {}", path.display())?;
    if let Some(digest) = known_digest(Path::new(name)).or_else(|| known_digest(&path)) {
        writeln!(out, "sha256      {digest}")?;
    }
    show_shape(&config, out)?;
    show_tokenizer(&tokenizer, out)?;
    show_types(&*weights, out)?;
    if tensors {
        show_tensors(&*weights, out)?;
    }
    if scan {
        scan_finite(&*weights)?;
        writeln!(out, "scan        every weight is finite")?;
    }
    Ok(())
}

fn show_shape(config: &ModelConfig, out: &mut dyn Write) -> io::Result<()> {
    let ModelConfig { family, layers, hidden, feed_forward, heads, kv_heads, head_dim, .. } = config;
    writeln!(out, "family      {}", family.escape_debug())?;
    writeln!(out, "layers      {layers} of width {hidden}, feed-forward {feed_forward}")?;
    writeln!(out, "attention   {heads} query heads, {kv_heads} key-value heads, {head_dim} wide")?;
    writeln!(
        out,
        "context     {} positions, {} of f16 cache each",
        config.context,
        size(config.cache_bytes_per_token(2) as u64)
    )?;
    let scaling = match &config.rope.scaling {
        RopeScaling::None => String::new(),
        // There are as many factors as half a head is wide: too many to print.
        RopeScaling::Factors(factors) => format!(", {} factors", factors.len()),
        other => format!(", {other:?}"),
    };
    writeln!(out, "rope        base {}{scaling}", config.rope.theta)?;
    writeln!(
        out,
        "vocabulary  {} rows, head {}",
        config.vocabulary,
        if config.tied { "tied to the embedding" } else { "separate" }
    )
}

fn show_tokenizer(tokenizer: &Tokenizer, out: &mut dyn Write) -> io::Result<()> {
    let quoted = |text: Option<&str>| text.map_or_else(|| "none".to_owned(), |text| format!("{text:?}"));
    writeln!(
        out,
        "tokenizer   {} tokens, begins with {}, ends with {} {:?}, chat template: {}",
        tokenizer.vocab_size(),
        quoted(tokenizer.bos_text()),
        quoted(tokenizer.eos_text()),
        tokenizer.eos_ids(),
        if tokenizer.chat_template().is_some() { "yes" } else { "no" },
    )
}

fn show_types(source: &dyn WeightSource, out: &mut dyn Write) -> Result<(), Failure> {
    let mut types = BTreeMap::<&str, (usize, u64)>::new();
    for name in source.names() {
        let Some(tensor) = source.get(&name)? else { continue };
        let (count, bytes) = types.entry(tensor.dtype.name()).or_default();
        *count += 1;
        *bytes += tensor.bytes.len() as u64;
    }
    let (count, bytes) = types.values().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    writeln!(out, "weights     {count} tensors, {}", size(bytes))?;
    for (name, (count, bytes)) in types {
        writeln!(out, "  {name:8}  {count:>5} tensors  {:>8}", size(bytes))?;
    }
    Ok(())
}

fn show_tensors(source: &dyn WeightSource, out: &mut dyn Write) -> Result<(), Failure> {
    for name in source.names() {
        let Some(tensor) = source.get(&name)? else { continue };
        // Names in a file are untrusted: they could hold escape sequences of the terminal.
        writeln!(out, "  {:8}  {:16}  {}", tensor.dtype.name(), format!("{:?}", tensor.shape), name.escape_debug())?;
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
