//! `arbitrage models inspect`: checks a model as loading does, and shows what is to know about it.

use std::io::{self, Write};

use arbitrage_models::ModelFiles;
use arbitrage_models::weights::scan_finite;

use super::facts::{ModelFacts, NamedToken, tensors};
use super::size;
use crate::Failure;
use crate::cli::InspectOptions;
use crate::model_path::resolve;

/// Characters of the rendered prompt that are shown.
const SHOWN_CHARS: usize = 70;

/// Checks and shows a model.
pub(super) fn run(options: &InspectOptions, out: &mut dyn Write) -> Result<(), Failure> {
    let path = resolve(&options.model)?;
    let files = ModelFiles::open(&path)?;
    let mut facts = ModelFacts::gather(&options.model, &path, &files, options.context)?;
    if options.tensors {
        facts.tensors = tensors(files.weights.as_ref())?;
    }
    if options.scan {
        scan_finite(files.weights.as_ref())?;
    }
    if options.json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&facts)?)?);
    }
    show(&facts, out)?;
    if options.scan {
        writeln!(out, "scan        every weight is finite")?;
    }
    Ok(())
}

/// Names and texts in a file are untrusted: they could hold escape sequences of the terminal.
fn show(facts: &ModelFacts, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "file        {}", facts.path.display())?;
    for (label, value) in [("sha256", &facts.sha256), ("name", &facts.name), ("licence", &facts.licence)] {
        if let Some(value) = value {
            writeln!(out, "{label:10}  {}", value.escape_debug())?;
        }
    }
    let kind = match facts.classifier_outputs {
        None => "language model".to_owned(),
        Some(1) => "classifier with one output".to_owned(),
        Some(outputs) => format!("classifier with {outputs} outputs"),
    };
    writeln!(out, "family      {}, a {kind}", facts.family.escape_debug())?;
    writeln!(out, "parameters  {}, in {}", count(facts.parameters), facts.format)?;
    show_shape(facts, out)?;
    show_memory(facts, out)?;
    show_text(facts, out)?;
    show_weights(facts, out)?;
    facts.warnings.iter().try_for_each(|warning| writeln!(out, "warning     {warning}"))
}

fn show_shape(facts: &ModelFacts, out: &mut dyn Write) -> io::Result<()> {
    let shape = &facts.shape;
    writeln!(out, "layers      {} of width {}, feed-forward {}", shape.layers, shape.hidden, shape.feed_forward)?;
    writeln!(
        out,
        "attention   {} query heads, {} key-value heads, {} wide",
        shape.heads, shape.kv_heads, shape.head_dim
    )?;
    if let Some(window) = shape.window {
        writeln!(out, "window      {window} positions in {} of {} layers", shape.windowed_layers, shape.layers)?;
    }
    let scaling = shape.rope_scaling.as_ref().map(|scaling| format!(", {scaling}")).unwrap_or_default();
    writeln!(out, "rope        base {}{scaling}", shape.rope_theta)?;
    let head = if shape.tied { "tied to the embedding" } else { "separate" };
    writeln!(out, "vocabulary  {} rows, head {head}", shape.vocabulary)?;
    let cache = size(shape.cache_bytes_per_token as u64);
    writeln!(out, "context     {} tokens, {cache} of f16 cache each", shape.context)
}

fn show_memory(facts: &ModelFacts, out: &mut dyn Write) -> io::Result<()> {
    let part = |memory: &super::facts::MemoryFacts| {
        let whole = if memory.context == facts.shape.context { "the whole context of " } else { "" };
        format!("{} for {whole}{} tokens", size(memory.bytes), memory.context)
    };
    let parts: Vec<String> = facts.memory.iter().map(part).collect();
    writeln!(out, "memory      {} of weights; with the cache, {}", size(facts.weights.bytes), parts.join(", "))
}

fn show_text(facts: &ModelFacts, out: &mut dyn Write) -> io::Result<()> {
    let token = |token: &NamedToken| format!("{:?} ({})", token.text, token.id);
    let tokens = &facts.tokens;
    let ends: Vec<String> = tokens.end.iter().map(token).collect();
    writeln!(out, "tokenizer   {} tokens; a text ends with {}", tokens.count, ends.join(" or "))?;
    match &tokens.begin {
        Some(begin) => writeln!(out, "prompts     begin with {}", token(begin))?,
        None => writeln!(out, "prompts     get no token before their text")?,
    }
    let Some(template) = &facts.template else { return Ok(()) };
    let source = template.source.as_deref().unwrap_or("none");
    let shown: String = template.prompt.chars().take(SHOWN_CHARS).collect();
    let more = if shown.len() < template.prompt.len() { "…" } else { "" };
    writeln!(out, "template    {source}; a prompt is {shown:?}{more}")
}

fn show_weights(facts: &ModelFacts, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "weights     {} tensors, {}", facts.weights.tensors, size(facts.weights.bytes))?;
    for one in &facts.weights.types {
        writeln!(out, "  {:8}  {:>5} tensors  {:>8}", one.dtype, one.tensors, size(one.bytes))?;
    }
    for tensor in &facts.tensors {
        writeln!(out, "  {:8}  {:16}  {}", tensor.dtype, format!("{:?}", tensor.shape), tensor.name.escape_debug())?;
    }
    Ok(())
}

/// A number of parameters, short: `494 million`, `7.62 billion`.
fn count(parameters: u64) -> String {
    match parameters {
        0..1_000_000 => parameters.to_string(),
        1_000_000..1_000_000_000 => format!("{:.0} million", parameters as f64 / 1e6),
        _ => format!("{:.2} billion", parameters as f64 / 1e9),
    }
}
