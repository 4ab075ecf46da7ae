//! Labelled steps from traces.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use arbitrage_core::trace::{Record, read_jsonl};
use arbitrage_core::{Candidate, Evidence, Prefix, Problem, SequenceId};
use arbitrage_eval::steps::drafts_of_examples;

use crate::hidden_states::read_states;
use arbitrage_models::LocalModel;
use arbitrage_models::source::file_digest;
use arbitrage_router::labels::{Example, Split, examples};
use arbitrage_router::learned::{Data, Pair};
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::{LearningOptions, StatesOptions};
use crate::interrupt;
use crate::progress::style;

/// Traces of one pair.
pub struct Loaded {
    /// The labelled steps.
    pub examples: Vec<Example>,
    /// The models that wrote them.
    pub pair: Pair,
    /// What a router's card says of them.
    pub data: Data,
}

/// RouterInput traces that `collect` wrote. All of them have to be of one pair.
pub fn load(paths: &[PathBuf]) -> Result<Loaded, Failure> {
    let (mut records, mut digests) = (Vec::new(), Vec::new());
    for path in paths {
        records.extend(read_jsonl(path)?);
        digests.push(file_digest(path)?);
    }
    let (pair, scorer) = identity(&records)?;
    let found = examples(records)?;
    if found.skipped.steps() > 0 {
        anstream::eprintln!("{}", found.skipped);
    }
    let examples = found.examples;
    let problems: HashSet<&str> = examples.iter().map(|example| example.problem.as_str()).collect();
    let positive = examples.iter().filter(|example| example.label()).count() as f64 / examples.len().max(1) as f64;
    let (problems, steps, digest) = (problems.len(), examples.len(), digests.join("+"));
    if examples.is_empty() {
        return Err("the traces hold no step that both models wrote and that was scored: collect some first".into());
    }
    Ok(Loaded { examples, pair, data: Data { digest, problems, steps, positive, scorer } })
}

/// The pair that all runs share, and the router that labelled.
fn identity(records: &[Record]) -> Result<(Pair, String), Failure> {
    let mut found: Option<(Pair, String)> = None;
    for record in records {
        let Record::Run(run) = record else { continue };
        let pair = Pair { draft: run.drafter.clone(), target: run.verifier.clone() };
        match &found {
            Some((other, _)) if *other != pair => {
                let names = |pair: &Pair| format!("{} and {}", pair.draft.name, pair.target.name);
                return Err(format!("traces of two pairs: {}, then {}", names(other), names(&pair)).into());
            }
            Some(_) => {}
            None => found = Some((pair, run.router.clone())),
        }
    }
    found.ok_or_else(|| "the traces do not say which models wrote them".into())
}

impl LearningOptions {
    /// Examples to learn from and to choose by; no problem is in both.
    pub fn split(&self, examples: Vec<Example>) -> Result<(Vec<Example>, Vec<Example>), Failure> {
        let split = Split::new(1.0 - self.validation, self.validation, 0.0)?;
        let parts = split.with_seed(self.seed).split(examples);
        Ok((parts.train, parts.validation))
    }
}

/// RouterInput every example, in batches of different sequences.
pub fn in_batches<T>(
    examples: &[Example],
    mut read: impl FnMut(&[Candidate<'_>]) -> Result<Vec<T>, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::with_capacity(examples.len());
    for batch in examples.chunks(32) {
        let problems: Vec<Problem> = batch.iter().map(Example::as_problem).collect();
        let candidate = |(at, (example, problem))| {
            let candidate: Candidate<'_> = Example::candidate(example, problem, Evidence::DraftOnly);
            Candidate { prefix: Prefix { id: SequenceId(at as u64), ..candidate.prefix }, ..candidate }
        };
        let candidates: Vec<_> = batch.iter().zip(&problems).enumerate().map(candidate).collect();
        all.extend(read(&candidates)?);
    }
    Ok(all)
}

/// Problems that are read side by side, each in a sequence of its own, step by step.
const SIDE_BY_SIDE: usize = 16;

/// Gives every draft its writer's hidden states, which traces do not keep: the bits are those of the writing.
pub fn attach_hidden(options: &StatesOptions, examples: &mut [Example]) -> Result<(), Failure> {
    let Some(draft) = &options.draft else { return Ok(()) };
    let mut model = LocalModel::open(crate::pair::resolve(draft)?, &options.device.load()?)?;
    let bar = ProgressBar::new(examples.len() as u64);
    bar.set_style(style("reading {wide_bar} {pos}/{len} steps {elapsed} {eta}"));
    let solutions = drafts_of_examples(examples, "");
    let mut unread = None;
    let path = options.states.as_deref();
    let states = read_states(&mut model, &solutions, path, SIDE_BY_SIDE, |solution, reason| {
        bar.inc(solution.labelled.len() as u64);
        unread = unread.take().or_else(|| Some(format!("problem `{}`: {}", solution.id, reason?)));
        if interrupt::check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.finish();
    if let Some(unread) = unread {
        return Err(unread.into());
    }
    let states = states.into_iter().flatten().flatten();
    examples.iter_mut().zip(states).for_each(|(example, hidden)| example.draft.hidden = Some(hidden));
    Ok(())
}
