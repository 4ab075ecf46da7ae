//! Solutions with labelled steps, from files and traces.

use std::path::PathBuf;

use arbitrage_core::trace::Trace;
use arbitrage_core::{Prefix, Problem, SequenceId, Step};
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

/// What `evaluate` returns for the steps of several solutions, which it gets all at once: a list for each solution, or the first error
/// among its steps. The solutions' sequences have the ids from 0.
pub(crate) fn evaluate_steps<T, E>(
    solutions: &[LabelledSolution],
    evaluate: impl FnOnce(&[(Prefix<'_>, &Step)]) -> Vec<Result<T, E>>,
) -> Vec<Result<Vec<T>, E>> {
    let problems: Vec<Problem> = solutions.iter().map(LabelledSolution::problem).collect();
    let requests = solutions.iter().zip(&problems).zip((0..).map(SequenceId));
    let requests: Vec<_> = requests.flat_map(|((solution, problem), id)| solution.requests(id, problem)).collect();
    let mut results = evaluate(&requests).into_iter();
    // All results of a solution are taken before its first error is returned: the next ones belong to the next solution.
    let of = |solution: &LabelledSolution| results.by_ref().take(solution.labelled.len()).collect::<Vec<_>>();
    let lists: Vec<Vec<Result<T, E>>> = solutions.iter().map(of).collect();
    lists.into_iter().map(|list| list.into_iter().collect()).collect()
}

/// The error for traces without labels.
pub(crate) const NO_LABELLED_STEP: &str =
    "expected traces with steps of both models and their scores, found none; `arbitrage collect` writes such traces";
