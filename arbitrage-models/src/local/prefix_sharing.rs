//! Prefix sharing: tokens that several sequences begin with are prefilled once.
//!
//! Several completions of one step, several samples of one question and several questions after one system prompt are separate
//! sequences with a common prefix. A new sequence copies the cache of another one up to the first token in which they differ.

use std::time::Instant;

use arbitrage_core::BoxError;

use super::LocalModel;
use super::step_generation::StepGeneration;
use crate::error::Result;
use crate::prefill::{Prefill, prefill};
use crate::sequence::CachedSequence;

/// Shortest common prefix that is shared. The source of a copy has to be prefilled in a pass before the others, and that pass
/// costs about as much as so many rows.
pub(super) const MIN_SHARED_TOKENS: usize = 32;

/// Gives each new sequence among `generations` the cache of the longest prefix that it shares with another one, which is either
/// a sequence that `model` keeps or another new one. New sequences that others copy from are prefilled here as far as needed.
///
/// # Errors
/// Errors of the passes. The sequences then have fewer tokens cached than before, but remain usable.
pub(super) fn share_prefixes(
    model: &LocalModel,
    generations: &mut [std::result::Result<StepGeneration<'_>, BoxError>],
) -> Result<()> {
    let mut open: Vec<&mut StepGeneration<'_>> = generations.iter_mut().flatten().collect();
    if !open.iter().any(|generation| generation.sequence.cached_tokens.is_empty()) {
        return Ok(());
    }
    let kept: Vec<&CachedSequence> = model.sequences.values().collect();
    let requested = open.iter().map(|generation| TokenSequence::of(&generation.sequence, &generation.pending));
    let texts: Vec<TokenSequence> =
        requested.chain(kept.iter().map(|sequence| TokenSequence::of(sequence, &[]))).collect();
    let plans = plan_sharing(&texts);
    for round in 0..=plans.iter().map(|plan| plan.round).max().unwrap_or(0) {
        for at in (0..open.len()).filter(|&at| plans[at].round == round) {
            let Some(CacheSource { index, tokens }) = plans[at].source else { continue };
            let source = if index < open.len() { &open[index].sequence } else { kept[index - open.len()] };
            let cache = source.cache.fork(tokens);
            open[at].start_from_cache(cache, tokens);
        }
        let sources = open.iter_mut().zip(&plans).zip(&texts);
        let sources = sources.filter(|((_, plan), _)| plan.round == round && plan.prefill > 0);
        prefill_sources(
            model,
            sources.map(|((generation, plan), text)| (&mut **generation, &text.tokens[..plan.prefill])),
        )?;
    }
    Ok(())
}

/// Prefills each sequence up to the end of the given tokens.
pub(super) fn prefill_sources<'t, 'r: 't>(
    model: &LocalModel,
    sources: impl Iterator<Item = (&'t mut StepGeneration<'r>, &'t [u32])>,
) -> Result<()> {
    let start = Instant::now();
    let (mut generations, texts): (Vec<&mut StepGeneration<'_>>, Vec<&[u32]>) = sources.unzip();
    let missing = |(generation, tokens): (&&mut StepGeneration<'_>, &&[u32])| {
        tokens.len() - generation.sequence.cached_tokens.len()
    };
    let rows = generations.iter().zip(&texts).map(missing).sum::<usize>().max(1);
    let begin = |(generation, &tokens): (&mut &mut StepGeneration<'_>, &&'t [u32])| {
        let empty = CachedSequence::new(model.decoder.cache());
        Prefill::begin(std::mem::replace(&mut generation.sequence, empty), tokens, tokens.len())
    };
    let mut prefills: Vec<Prefill<'_>> = generations.iter_mut().zip(&texts).map(begin).collect();
    prefill(model.decoder.backbone(), &mut prefills, |_, _| Ok(()))?;
    let seconds = start.elapsed().as_secs_f64() / rows as f64;
    for (generation, done) in generations.into_iter().zip(prefills) {
        generation.record_prefill(done.end(), seconds);
    }
    Ok(())
}

/// The tokens of one sequence: the whole prompt of a new sequence, the cached tokens of any other.
struct TokenSequence {
    tokens: Vec<u32>,
    is_new: bool,
}

impl TokenSequence {
    fn of(sequence: &CachedSequence, pending: &[u32]) -> Self {
        match sequence.cached_tokens.is_empty() {
            true => Self { tokens: pending.to_vec(), is_new: true },
            false => Self { tokens: sequence.cached_tokens.clone(), is_new: false },
        }
    }

    /// How many cached tokens of `other` it can take over.
    fn common(&self, other: &[u32]) -> usize {
        other.iter().zip(&self.tokens).take_while(|(a, b)| a == b).count().min(self.shareable())
    }

    /// How many of its tokens can be in the cache before generation starts. The last token of a prompt is left to the pass that
    /// samples the next one.
    fn shareable(&self) -> usize {
        if self.is_new { self.tokens.len().saturating_sub(1) } else { self.tokens.len() }
    }
}

/// Where a new sequence's first cached tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CacheSource {
    /// Index of the sequence to copy from.
    index: usize,
    /// How many of its tokens are copied.
    tokens: usize,
}

/// What is done for one sequence before generation starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SharingPlan {
    source: Option<CacheSource>,
    /// How many of its tokens have to be prefilled because others copy them.
    prefill: usize,
    /// Rounds are carried out in order; a sequence comes in a later round than its source.
    round: usize,
}

/// Sorted by their tokens, a sequence has its longest common prefix with a neighbour. The sequences before it own the prefixes
/// that have been planned so far; the nearest one after it that is already cached is the only other candidate.
fn plan_sharing(texts: &[TokenSequence]) -> Vec<SharingPlan> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|&a, &b| (&texts[a].tokens, texts[a].is_new).cmp(&(&texts[b].tokens, texts[b].is_new)));
    let next_cached = next_cached(texts, &order);
    let mut plans = vec![SharingPlan::default(); texts.len()];
    // Of the previous text: which sequences have its tokens, and from which token on.
    let mut owners: Vec<(usize, usize)> = Vec::new();
    let mut previous: &[u32] = &[];
    for at in order {
        let text = &texts[at];
        let common = text.common(previous);
        previous = &text.tokens;
        owners.retain(|&(_, start)| start < common);
        let before =
            owners.last().map(|&(index, _)| CacheSource { index, tokens: common.min(texts[index].shareable()) });
        let after = next_cached[at].map(|index| CacheSource { index, tokens: text.common(&texts[index].tokens) });
        let best = before.into_iter().chain(after).max_by_key(|source| source.tokens);
        let best = best.filter(|source| text.is_new && source.tokens >= MIN_SHARED_TOKENS);
        if best.is_none() || best == after {
            owners.clear();
        }
        owners.push((at, if owners.is_empty() { 0 } else { best.map_or(0, |source| source.tokens) }));
        let Some(CacheSource { index, tokens }) = best else { continue };
        plans[at] = SharingPlan { source: best, prefill: 0, round: plans[index].round + 1 };
        if texts[index].is_new {
            plans[index].prefill = plans[index].prefill.max(tokens);
        }
    }
    plans
}

/// For each text the next one in `order` that is already cached.
fn next_cached(texts: &[TokenSequence], order: &[usize]) -> Vec<Option<usize>> {
    let (mut next_of, mut next) = (vec![None; texts.len()], None);
    for &at in order.iter().rev() {
        next_of[at] = next;
        next = if texts[at].is_new { next } else { Some(at) };
    }
    next_of
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A text of `MIN_SHARED_TOKENS` equal tokens followed by `rest`.
    fn text(rest: &[u32], is_new: bool) -> TokenSequence {
        let tokens = std::iter::repeat_n(7, MIN_SHARED_TOKENS).chain(rest.iter().copied()).collect();
        TokenSequence { tokens, is_new }
    }

    fn source(index: usize, tokens: usize) -> Option<CacheSource> {
        Some(CacheSource { index, tokens })
    }

    #[test]
    fn copies_and_continuations_share_caches() {
        const SHARED: usize = MIN_SHARED_TOKENS;
        let texts = [text(&[1, 2, 3], true), text(&[1, 2, 3], true), text(&[1], true), text(&[1, 1, 9], false)];
        let of = |plans: &[SharingPlan], at: usize| (plans[at].source, plans[at].prefill, plans[at].round);
        for (texts, of_short, of_first) in [
            (&texts[..3], (None, SHARED, 0), source(2, SHARED)),
            (&texts[..], (source(3, SHARED), 0, 1), source(3, SHARED + 1)),
        ] {
            let plans = plan_sharing(texts);
            assert_eq!(of(&plans, 2), of_short, "the last token is left to the pass that samples");
            let [first, second] = if plans[0].round < plans[1].round { [0, 1] } else { [1, 0] };
            assert_eq!(of(&plans, first), (of_first, SHARED + 2, 1));
            assert_eq!(of(&plans, second), (source(first, SHARED + 2), 0, 2));
        }
        assert_eq!(of(&plan_sharing(&texts), 3), (None, 0, 0), "cached tokens are not prefilled again");
    }

    #[test]
    fn cached_sequences_serve_both_neighbours() {
        let texts = [text(&[5, 1], true), text(&[5, 4], false), text(&[5, 4, 6], true), text(&[5], true)];
        let sources: Vec<_> = plan_sharing(&texts).into_iter().map(|plan| plan.source).collect();
        let shared = |more| source(1, MIN_SHARED_TOKENS + more);
        assert_eq!(sources, [shared(1), None, shared(2), shared(0)]);
    }

    #[test]
    fn short_common_prefixes_are_not_shared() {
        let texts = [&[1, 2][..], &[1, 3]].map(|tokens| TokenSequence { tokens: tokens.to_vec(), is_new: true });
        assert_eq!(plan_sharing(&texts), vec![SharingPlan::default(); 2]);
        assert_eq!(plan_sharing(&[]), []);
    }

    proptest! {
        /// A source has the same tokens, is prefilled far enough, and comes in an earlier round.
        #[test]
        fn plans_can_be_carried_out(rests in vec((vec(0..3u32, 0..6), any::<bool>()), 1..12)) {
            let texts: Vec<TokenSequence> = rests.iter().map(|(rest, is_new)| text(rest, *is_new)).collect();
            let plans = plan_sharing(&texts);
            for (text, plan) in texts.iter().zip(&plans) {
                prop_assert!(plan.prefill <= text.shareable());
                prop_assert!(text.is_new || (plan.source.is_none() && plan.prefill == 0));
                let Some(CacheSource { index, tokens }) = plan.source else { continue };
                prop_assert!((MIN_SHARED_TOKENS..=text.shareable()).contains(&tokens));
                prop_assert_eq!(&texts[index].tokens[..tokens], &text.tokens[..tokens]);
                prop_assert!(plans[index].round < plan.round);
                let has = if texts[index].is_new { plans[index].prefill } else { texts[index].shareable() };
                prop_assert!(has >= tokens);
            }
        }
    }
}
