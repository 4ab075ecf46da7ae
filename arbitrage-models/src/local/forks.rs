//! Several drafts of one step: the first goes on in the sequence, the others in forks of it.
//!
//! A fork shares the cache of its prefix with the sequence, so that the prefix is read once, and all drafts are decoded in the same
//! passes. Which draft was chosen is seen in the next request: the sequence then goes on with the cache that has most of its
//! prefix, and the other caches are dropped.

use std::time::Instant;

use arbitrage_core::{BoxError, Prefix, Rewrite, SequenceId, SeveralDrafts, StepResult, StepRule, StepsResult};

use super::LocalModel;
use super::generate::{begin, complete, keep};
use super::prefix_sharing::{MIN_SHARED_TOKENS, prefill_sources, share_prefixes};
use super::step_generation::StepGeneration;
use crate::error::Result;
use crate::sampler::Sampling;
use crate::sequence::CachedSequence;

/// A draft that is being generated, or why it is not.
type Generation<'r> = std::result::Result<StepGeneration<'r>, BoxError>;

/// Generates several drafts of the step after each prefix. The first is the step that the model generates by itself; nothing of
/// them is streamed, since all but one are dropped.
pub(super) fn generate_several(
    model: &mut LocalModel,
    prefixes: &[Prefix<'_>],
    drafts: SeveralDrafts,
    rule: &StepRule<'_>,
    start: Instant,
) -> Vec<StepsResult> {
    let rule = &StepRule::new(rule.segmenter, rule.max_tokens);
    let requests: Vec<_> = prefixes.iter().map(|&prefix| Rewrite { prefix, rejected: None }).collect();
    let mut generations = begin(model, &requests, rule);
    let shared = share_prefixes(model, &mut generations)
        .and_then(|()| prefill_before_forks(model, &mut generations, drafts.count() - 1));
    let sampling = Sampling { temperature: drafts.temperature(), ..model.sampling };
    for number in 1..drafts.count() {
        for (at, prefix) in prefixes.iter().enumerate() {
            let stream = prefix.draft_draw(model.author, number).next_u64();
            let fork = match &generations[at] {
                Ok(first) => first.fork(&sampling, stream, rule).map_err(BoxError::from),
                Err(_) => Err("the first draft of the step could not be begun".into()),
            };
            generations.push(fork);
        }
    }
    let setup = start.elapsed().as_secs_f64() / prefixes.len().max(1) as f64;
    complete(model, &mut generations, shared, &mut None);
    collect(model, prefixes, generations, setup)
}

/// Prefills what the drafts of a step have in common and is not cached, if reading it once for each draft would take longer than
/// one more pass.
fn prefill_before_forks(model: &LocalModel, generations: &mut [Generation<'_>], forks: usize) -> Result<()> {
    let is_worth_it =
        |generation: &StepGeneration<'_>| forks * generation.pending.len().saturating_sub(1) >= MIN_SHARED_TOKENS;
    let sources: Vec<_> = generations.iter_mut().flatten().filter(|generation| is_worth_it(generation)).collect();
    let common = |generation: &StepGeneration<'_>| {
        let pending = &generation.pending[..generation.pending.len() - 1];
        [&generation.sequence.cached_tokens, pending].concat()
    };
    let texts: Vec<Vec<u32>> = sources.iter().map(|generation| common(generation)).collect();
    prefill_sources(model, sources.into_iter().zip(texts.iter().map(Vec::as_slice)))
}

/// The drafts of each prefix. The model keeps all caches until the next request shows which draft was chosen.
fn collect(
    model: &mut LocalModel,
    prefixes: &[Prefix<'_>],
    generations: Vec<Generation<'_>>,
    setup: f64,
) -> Vec<StepsResult> {
    let mut generations = generations.into_iter();
    let first = generations.by_ref().take(prefixes.len()).map(|first| keep(model, first, setup).map(|step| vec![step]));
    let mut drafts: Vec<StepsResult> = first.collect();
    let owners = prefixes.iter().map(|prefix| prefix.id).cycle();
    for (at, (fork, owner)) in generations.zip(owners).enumerate() {
        let of_prefix = &mut drafts[at % prefixes.len()];
        match (of_prefix.as_mut(), keep_fork(model, fork, owner)) {
            (Ok(steps), Ok(step)) => steps.push(step),
            (Ok(_), Err(error)) => *of_prefix = Err(error),
            (Err(_), _) => {}
        }
    }
    drafts
}

/// The finished draft of a fork, whose cache is kept for the sequence `owner`.
fn keep_fork(model: &mut LocalModel, fork: Generation<'_>, owner: SequenceId) -> StepResult {
    let fork = fork?;
    model.speculation.release(fork.id);
    let finished = fork.end(model.vocabulary())?;
    model.forks.entry(owner).or_default().push(finished.sequence);
    Ok(finished.step)
}

impl LocalModel {
    /// Lets the sequence go on with that one of its caches that has the longest part of `prefix`, and drops the forks.
    pub(super) fn continue_best_fork(&mut self, prefix: &Prefix<'_>) {
        let Some(forks) = self.forks.remove(&prefix.id) else { return };
        // A prefix that cannot be encoded is an error when its step is begun.
        let Ok(tokens) = self.encode(prefix) else { return };
        let common = |sequence: &CachedSequence| {
            sequence.cached_tokens.iter().zip(&tokens).take_while(|(cached, wanted)| cached == wanted).count()
        };
        let own = self.sequences.remove(&prefix.id);
        // Of equally good caches the last is kept, so that the sequence's own comes last.
        let best = forks.into_iter().chain(own).max_by_key(common);
        self.sequences.extend(best.map(|best| (prefix.id, best)));
    }

    /// How many forks have a cache.
    pub fn forks(&self) -> usize {
        self.forks.values().map(Vec::len).sum()
    }
}
