//! Token-level speculative decoding against the target alone.
//!
//! ```text
//! cargo run --release -p arbitrage-benches --bin speculation -- TARGET.gguf DRAFT.gguf QUESTIONS.jsonl
//! ```
//!
//! Writes the first tokens of the answer to each question with the target alone, with a draft model
//! and with prompt lookup, one after the other. Every text is compared.

use std::path::PathBuf;
use std::process::ExitCode;

use arbitrage_benches::lean::{Lean, open};
use arbitrage_benches::{Failure, finish};
use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{Drafter, Prefix, Problem, SequenceId, Step, StepRule};
use arbitrage_eval::problems::{BadRows, read_file};
use arbitrage_models::LocalModel;
use arbitrage_models::sampler::Sampling;
use arbitrage_models::speculation::{DraftModel, PromptLookup};
use clap::Parser;

/// Measures speculative decoding.
#[derive(Parser)]
struct Options {
    /// The target: a GGUF file or a Hugging Face folder.
    target: PathBuf,
    /// The draft model.
    draft: PathBuf,
    /// Questions, as `arbitrage solve --problems` reads them.
    questions: PathBuf,
    /// Most questions.
    #[arg(long, default_value_t = 50)]
    count: usize,
    /// Tokens a question.
    #[arg(long, default_value_t = 128)]
    tokens: usize,
    /// Questions answered together.
    #[arg(long, default_value_t = 1)]
    sequences: usize,
    /// Sampling temperature; 0 is greedy.
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Guesses a pass, in place of as many as pay.
    #[arg(long)]
    depth: Option<usize>,
    /// Makes the draft model smaller.
    #[command(flatten)]
    lean: Lean,
}

fn main() -> ExitCode {
    finish(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let sampling = Sampling::at_temperature(options.temperature)?;
    let target = || open(&options.target, &Lean::default()).map(|model| model.with_sampling(sampling));
    let deep = |model: LocalModel| match options.depth {
        Some(depth) => model.with_speculative_tokens(depth),
        None => model,
    };
    let draft = DraftModel::new(open(&options.draft, &options.lean)?);
    let mut ways = [
        ("target alone", target()?),
        ("draft model", deep(target()?.with_proposer(draft)?)),
        ("prompt lookup", deep(target()?.with_proposer(PromptLookup::new())?)),
    ];
    let rows = read_file(&options.questions, BadRows::Fail)?.rows;
    let problems = rows.into_iter().take(options.count).enumerate();
    let problems: Vec<Problem> = problems.map(|(at, row)| row.problem.with_seed(at as u64)).collect();
    let mut steps: Vec<Vec<Step>> = vec![Vec::new(); ways.len()];
    for (round, batch) in problems.chunks(options.sequences.max(1)).enumerate() {
        for turn in 0..ways.len() {
            let at = (round + turn) % ways.len();
            steps[at].extend(write(&mut ways[at].1, batch, options.tokens)?);
        }
    }
    report(&ways.map(|(name, _)| name), &steps);
    Ok(())
}

fn write(model: &mut LocalModel, batch: &[Problem], tokens: usize) -> Result<Vec<Step>, Failure> {
    let segmenter = TokenBudget::new(tokens)?;
    let prefix = |(id, problem)| Prefix::new(SequenceId(id as u64), problem, &[]);
    let prefixes: Vec<_> = batch.iter().enumerate().map(prefix).collect();
    let steps: Result<Vec<_>, _> = model.draft(&prefixes, &StepRule::new(&segmenter, tokens)).into_iter().collect();
    prefixes.iter().for_each(|prefix| model.release(prefix.id));
    steps
}

fn report(names: &[&str], steps: &[Vec<Step>]) {
    let decoding = |steps: &[Step]| steps.iter().map(|step| step.cost.seconds - step.cost.prefill_seconds).sum::<f64>();
    println!(
        "| way | tokens | tokens/s | speed-up | guessed a token | came true | tokens a pass and sequence | identical |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, own) in names.iter().zip(steps) {
        let sum = |of: fn(&Step) -> usize| own.iter().map(of).sum::<usize>() as f64;
        let (tokens, guessed, confirmed) =
            (sum(|s| s.cost.decoded), sum(|s| s.cost.guessed), sum(|s| s.cost.confirmed));
        let same = own.iter().zip(&steps[0]).filter(|(own, alone)| own.tokens == alone.tokens).count();
        println!(
            "| {name} | {tokens} | {:.1} | {:.2} | {:.2} | {:.1}% | {:.2} | {same}/{} |",
            tokens / decoding(own),
            decoding(&steps[0]) / decoding(own),
            guessed / tokens,
            100.0 * confirmed / guessed.max(1.0),
            tokens / (tokens - confirmed).max(1.0),
            own.len(),
        );
    }
}
