//! Solutions with labelled steps, from files and traces.

use std::path::PathBuf;

use arbitrage_core::trace::Trace;
use arbitrage_eval::problems::stratified_by;
use arbitrage_eval::steps::{LabelledSolution, deduplicate, of_examples, read_file};
use arbitrage_models::source::file_digest;
use arbitrage_router::labels::examples;

use crate::Failure;
use crate::cli::StepFileOptions;

/// Chosen solutions, and the digests of all files that they were chosen from.
pub(crate) struct LabelledSteps {
    /// The solutions, the shortest first.
    pub solutions: Vec<LabelledSolution>,
    /// The digests, joined by `+`.
    pub digest: String,
}

/// Reads files and traces, and chooses solutions.
pub(crate) fn load(options: &StepFileOptions, traces: &[PathBuf]) -> Result<LabelledSteps, Failure> {
    let (mut solutions, mut digests) = (Vec::new(), Vec::new());
    let mut duplicates = 0;
    for path in &options.steps {
        let read = read_file(path, options.bad_rows.into())?;
        read.skipped.iter().for_each(|error| anstream::eprintln!("skipped: {error}"));
        duplicates += read.duplicates;
        solutions.extend(read.solutions);
        digests.push(file_digest(path)?);
    }
    duplicates += deduplicate(&mut solutions);
    if duplicates > 0 {
        anstream::eprintln!("skipped: {duplicates} solutions that equal an earlier one");
    }
    for path in traces {
        let labelled = examples(&Trace::read(path)?)?;
        if labelled.skipped.steps() > 0 {
            anstream::eprintln!("{}: {}", path.display(), labelled.skipped);
        }
        let source = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        solutions.extend(of_examples(&labelled.examples, &source)?);
        digests.push(file_digest(path)?);
    }
    if solutions.is_empty() {
        return Err(NO_LABELLED_STEP.into());
    }
    let count = options.count.unwrap_or(usize::MAX);
    let mut chosen = stratified_by(solutions, |solution| &solution.source, count, options.seed);
    // Batches are full for longest if the solutions in them have equally many steps.
    chosen.sort_by_key(|solution| solution.labelled.len());
    Ok(LabelledSteps { solutions: chosen, digest: digests.join("+") })
}

/// The error for traces without labels.
pub(crate) const NO_LABELLED_STEP: &str =
    "expected traces with steps of both models and their scores, found none; `arbitrage collect` writes such traces";
