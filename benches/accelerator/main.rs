//! What models of published shapes cost on a device, without their weights.
//!
//! ```text
//! cargo run --release -p arbitrage-benches --bin accelerator --features wgpu -- --device wgpu --cost cost.json
//! ```
//!
//! Random weights in the shapes of Llama-3.2-1B, Llama-3.1-8B and Qwen2.5-Math-1.5B and 7B are drawn on the device itself, so one
//! executable is all that a machine needs. `docs/accelerators-benchmark.md` says what each figure means.

mod bandwidth;
mod clock;
mod cost;
mod options;
mod part;
mod report;
mod sequence;
mod shapes;
mod simulation;
mod single;

use std::path::Path;
use std::process::ExitCode;

use arbitrage_benches::{Failure, finish};
use clap::Parser;

use options::Options;
use report::Report;

fn main() -> ExitCode {
    let options = Options::parse();
    finish(match options.part {
        Some(part) => part.measure(&options),
        None => run(&options),
    })
}

fn run(options: &Options) -> Result<(), Failure> {
    let parts = options.parts();
    let mut report = Report::new(options);
    for (at, part) in parts.iter().enumerate() {
        eprintln!("{} of {}: {part}", at + 1, parts.len());
        report.add(*part, part.measure_apart()?);
        // After every part, so that a failure at the next one costs nothing that was measured.
        if let Some(file) = &options.json {
            write(file, &serde_json::to_string_pretty(&report)?)?;
        }
    }
    println!("{report}");
    if let Some(file) = &options.cost {
        write_costs(file, &report)?;
    }
    if report.is_empty() { Err("nothing could be measured".into()) } else { Ok(()) }
}

/// A file a pair: where there are several, the pair's name goes before the extension.
fn write_costs(file: &Path, report: &Report) -> Result<(), Failure> {
    let pairs = report.pairs();
    if pairs.is_empty() {
        return Err("no cost model: a pair needs the shapes of its draft, target and scorer".into());
    }
    for pair in &pairs {
        let cost = cost::hardware(report, pair)?;
        let extension = file.extension().unwrap_or_default().to_string_lossy();
        let named = file.with_extension(format!("{}.{extension}", pair.name));
        let file = if pairs.len() == 1 { file } else { &named };
        write(file, &serde_json::to_string_pretty(&cost)?)?;
        eprintln!("cost model of {}: {}", pair.name, file.display());
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()).into())
}
