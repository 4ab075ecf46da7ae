//! Escalated steps of recorded traces, written by the target with and without the rejected step as a guess.
//!
//! ```text
//! cargo run --release -p arbitrage-benches --bin reuse -- TARGET.gguf TRACE.jsonl
//! ```
//!
//! One model writes the same step from the same prefix in both ways, one after the other and in changing order, each with a
//! cache of its own that catches up as it would in a run. Every text is compared. The table groups the steps by how much of the rejected step came
//! true.

use std::path::PathBuf;
use std::process::ExitCode;

use arbitrage_benches::lean::{Lean, open};
use arbitrage_benches::{Failure, finish};
use arbitrage_core::segmenter::BlankLine;
use arbitrage_core::trace::{Trace, Trajectory};
use arbitrage_core::{Accepted, Author, Prefix, Problem, Rewrite, SequenceId, Step, StepRule, Verifier};
use arbitrage_models::LocalTarget;
use clap::Parser;

/// Measures the reuse of rejected steps.
#[derive(Parser)]
struct Options {
    /// The target: a GGUF file or a Hugging Face folder.
    target: PathBuf,
    /// Traces, as `arbitrage solve --trace` writes them.
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// Most escalated steps.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Most tokens a step.
    #[arg(long, default_value_t = 256)]
    step_tokens: usize,
}

/// One escalated step, measured.
struct Sample {
    with: Step,
    without: Step,
}

fn main() -> ExitCode {
    finish(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let mut target = LocalTarget::new(open(&options.target, &Lean::default())?);
    let mut samples = Vec::new();
    for trace in &options.traces {
        for trajectory in Trace::read(trace)?.trajectories.values() {
            if samples.len() < options.steps {
                replay(&mut target, trajectory, options, &mut samples)?;
            }
        }
    }
    report(&samples);
    Ok(())
}

/// Writes every escalated step of a solution in both ways.
fn replay(
    target: &mut LocalTarget,
    trajectory: &Trajectory,
    options: &Options,
    samples: &mut Vec<Sample>,
) -> Result<(), Failure> {
    let segmenter = BlankLine::new();
    let rule = StepRule::new(&segmenter, options.step_tokens);
    let ids = [SequenceId(0), SequenceId(1)]; // with and without
    let Some(end) = &trajectory.end else { return Ok(()) };
    let problem = Problem::new(&end.question).with_id(&end.problem);
    let mut steps: Vec<Accepted> = Vec::new();
    for record in trajectory.steps.values() {
        if let (Author::Target, Some(draft)) = (record.author, &record.draft) {
            let mut write = |at: usize| {
                let rejected = (at == 0).then_some(draft);
                let request = Rewrite { prefix: Prefix::new(ids[at], &problem, &steps), rejected };
                target.rewrite(&[request], &rule).pop().ok_or("no step")?
            };
            let (with, without) = if samples.len().is_multiple_of(2) {
                let with = write(0)?;
                (with, write(1)?)
            } else {
                let without = write(1)?;
                (write(0)?, without)
            };
            samples.push(Sample { with, without });
        }
        let Some(step) = record.step().cloned() else { break };
        steps.push(Accepted { step, author: record.author });
    }
    ids.iter().for_each(|&id| target.release(id));
    Ok(())
}

fn report(samples: &[Sample]) {
    println!("| guesses that came true | steps | tokens a step | guessed | without, s | with, s | speed-up | worst |");
    println!("|---|---|---|---|---|---|---|---|");
    for (from, to) in [(0, 1), (1, 5), (5, 10), (10, 20), (20, 40), (40, usize::MAX), (0, usize::MAX)] {
        let chosen: Vec<_> = samples.iter().filter(|sample| (from..to).contains(&sample.with.cost.confirmed)).collect();
        if chosen.is_empty() {
            continue;
        }
        let total = |of: fn(&Sample) -> f64| chosen.iter().map(|sample| of(sample)).sum::<f64>();
        let (without, with) = (total(|s| s.without.cost.seconds), total(|s| s.with.cost.seconds));
        let count = chosen.len() as f64;
        let ratio = |sample: &Sample| sample.without.cost.seconds / sample.with.cost.seconds;
        let worst = chosen.iter().map(|sample| ratio(sample)).fold(f64::INFINITY, f64::min);
        let bounds = match to {
            usize::MAX if from == 0 => "all".to_owned(),
            usize::MAX => format!("{from} or more"),
            _ => format!("{from}–{}", to - 1),
        };
        println!(
            "| {bounds} | {} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} | {worst:.2} |",
            chosen.len(),
            total(|s| s.with.tokens.len() as f64) / count,
            total(|s| s.with.cost.guessed as f64) / count,
            without / count,
            with / count,
            without / with,
        );
    }
    let same = samples.iter().filter(|sample| sample.with.tokens == sample.without.tokens).count();
    println!("\nidentical: {same} of {}", samples.len());
}
