//! Peak memory of a pair with full caches.
//!
//! ```text
//! cargo run --release -p arbitrage-benches --bin memory -- DRAFT.gguf TARGET.gguf
//! ```
//!
//! Loads both models, fills the caches of several sequences of each, decodes a token of all of them together, and compares what the
//! process took at most with the weights as they lie in memory and the caches' arithmetic size in half precision. Linux only: the peak is
//! read from `/proc/self/status`.

use std::path::PathBuf;
use std::process::ExitCode;

use arbitrage_benches::lean::{Lean, open};
use arbitrage_benches::{Failure, finish};
use arbitrage_models::{Cache, Decoder, Outputs, Span};
use clap::Parser;

/// Measures peak memory.
#[derive(Parser)]
struct Options {
    /// Models, all loaded at once.
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Sequences of each model.
    #[arg(long, default_value_t = 8)]
    sequences: usize,
    /// Tokens of each sequence.
    #[arg(long, default_value_t = 2048)]
    tokens: usize,
}

/// Tokens run in one pass, as a local model does.
const PASS: usize = 512;

fn main() -> ExitCode {
    finish(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let models = options.models.iter().map(|path| open(path, &Lean::default())).collect::<Result<Vec<_>, _>>()?;
    let weights: usize = models.iter().map(|model| model.decoder().bytes_per_token()).sum();
    let loaded = peak()?;
    let caches: usize = models.iter().map(|model| cache_bytes(model.decoder(), options)).sum();
    let held = models.iter().map(|model| fill(model.decoder(), options)).collect::<Result<Vec<_>, _>>()?;
    let peak = peak()?;
    drop(held);
    let files: u64 = options.models.iter().map(|path| path.metadata().map_or(0, |file| file.len())).sum();
    let megabytes = |bytes: f64| bytes / 1e6;
    println!("files              {:8.1} MB", megabytes(files as f64));
    println!("weights in memory  {:8.1} MB, without what is looked up in the mapped file", megabytes(weights as f64));
    println!("caches, by count   {:8.1} MB", megabytes(caches as f64));
    println!("peak after loading {:8.1} MB", megabytes(loaded as f64));
    println!("peak               {:8.1} MB", megabytes(peak as f64));
    println!("peak / (weights + caches) {:.2}", peak as f64 / (weights + caches) as f64);
    println!("peak / (files + caches)   {:.2}", peak as f64 / (files as f64 + caches as f64));
    Ok(())
}

/// Two bytes for every number of every key and value.
fn cache_bytes(decoder: &Decoder, options: &Options) -> usize {
    let config = decoder.config();
    2 * 2 * config.layers * config.kv_heads * config.head_dim * options.sequences * options.tokens
}

fn fill(decoder: &Decoder, options: &Options) -> Result<Vec<Cache>, Failure> {
    let mut caches: Vec<Cache> = (0..options.sequences).map(|_| decoder.cache()).collect();
    let tokens: Vec<u32> = (0..options.tokens.saturating_sub(1)).map(|i| (i * 7919 % 1000 + 100) as u32).collect();
    for (at, cache) in caches.iter_mut().enumerate() {
        for tokens in tokens.chunks(PASS) {
            decoder.forward(&mut [Span { cache, tokens, outputs: Outputs::None }])?;
        }
        eprintln!("sequence {} of {}", at + 1, options.sequences);
    }
    let mut spans: Vec<_> =
        caches.iter_mut().map(|cache| Span { cache, tokens: &[7], outputs: Outputs::Last }).collect();
    decoder.forward(&mut spans)?;
    Ok(caches)
}

/// The process's peak resident memory, in bytes.
fn peak() -> Result<usize, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kilobytes: usize = line.split_whitespace().nth(1).ok_or("VmHWM is empty")?.parse()?;
    Ok(kilobytes * 1024)
}
