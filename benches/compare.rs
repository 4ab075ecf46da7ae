//! This engine beside llama.cpp, ik_llama.cpp and candle, on the same files, with the same threads, in turns.
//!
//! Within a round every engine measures everything once while the others rest, and the next round starts with another one:
//! what the machine does meanwhile hits all alike. Compare ratios within a run, not rates between runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arbitrage_benches::engines::{Candle, Engine, IkLlama, Llama, Ours};
use arbitrage_benches::lean::{Lean, open};
use arbitrage_benches::machine::{Bandwidth, load_average, threads};
use arbitrage_benches::neighbours::decode_beside;
use arbitrage_benches::report::Report;
use arbitrage_benches::{Failure, finish};
use clap::Parser;

/// Measures engines side by side: prefill, and decoding of one sequence and of eight. Threads: ARBITRAGE_THREADS, or all.
#[derive(Parser)]
struct Options {
    /// GGUF files.
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Rounds, of which medians are shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Folder of llama.cpp's programs, as benches/llama_cpp.sh prints it.
    #[arg(long, value_name = "BIN_DIR")]
    llama: Option<PathBuf>,
    /// Folder of ik_llama.cpp's programs, as benches/ik_llama_cpp.sh prints it.
    #[arg(long, value_name = "BIN_DIR")]
    ik: Option<PathBuf>,
    /// The program that benches/candle builds.
    #[arg(long, value_name = "BINARY")]
    candle: Option<PathBuf>,
    /// Measures only decoding of one sequence, alone and beside so many processes that keep processors busy.
    #[arg(long, value_name = "COUNT")]
    neighbours: Option<usize>,
    /// Makes the model smaller, for this engine alone.
    #[command(flatten)]
    lean: Lean,
    /// Where to write every measurement.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    finish(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let bandwidth = Bandwidth::default();
    let mut reports = Vec::new();
    for model in &options.models {
        if let Some(count) = options.neighbours {
            let (mut engines, _) = engines(model, options)?;
            println!("{}\n{}", model.display(), decode_beside(&mut engines, count, options.rounds as usize)?);
            continue;
        }
        let report = compare(model, options, &bandwidth)?;
        println!("{report}");
        reports.push(report.to_json());
        // After every model, so that a failure at the next one costs nothing that was measured.
        if let Some(file) = &options.json {
            let text = serde_json::to_string_pretty(&reports)?;
            std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(())
}

/// The engines, ours first, and the bytes of weights that a decoded token multiplies.
fn engines(model: &Path, options: &Options) -> Result<(Vec<Box<dyn Engine>>, usize), Failure> {
    let threads = threads();
    let mut others: Vec<Box<dyn Engine>> = Vec::new();
    if let Some(folder) = &options.llama {
        others.push(Box::new(Llama::new(folder, model, threads)?));
    }
    if let Some(folder) = &options.ik {
        others.push(Box::new(IkLlama::new(folder, model, threads)?));
    }
    if let Some(program) = &options.candle {
        others.push(Box::new(Candle::new(program, model, threads)?));
    }
    let ours = Ours::new(open(model, &options.lean)?)?;
    let bytes_per_token = match options.lean.weights {
        // Other engines run the file as it is.
        None => ours.bytes_per_token(model)?,
        Some(_) => ours.decoder().bytes_per_token(),
    };
    let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(ours)];
    engines.append(&mut others);
    Ok((engines, bytes_per_token))
}

fn compare(model: &Path, options: &Options, bandwidth: &Bandwidth) -> Result<Report, Failure> {
    let threads = threads();
    let loads = [load_average(), None];
    let (mut engines, bytes_per_token) = engines(model, options)?;
    let name = model.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = engines.iter().map(|engine| engine.name()).collect();
    let mut report = Report { model: name, threads, bytes_per_token, loads, engines: names, ..Report::default() };
    for round in 0..options.rounds as usize {
        eprintln!("{}: round {} of {}", report.model, round + 1, options.rounds);
        let count = engines.len();
        for turn in 0..count {
            let engine = &mut engines[(round + turn) % count];
            report.bandwidths.push(bandwidth.measure(threads));
            let samples = engine.measure()?;
            report.samples.extend(samples.into_iter().map(|sample| (round, engine.name(), sample)));
        }
    }
    report.loads[1] = load_average();
    Ok(report)
}
