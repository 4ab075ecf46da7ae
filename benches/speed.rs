//! Tokens a second of a model file on this processor: prefill, decode, and decode of several sequences at once.
//!
//! Prints medians of several rounds, and the best read bandwidth that was measured in between. `compare` does the same for
//! several engines.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use arbitrage_benches::engines::{Ours, decode, prefill};
use arbitrage_benches::lean::{Lean, open};
use arbitrage_benches::machine::{Bandwidth, threads};
use arbitrage_benches::{Failure, finish, median};
use clap::Parser;

/// Measures a model's speed.
#[derive(Parser)]
struct Options {
    /// A GGUF file or a Hugging Face folder.
    model: PathBuf,
    /// Rounds; their medians are printed.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Tokens to decode a round.
    #[arg(long, default_value_t = 32)]
    tokens: usize,
    /// Prompt lengths.
    #[arg(long, value_delimiter = ',', default_value = "32,128,512")]
    prompts: Vec<usize>,
    /// Sequences at once.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8")]
    sequences: Vec<usize>,
    /// Tokens in the cache before decoding.
    #[arg(long, default_value_t = 32)]
    depth: usize,
    #[command(flatten)]
    lean: Lean,
}

fn main() -> ExitCode {
    finish(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let start = Instant::now();
    let ours = Ours::new(open(&options.model, &options.lean)?)?;
    let decoder = ours.decoder();
    let megabytes = decoder.bytes_per_token() as f64 / 1e6;
    println!("loaded in {:.1} s; {megabytes:.1} MB of weights a token", start.elapsed().as_secs_f64());

    let buffer = Bandwidth::default();
    let mut best = 0.0f64;
    let mut prompts: Vec<Vec<f64>> = vec![Vec::new(); options.prompts.len()];
    let mut decodes: Vec<Vec<f64>> = vec![Vec::new(); options.sequences.len()];
    for _ in 0..options.rounds {
        best = best.max(buffer.measure(threads()));
        for (rates, &length) in prompts.iter_mut().zip(&options.prompts) {
            rates.push(prefill(decoder, length)?.1);
        }
        for (rates, &sequences) in decodes.iter_mut().zip(&options.sequences) {
            rates.push(decode(decoder, sequences, options.depth, options.tokens)?);
        }
    }
    for (length, rates) in options.prompts.iter().zip(prompts) {
        println!("prefill {length:>4}        {:8.1} tokens/s", median(rates));
    }
    for (sequences, rates) in options.sequences.iter().zip(decodes) {
        println!("decode {sequences:>2} sequences {:8.1} tokens/s in all", median(rates));
    }
    println!("read bandwidth      {:8.1} GB/s at best", best / 1e9);
    Ok(())
}
