//! Labelled steps from traces.

use std::collections::HashSet;
use std::path::PathBuf;

use arbitrage_core::trace::{Record, read_jsonl};
use arbitrage_core::{Candidate, Evidence, Prefix, Problem, SequenceId};
use arbitrage_models::LocalModel;
use arbitrage_models::source::file_digest;
use arbitrage_router::labels::{Example, Split, examples};
use arbitrage_router::learned::{Data, Pair};

use crate::Failure;
use crate::cli::{DeviceOptions, LearningOptions};

/// Traces of one pair.
pub struct Loaded {
    /// The labelled steps.
    pub examples: Vec<Example>,
    /// The models that wrote them.
    pub pair: Pair,
    /// What a router's card says of them.
    pub data: Data,
}

/// Reads traces that `collect` wrote. All of them have to be of one pair.
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

/// Reads every example, in batches of different sequences.
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

/// Gives every draft its writer's hidden states, which traces do not keep: the bits are those of the writing. `draft` names the
/// writer.
pub fn attach_hidden(draft: &str, device: &DeviceOptions, examples: &mut [Example]) -> Result<(), Failure> {
    let mut model = LocalModel::open(crate::pair::resolve(draft)?, &device.load()?)?;
    let readings = in_batches(examples, |candidates| {
        let steps: Vec<_> = candidates.iter().map(|candidate| (candidate.prefix, candidate.draft)).collect();
        Ok(model.read_all(&steps).into_iter().collect::<Result<Vec<_>, _>>()?)
    })?;
    for (example, reading) in examples.iter_mut().zip(readings) {
        example.draft.hidden = Some(reading.hidden);
    }
    Ok(())
}
