//! From the start of the command to the first token of a pair, beside llama.cpp's load time of the same files.
//!
//! ```text
//! cargo build --release -p arbitrage-cli
//! cargo run --release -p arbitrage-benches --bin load -- --arbitrage target/release/arbitrage --llama BIN_DIR DRAFT.gguf TARGET.gguf
//! ```
//!
//! The files are read once before each measurement, so that they are in the page cache. `--arbitrage` may be given several times, for a
//! build before a change and one after it; they take turns. Our time is that of the whole command, from its start until the first token is
//! printed; llama.cpp's is what it calls its load time, until the end of its first pass, added up over the files. Linux only: peaks are read
//! from `/proc`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use arbitrage_benches::machine::{load_average, processor, threads};
use arbitrage_benches::{Failure, finish, median};
use clap::Parser;

/// Measures how long loading takes.
#[derive(Parser)]
struct Options {
    /// The draft: a GGUF file.
    draft: PathBuf,
    /// The target: a GGUF file.
    target: PathBuf,
    /// Builds of the `arbitrage` command.
    #[arg(long, required = true, value_name = "PROGRAM")]
    arbitrage: Vec<PathBuf>,
    /// Folder of llama.cpp's programs, as benches/llama_cpp.sh prints it.
    #[arg(long, value_name = "BIN_DIR")]
    llama: Option<PathBuf>,
    /// Rounds, of which medians are shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// What is measured of one program.
#[derive(Default)]
struct Measured {
    seconds: Vec<f64>,
    /// Peak resident memory at the first token, in MB; none of llama.cpp.
    megabytes: Vec<f64>,
}

fn main() -> ExitCode {
    finish(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let files = [options.draft.as_path(), options.target.as_path()];
    let mut ours: Vec<_> = options.arbitrage.iter().map(|program| (program, Measured::default())).collect();
    let mut llama = Measured::default();
    let before = load_average();
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for (program, measured) in &mut ours {
            files.iter().try_for_each(|file| read_once(file))?;
            let (seconds, megabytes) = first_token(program, files)?;
            measured.seconds.push(seconds);
            measured.megabytes.push(megabytes);
        }
        if let Some(folder) = &options.llama {
            files.iter().try_for_each(|file| read_once(file))?;
            let seconds = files.map(|file| llama_load_time(folder, file));
            llama.seconds.push(seconds.into_iter().sum::<Result<f64, _>>()?);
        }
    }
    println!("{}, {} threads", processor(), threads());
    println!("load average {} before, {} after", before.unwrap_or_default(), load_average().unwrap_or_default());
    for (program, measured) in ours {
        println!("{}: first token of the pair: {}", program.display(), described(measured));
    }
    if options.llama.is_some() {
        println!("llama.cpp: load time of both files: {}", described(llama));
    }
    Ok(())
}

/// Reads a file, so that it is in the page cache.
fn read_once(file: &Path) -> Result<(), Failure> {
    let mut reader = std::fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    std::io::copy(&mut reader, &mut std::io::sink())?;
    Ok(())
}

/// Seconds from the start of `program` until it prints its first step, which is one token of the draft, and its peak memory in MB until
/// then. Both models are loaded, since the policy may escalate.
fn first_token(program: &Path, [draft, target]: [&Path; 2]) -> Result<(f64, f64), Failure> {
    let start = Instant::now();
    let mut command = Command::new(program);
    command.arg("solve").arg("--draft").arg(draft).arg("--target").arg(target);
    command.args(["--policy", "random:0", "--segmenter", "tokens", "--step-tokens", "1", "--steps", "1"]);
    command.arg("What is 17 times 23?").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let output = child.stdout.take().ok_or("the command has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak_megabytes(child.id());
    // What follows the token is not measured. A command that has ended meanwhile needs no signal.
    child.kill().ok();
    child.wait()?;
    if !line.contains("draft") {
        return Err(format!("{}: expected a step of the draft, found `{}`", program.display(), line.trim_end()).into());
    }
    Ok((seconds, peak?))
}

fn peak_megabytes(process: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM in /proc/PID/status")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("VmHWM is empty")?.parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}

/// The seconds that llama.cpp reports for loading `file`, with a first pass over a few tokens.
fn llama_load_time(folder: &Path, file: &Path) -> Result<f64, Failure> {
    let program = folder.join("llama-batched-bench");
    let mut command = Command::new(&program);
    command.arg("-m").arg(file).args(["-t", &threads().to_string()]);
    command.args(["-c", "256", "-npp", "1", "-ntg", "1", "-npl", "1"]);
    // At this verbosity it prints its own times.
    let output = command.args(["-lv", "4"]).output().map_err(|error| {
        format!(
            "{}: {error}; run `benches/llama_cpp.sh DIR`, and give --llama the folder that it prints",
            program.display()
        )
    })?;
    let text = String::from_utf8_lossy(&output.stderr);
    let milliseconds = text.lines().find_map(|line| line.split_once("load time =")?.1.trim().strip_suffix(" ms"));
    let milliseconds = milliseconds.ok_or_else(|| format!("{}: no load time in its output", program.display()))?;
    Ok(milliseconds.trim().parse::<f64>()? / 1000.0)
}

fn described(Measured { seconds, megabytes }: Measured) -> String {
    let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = seconds.iter().copied().fold(0.0, f64::max);
    let peak = megabytes.iter().copied().fold(0.0, f64::max);
    let memory = if megabytes.is_empty() { String::new() } else { format!(", peak memory {peak:.0} MB") };
    format!("median {:.2} s ({least:.2} to {most:.2}){memory}", median(seconds))
}
