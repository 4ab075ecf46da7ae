//! Solutions with judged steps, from files and traces.

use std::path::PathBuf;

use arbitrage_core::trace::read_jsonl;
use arbitrage_eval::problems::{BadRows, stratified_by};
use arbitrage_eval::steps::{LabelledSolution, deduplicate, of_examples, read_file};
use arbitrage_models::source::file_digest;
use arbitrage_router::labels::examples;

use crate::Failure;
use crate::cli::StepFileOptions;

/// The solutions that the options choose, and the digests of all files.
pub fn load(options: &StepFileOptions, traces: &[PathBuf]) -> Result<(Vec<LabelledSolution>, String), Failure> {
    let (mut solutions, mut digests) = (Vec::new(), Vec::new());
    let bad = if options.skip_bad_rows { BadRows::Skip } else { BadRows::Fail };
    let mut twice = 0;
    for path in &options.steps {
        let read = read_file(path, bad)?;
        read.skipped.iter().for_each(|error| anstream::eprintln!("left out: {error}"));
        twice += read.twice;
        solutions.extend(read.solutions);
        digests.push(file_digest(path)?);
    }
    twice += deduplicate(&mut solutions);
    if twice > 0 {
        anstream::eprintln!("{twice} solutions left out that were there before");
    }
    for path in traces {
        let found = examples(read_jsonl(path)?)?;
        if found.skipped.steps() > 0 {
            anstream::eprintln!("{}: {}", path.display(), found.skipped);
        }
        let source = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        solutions.extend(of_examples(&found.examples, &source)?);
        digests.push(file_digest(path)?);
    }
    if solutions.is_empty() {
        return Err("the traces hold no step that both models wrote and that was scored: collect some first".into());
    }
    let count = options.count.unwrap_or(usize::MAX);
    let mut chosen = stratified_by(solutions, |solution| &solution.source, count, options.seed);
    // Those that are read together should end together.
    chosen.sort_by_key(|solution| solution.labelled.len());
    Ok((chosen, digests.join("+")))
}
