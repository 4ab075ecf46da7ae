//! What short passes take: a decoded token, a pass of ten rows, and a token that [`LocalModel`] drafts, everything included.
//!
//! ```text
//! cargo run --release -p arbitrage-benches --bin latency -- [MODEL] [--beside PROGRAM]
//! ```
//!
//! The model is a GGUF file or a Hugging Face folder, or by default the shipped draft of the mini pair. `--beside` names the same program
//! of another build, such as one before a change; the two take turns, each in a process of its own. Medians are printed, and this build's
//! as a multiple of the other's.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use arbitrage_benches::lean::{Lean, open};
use arbitrage_benches::machine::{load_average, processor, threads};
use arbitrage_benches::{Failure, finish, median};
use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{Drafter, Prefix, Problem, SequenceId, StepRule};
use arbitrage_models::profile::{self, TimeProfile};
use arbitrage_models::{Cache, Decoder, LocalModel, Outputs, Span};
use clap::Parser;

/// Measures short passes.
#[derive(Parser)]
struct Options {
    /// A GGUF file or a Hugging Face folder; the shipped draft of the mini pair if not given.
    model: Option<PathBuf>,
    /// The same program of another build.
    #[arg(long, value_name = "PROGRAM")]
    beside: Vec<PathBuf>,
    /// Rounds, of which medians are printed.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Passes of each kind in a round.
    #[arg(long, default_value_t = 2000)]
    passes: usize,
    /// Prints where the time of each kind of pass goes, in place of the comparison.
    #[arg(long)]
    profile: bool,
    /// Measures one round and prints it; the parent process sets this.
    #[arg(long, hide = true)]
    worker: bool,
}

/// What is measured, in the order of a worker's line.
const FIGURES: [&str; 4] = ["a decoded token", "a pass of 10 rows", "10 rows against a token", "a drafted token"];
/// Tokens in the cache before a pass.
const DEPTH: usize = 64;
/// Rows of the longer pass.
const ROWS: usize = 10;
/// Tokens of a drafted step.
const STEP: usize = 32;
/// What the drafted step answers; any question does.
const QUESTION: &str = "Ann has 12 pens. She buys 3 packs of 14. She gives half to Bob. How many are left?";

fn main() -> ExitCode {
    let options = Options::parse();
    finish(if options.worker || options.profile { work(&options) } else { run(&options) })
}

/// Prints the medians of one round, in microseconds.
fn work(options: &Options) -> Result<(), Failure> {
    let folder = match &options.model {
        Some(path) => path.clone(),
        None => arbitrage_mini::shipped::unpack()?.join("mini/draft.gguf"),
    };
    let mut model = open(&folder, &Lean::default())?;
    let profiled = |name: &str| {
        if options.profile {
            println!("{name}\n{}\n", TimeProfile::current());
            profile::start();
        }
    };
    if options.profile {
        profile::start();
    }
    let token = passes(model.decoder(), 1, options.passes)?;
    profiled(FIGURES[0]);
    let rows = passes(model.decoder(), ROWS, options.passes)?;
    profiled(FIGURES[1]);
    let drafted = drafts(&mut model, options.passes.div_ceil(STEP))?;
    profiled(FIGURES[3]);
    println!("{token} {rows} {} {drafted}", rows / token);
    Ok(())
}

/// The median time of a pass of `rows` tokens with all logits, behind [`DEPTH`] others.
fn passes(decoder: &Decoder, rows: usize, count: usize) -> Result<f64, Failure> {
    let token = |at: usize| (at * 31 % decoder.config().vocabulary) as u32;
    let prompt: Vec<u32> = (0..DEPTH).map(token).collect();
    let mut cache = decoder.cache();
    pass(decoder, &mut cache, &prompt)?;
    let tokens: Vec<u32> = (0..rows).map(|at| token(at + DEPTH)).collect();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        cache.truncate(DEPTH);
        let start = Instant::now();
        pass(decoder, &mut cache, &tokens)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

fn pass(decoder: &Decoder, cache: &mut Cache, tokens: &[u32]) -> Result<(), Failure> {
    let output = decoder.forward(&mut [Span { cache, tokens, outputs: Outputs::All }])?;
    black_box(output.map(|output| output.logits.into_data_as::<f32>()));
    Ok(())
}

/// The median time of a token of a drafted step, without the prompt's prefill.
fn drafts(model: &mut LocalModel, count: usize) -> Result<f64, Failure> {
    let (segmenter, problem, id) = (TokenBudget::new(STEP)?, Problem::new(QUESTION), SequenceId(0));
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let rule = StepRule::new(&segmenter, STEP);
        let mut steps = model.draft(&[Prefix::new(id, &problem, &[])], &rule);
        let step = steps.pop().ok_or("no step")??;
        times.push((step.cost.seconds - step.cost.prefill_seconds) * 1e6 / step.cost.decoded as f64);
        model.release(id);
    }
    Ok(median(times))
}

fn run(options: &Options) -> Result<(), Failure> {
    let before = load_average().unwrap_or_default();
    let own = std::env::current_exe()?;
    let programs: Vec<&PathBuf> = options.beside.iter().chain([&own]).collect();
    let mut measured: Vec<[Vec<f64>; FIGURES.len()]> = vec![Default::default(); programs.len()];
    for round in 0..options.rounds {
        for turn in 0..programs.len() {
            let at = (round + turn) % programs.len();
            for (all, figure) in measured[at].iter_mut().zip(worker(programs[at], options)?) {
                all.push(figure);
            }
        }
    }
    println!("{}, {} threads, medians of {} rounds", processor(), threads(), options.rounds);
    println!("load average {before} before, {} after\n", load_average().unwrap_or_default());
    println!("µs: {}", programs.iter().map(|program| program.display().to_string()).collect::<Vec<_>>().join(" | "));
    for (at, name) in FIGURES.iter().enumerate() {
        let medians: Vec<f64> = measured.iter().map(|figures| median(figures[at].clone())).collect();
        let own = medians.last().copied().unwrap_or(f64::NAN);
        let shown: Vec<String> = medians.iter().map(|time| format!("{time:.2} ({:.2}×)", time / own)).collect();
        println!("{name}: {}", shown.join(" | "));
    }
    Ok(())
}

fn worker(program: &PathBuf, options: &Options) -> Result<Vec<f64>, Failure> {
    let mut command = Command::new(program);
    command.arg("--worker").arg("--passes").arg(options.passes.to_string()).args(&options.model);
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr)).into());
    }
    let numbers = String::from_utf8(output.stdout)?;
    Ok(numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}
