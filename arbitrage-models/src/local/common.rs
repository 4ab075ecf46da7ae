//! What several sequences begin with, read once.
//!
//! Completions of one step, samples of one question and questions behind one instruction come as sequences of their own. A new
//! one that begins as another takes over that one's cache up to where they part.

use std::time::Instant;

use arbitrage_core::BoxError;

use super::LocalModel;
use super::writing::Writing;
use crate::catch_up::{Run, catch_up};
use crate::error::Result;
use crate::sequence::Sequence;

/// Tokens in common from which on taking over pays: whoever is taken from has to read them in a pass of their own, which costs
/// about as much as so many rows.
const LEAST: usize = 32;

/// Gives the new sequences among `writings` what they have in common with others: with those that `model` keeps, and among
/// themselves.
///
/// # Errors
/// Of the passes. Sequences may then hold less than they did.
pub(super) fn read_once(model: &LocalModel, writings: &mut [std::result::Result<Writing, BoxError>]) -> Result<()> {
    let mut open: Vec<&mut Writing> = writings.iter_mut().flatten().collect();
    if !open.iter().any(|writing| writing.sequence.held.is_empty()) {
        return Ok(());
    }
    let kept: Vec<&Sequence> = model.sequences.values().collect();
    let asked = open.iter().map(|writing| Text::of(&writing.sequence, &writing.pending));
    let texts: Vec<Text> = asked.chain(kept.iter().map(|sequence| Text::of(sequence, &[]))).collect();
    let parts = plan(&texts);
    for turn in 0..=parts.iter().map(|part| part.turn).max().unwrap_or(0) {
        for at in (0..open.len()).filter(|&at| parts[at].turn == turn) {
            let Some((source, tokens)) = parts[at].from else { continue };
            let source = if source < open.len() { &open[source].sequence } else { kept[source - open.len()] };
            let cache = source.cache.fork(tokens);
            open[at].take_over(cache, tokens);
        }
        let needed = open.iter_mut().zip(&parts).zip(&texts);
        let needed = needed.filter(|((_, part), _)| part.turn == turn && part.read > 0);
        read(model, needed.map(|((writing, part), text)| (&mut **writing, &text.tokens[..part.read])))?;
    }
    Ok(())
}

/// Fills the caches of sequences, each up to the end of what is given of its tokens.
fn read<'t>(model: &LocalModel, needed: impl Iterator<Item = (&'t mut Writing, &'t [u32])>) -> Result<()> {
    let start = Instant::now();
    let (mut writings, texts): (Vec<&mut Writing>, Vec<&[u32]>) = needed.unzip();
    let missing = |(writing, tokens): (&&mut Writing, &&[u32])| tokens.len() - writing.sequence.held.len();
    let rows = writings.iter().zip(&texts).map(missing).sum::<usize>().max(1);
    let begin = |(writing, &tokens): (&mut &mut Writing, &&'t [u32])| {
        let sequence = std::mem::replace(&mut writing.sequence, Sequence::new(model.decoder.cache()));
        Run::begin(sequence, tokens, tokens.len())
    };
    let mut runs: Vec<Run<'_>> = writings.iter_mut().zip(&texts).map(begin).collect();
    catch_up(model.decoder.body(), &mut runs, |_, _| Ok(()))?;
    let seconds = start.elapsed().as_secs_f64() / rows as f64;
    for (writing, run) in writings.into_iter().zip(runs) {
        writing.has_read(run.end(), seconds);
    }
    Ok(())
}

/// A sequence's tokens: all that are asked for of a new one, those in the cache of another.
struct Text {
    tokens: Vec<u32>,
    new: bool,
}

impl Text {
    fn of(sequence: &Sequence, pending: &[u32]) -> Self {
        match sequence.held.is_empty() {
            true => Self { tokens: pending.to_vec(), new: true },
            false => Self { tokens: sequence.held.clone(), new: false },
        }
    }

    /// How many tokens it can have from another.
    fn common(&self, other: &[u32]) -> usize {
        other.iter().zip(&self.tokens).take_while(|(a, b)| a == b).count().min(self.had())
    }

    /// How many of its tokens can be had without the pass that draws the next one.
    fn had(&self) -> usize {
        if self.new { self.tokens.len().saturating_sub(1) } else { self.tokens.len() }
    }
}

/// What is done about one of the sequences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// Whose cache it takes over, and how many tokens of it.
    from: Option<(usize, usize)>,
    /// How many of its tokens have to be read for others.
    read: usize,
    /// When: after those that it takes over from.
    turn: usize,
}

/// In the order of their tokens, a text has most in common with one of its neighbours. Each stretch of the one before was read by
/// one of those before; the one behind is of use where it is read already.
fn plan(texts: &[Text]) -> Vec<Part> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|&a, &b| (&texts[a].tokens, texts[a].new).cmp(&(&texts[b].tokens, texts[b].new)));
    let held_behind = held_behind(texts, &order);
    let mut parts = vec![Part::default(); texts.len()];
    let mut owners: Vec<(usize, usize)> = Vec::new(); // of the text before: who reads it, from which token on
    let mut before: &[u32] = &[];
    for at in order {
        let text = &texts[at];
        let common = text.common(before);
        before = &text.tokens;
        owners.retain(|&(_, start)| start < common);
        let source = owners.last().map(|&(owner, _)| (owner, common.min(texts[owner].had())));
        let behind = held_behind[at].map(|held| (held, text.common(&texts[held].tokens)));
        let best = source.into_iter().chain(behind).max_by_key(|&(_, tokens)| tokens);
        let best = best.filter(|&(_, tokens)| text.new && tokens >= LEAST);
        if best.is_none() || best == behind {
            owners.clear();
        }
        owners.push((at, if owners.is_empty() { 0 } else { best.map_or(0, |(_, tokens)| tokens) }));
        let Some((owner, tokens)) = best else { continue };
        parts[at] = Part { from: Some((owner, tokens)), read: 0, turn: parts[owner].turn + 1 };
        if texts[owner].new {
            parts[owner].read = parts[owner].read.max(tokens);
        }
    }
    parts
}

/// For each text the next one in the order that is held.
fn held_behind(texts: &[Text], order: &[usize]) -> Vec<Option<usize>> {
    let (mut behind, mut next) = (vec![None; texts.len()], None);
    for &at in order.iter().rev() {
        behind[at] = next;
        next = if texts[at].new { next } else { Some(at) };
    }
    behind
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A text of `LEAST` equal tokens and these.
    fn text(rest: &[u32], new: bool) -> Text {
        Text { tokens: std::iter::repeat_n(7, LEAST).chain(rest.iter().copied()).collect(), new }
    }

    #[test]
    fn copies_and_continuations_take_over() {
        let texts = [text(&[1, 2, 3], true), text(&[1, 2, 3], true), text(&[1], true), text(&[1, 1, 9], false)];
        let of = |parts: &[Part], at: usize| (parts[at].from, parts[at].read, parts[at].turn);
        for (texts, of_short, of_first) in [
            (&texts[..3], (None, LEAST, 0), Some((2, LEAST))),
            (&texts[..], (Some((3, LEAST)), 0, 1), Some((3, LEAST + 1))),
        ] {
            let parts = plan(texts);
            assert_eq!(of(&parts, 2), of_short, "the last token is left to the pass that draws");
            let [first, second] = if parts[0].turn < parts[1].turn { [0, 1] } else { [1, 0] };
            assert_eq!(of(&parts, first), (of_first, LEAST + 2, 1));
            assert_eq!(of(&parts, second), (Some((first, LEAST + 2)), 0, 2));
        }
        assert_eq!(of(&plan(&texts), 3), (None, 0, 0), "what is held is not read");
    }

    #[test]
    fn what_is_held_is_of_use_to_both_sides() {
        let texts = [text(&[5, 1], true), text(&[5, 4], false), text(&[5, 4, 6], true), text(&[5], true)];
        let from: Vec<_> = plan(&texts).into_iter().map(|part| part.from).collect();
        assert_eq!(from, [Some((1, LEAST + 1)), None, Some((1, LEAST + 2)), Some((1, LEAST))]);
    }

    #[test]
    fn little_in_common_is_read_twice() {
        let texts = [&[1, 2][..], &[1, 3]].map(|tokens| Text { tokens: tokens.to_vec(), new: true });
        assert_eq!(plan(&texts), vec![Part::default(); 2]);
        assert_eq!(plan(&[]), []);
    }

    proptest! {
        /// Whoever is taken from has the same tokens, was read as far, and earlier; no token is read twice by new texts where a
        /// whole stretch is common to neighbours.
        #[test]
        fn plans_can_be_carried_out(rests in vec((vec(0..3u32, 0..6), any::<bool>()), 1..12)) {
            let texts: Vec<Text> = rests.iter().map(|(rest, new)| text(rest, *new)).collect();
            let parts = plan(&texts);
            for (text, part) in texts.iter().zip(&parts) {
                prop_assert!(part.read <= text.had());
                prop_assert!(text.new || (part.from.is_none() && part.read == 0));
                let Some((source, tokens)) = part.from else { continue };
                prop_assert!((LEAST..=text.had()).contains(&tokens));
                prop_assert_eq!(&texts[source].tokens[..tokens], &text.tokens[..tokens]);
                prop_assert!(parts[source].turn < part.turn);
                let has = if texts[source].new { parts[source].read } else { texts[source].had() };
                prop_assert!(has >= tokens);
            }
        }
    }
}
