//! Tokens a second of a model file on this processor: prefill, decode, and decode of several sequences at once.
//!
//! Prints medians of several rounds, the best read bandwidth that was measured in between, and what share of it decoding one
//! sequence uses.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use arbitrage_models::weights::DType;
use arbitrage_models::{Cache, Decoder, HeadTokens, LoadOptions, LocalModel, ModelFiles, Outputs, Span, device};
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
    /// Requantises what has more bits a weight, such as q4_0.
    #[arg(long)]
    weights: Option<DType>,
    /// Keeps the head's rows of the first so many tokens only.
    #[arg(long)]
    head: Option<usize>,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let start = Instant::now();
    let model = open(&options)?;
    let decoder = model.decoder();
    println!("loaded in {:.1} s; {:.1} MB of weights a token", start.elapsed().as_secs_f64(), megabytes(decoder));
    prefill(decoder, 16)?;

    let mut bandwidths = Vec::new();
    let buffer = vec![1u64; (1 << 30) / 8];
    let mut prompts: Vec<Vec<f64>> = vec![Vec::new(); options.prompts.len()];
    let mut decodes: Vec<Vec<f64>> = vec![Vec::new(); options.sequences.len()];
    for _ in 0..options.rounds {
        bandwidths.push(bandwidth(&buffer));
        for (rates, &length) in prompts.iter_mut().zip(&options.prompts) {
            let start = Instant::now();
            prefill(decoder, length)?;
            rates.push(length as f64 / start.elapsed().as_secs_f64());
        }
        for (rates, &sequences) in decodes.iter_mut().zip(&options.sequences) {
            rates.push(decode(decoder, sequences, &options)?);
        }
    }
    for (length, rates) in options.prompts.iter().zip(prompts) {
        println!("prefill {length:>4}        {:8.1} tokens/s", median(rates));
    }
    for (sequences, rates) in options.sequences.iter().zip(decodes) {
        println!("decode {sequences:>2} sequences {:8.1} tokens/s in all", median(rates));
    }
    let best = bandwidths.into_iter().fold(0.0, f64::max);
    println!("read bandwidth      {:8.1} GB/s at best", best / 1e9);
    Ok(())
}

fn open(options: &Options) -> Result<LocalModel, Failure> {
    let files = ModelFiles::open(&options.model)?;
    let mut load = LoadOptions::new(device("flex")?);
    if let Some(most) = options.weights {
        load = load.with_weights(most);
    }
    if let Some(count) = options.head {
        load = load.with_head(HeadTokens::first(count, &files.tokenizer)?);
    }
    Ok(LocalModel::from_files(files, &load)?)
}

fn megabytes(decoder: &Decoder) -> f64 {
    decoder.bytes_a_token() as f64 / 1e6
}

/// Runs `length` tokens through an empty cache.
fn prefill(decoder: &Decoder, length: usize) -> Result<Cache, Failure> {
    let mut cache = decoder.cache();
    let tokens: Vec<u32> = (0..length).map(|i| (i * 7919 % 1000 + 100) as u32).collect();
    let output = decoder.forward(&mut [Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::Last }])?;
    black_box(output.map(|output| output.logits.into_data_as::<f32>()));
    Ok(cache)
}

/// Tokens a second of all sequences together.
fn decode(decoder: &Decoder, sequences: usize, options: &Options) -> Result<f64, Failure> {
    let mut caches = (0..sequences).map(|_| prefill(decoder, options.depth)).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    for token in 0..options.tokens {
        let tokens = [(token * 31 + 200) as u32];
        let mut spans: Vec<_> =
            caches.iter_mut().map(|cache| Span { cache, tokens: &tokens, outputs: Outputs::Last }).collect();
        let output = decoder.forward(&mut spans)?;
        black_box(output.map(|output| output.logits.into_data_as::<f32>()));
    }
    Ok((sequences * options.tokens) as f64 / start.elapsed().as_secs_f64())
}

/// Bytes a second that two threads read.
fn bandwidth(buffer: &[u64]) -> f64 {
    let start = Instant::now();
    let (first, second) = buffer.split_at(buffer.len() / 2);
    let sum = |half: &[u64]| {
        let mut lanes = [0u64; 16];
        for chunk in half.as_chunks::<16>().0 {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane ^= value;
            }
        }
        black_box(lanes);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| sum(first));
        sum(second);
    });
    size_of_val(buffer) as f64 / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
