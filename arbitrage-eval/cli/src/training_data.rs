//! Training examples: labelled steps from traces, with the draft's hidden states.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use arbitrage_core::trace::{RunRecord, Trace};
use arbitrage_core::{Candidate, Evidence, Hidden, Prefix, Problem, SequenceId};
use arbitrage_eval::steps::{LabelledSolution, drafts_of_examples};
use arbitrage_models::LocalModel;
use arbitrage_models::source::file_digest;
use arbitrage_router::labels::{Example, Split, examples};
use arbitrage_router::learned::{ModelPair, TrainingData, TrainingSplit};
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::{HiddenStateOptions, LearningOptions};
use crate::hidden_states::read_states;
use crate::interrupt;
use crate::labelled_steps::NO_LABELLED_STEP;
use crate::progress::style;

/// The labelled steps of one pair.
pub(crate) struct LabelledTraces {
    /// The steps.
    pub examples: Vec<Example>,
    /// The models that wrote them.
    pub pair: ModelPair,
    /// What a router's card says about the data.
    pub data: TrainingData,
}

/// Reads traces of `collect`, all of one pair.
pub(crate) fn load(paths: &[PathBuf]) -> Result<LabelledTraces, Failure> {
    let trace = Trace::read_all(paths)?;
    let (pair, scorer) = identity(trace.runs(), "--traces")?;
    let labelled = examples(&trace)?;
    if labelled.skipped.steps() > 0 {
        anstream::eprintln!("{}", labelled.skipped);
    }
    let examples = labelled.examples;
    if examples.is_empty() {
        return Err(NO_LABELLED_STEP.into());
    }
    let problems: HashSet<&str> = examples.iter().map(|example| example.problem.as_str()).collect();
    let positive = examples.iter().filter(|example| example.label()).count() as f64 / examples.len() as f64;
    let (problems, steps, digest) = (problems.len(), examples.len(), joined_digests(paths)?);
    Ok(LabelledTraces { examples, pair, data: TrainingData { digest, problems, steps, positive, scorer } })
}

/// The digests of all files, as a card names its training data.
pub(crate) fn joined_digests(paths: &[PathBuf]) -> Result<String, Failure> {
    Ok(paths.iter().map(file_digest).collect::<Result<Vec<_>, _>>()?.join("+"))
}

/// The pair that all runs share, and the router of the first run, whose name says what scored the steps. `option` names the traces.
pub(crate) fn identity<'a>(
    mut runs: impl Iterator<Item = &'a RunRecord>,
    option: &str,
) -> Result<(ModelPair, String), Failure> {
    let first = runs.next().ok_or_else(|| format!("{option}: expected a run's record with the models, found none"))?;
    let pair = ModelPair { draft: first.drafter.clone(), target: first.verifier.clone() };
    for run in runs {
        if (&run.drafter, &run.verifier) != (&pair.draft, &pair.target) {
            return Err(format!(
                "{option}: expected traces of one pair, found two pairs: {} and {}, then {} and {}",
                pair.draft.name, pair.target.name, run.drafter.name, run.verifier.name
            )
            .into());
        }
    }
    Ok((pair, first.router.clone()))
}

/// Examples for training and for validation, from different problems.
pub(crate) struct SplitExamples {
    /// The examples to learn from.
    pub training: Vec<Example>,
    /// The examples to choose the best weights by.
    pub validation: Vec<Example>,
}

impl SplitExamples {
    /// Both parts, with the validation part cut to what an evaluation every few steps can afford.
    pub(crate) fn with_short_validation(&self) -> TrainingSplit<'_, [Example]> {
        const MAX_VALIDATION_EXAMPLES: usize = 600;
        let validation = &self.validation[..self.validation.len().min(MAX_VALIDATION_EXAMPLES)];
        TrainingSplit { training: &self.training, validation }
    }

    /// Both parts as a whole.
    pub(crate) fn whole(&self) -> TrainingSplit<'_, [Example]> {
        TrainingSplit { training: &self.training, validation: &self.validation }
    }
}

impl LearningOptions {
    /// The division of problems into those to learn from and those to choose the best weights by.
    pub(crate) fn problem_split(&self) -> Result<Split, Failure> {
        Ok(Split::new(1.0 - self.validation, self.validation, 0.0)?.with_seed(self.seed))
    }

    /// Splits the examples by problem.
    pub(crate) fn split(&self, examples: Vec<Example>) -> Result<SplitExamples, Failure> {
        let subsets = self.problem_split()?.split(examples);
        Ok(SplitExamples { training: subsets.train, validation: subsets.validation })
    }
}

/// Evaluates the examples in batches, each example in a sequence of its own.
pub(crate) fn in_batches<T>(
    examples: &[Example],
    mut evaluate: impl FnMut(&[Candidate<'_>]) -> Result<Vec<T>, Failure>,
) -> Result<Vec<T>, Failure> {
    const BATCH: usize = 32;
    let mut all = Vec::with_capacity(examples.len());
    for batch in examples.chunks(BATCH) {
        let problems: Vec<Problem> = batch.iter().map(Example::as_problem).collect();
        let candidate = |(at, (example, problem))| {
            let candidate: Candidate<'_> = Example::candidate(example, problem, Evidence::DraftOnly);
            Candidate { prefix: Prefix { id: SequenceId(at as u64), ..candidate.prefix }, ..candidate }
        };
        let candidates: Vec<_> = batch.iter().zip(&problems).enumerate().map(candidate).collect();
        all.extend(evaluate(&candidates)?);
    }
    Ok(all)
}

/// Adds the draft's hidden states to every drafted step. They equal, bit by bit, those that the draft had when it wrote the step.
pub(crate) fn attach_hidden(options: &HiddenStateOptions, examples: &mut [Example]) -> Result<(), Failure> {
    let Some(draft) = &options.draft else { return Ok(()) };
    let states = read_draft_states(draft, options, &drafts_of_examples(examples, ""))?;
    examples.iter_mut().zip(states).for_each(|(example, hidden)| example.draft.hidden = Some(hidden));
    Ok(())
}

/// The hidden states that the model `draft` has at every labelled step, in order.
pub(crate) fn read_draft_states(
    draft: &str,
    options: &HiddenStateOptions,
    solutions: &[LabelledSolution],
) -> Result<impl Iterator<Item = Hidden> + use<>, Failure> {
    const PROBLEMS_PER_BATCH: usize = 16;
    let mut model = LocalModel::open(crate::model_path::resolve(draft)?, &options.device.load()?)?;
    let bar = ProgressBar::new(solutions.iter().map(|solution| solution.labelled.len() as u64).sum());
    bar.set_style(style("hidden states {wide_bar} {pos}/{len} steps {elapsed} {eta}"));
    let mut failed = None;
    let path = options.states.as_deref();
    let states = read_states(&mut model, solutions, path, PROBLEMS_PER_BATCH, |solution, error| {
        bar.inc(solution.labelled.len() as u64);
        failed = failed.take().or_else(|| Some(format!("problem `{}`: {}", solution.id, error?)));
        if interrupt::check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.finish();
    match failed {
        Some(failed) => Err(failed.into()),
        None => Ok(states.into_iter().flatten().flatten()),
    }
}
