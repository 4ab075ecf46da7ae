//! Python's methods that take a text apart.

use super::allowance::{Allowance, ListBuilder};
use super::arguments::{Arguments, given, int_or};
use super::casing::is_space;
use super::fault::{Evaluated, Fault};
use super::value::{PyValue, SequenceKind};

/// `text.split(sep, maxsplit)`, or `rsplit` with `from_end`.
pub(super) fn split(text: &str, arguments: Arguments, allowance: &Allowance, from_end: bool) -> Evaluated {
    let [separator, most] = arguments.bind(["sep", "maxsplit"])?;
    let most = usize::try_from(int_or(most, -1)?).unwrap_or(usize::MAX);
    allowance.characters(text.len())?;
    let mut parts = ListBuilder::new(allowance)?;
    match given(separator) {
        None if from_end => split_spaces_from_end(text, most, &mut parts)?,
        None => split_spaces(text, most, &mut parts)?,
        Some(separator) => {
            let separator = separator.to_text()?;
            if separator.is_empty() {
                return Err(Fault::invalid("split: empty separator"));
            }
            // The parts from the end come in reverse.
            let most = most.saturating_add(1);
            return if from_end {
                text.rsplitn(most, &**separator).try_for_each(|part| parts.push_text(part))?;
                reversed(parts, allowance)
            } else {
                text.splitn(most, &**separator).try_for_each(|part| parts.push_text(part))?;
                parts.finish(SequenceKind::List)
            };
        }
    }
    if from_end { reversed(parts, allowance) } else { parts.finish(SequenceKind::List) }
}

fn reversed(parts: ListBuilder, allowance: &Allowance) -> Evaluated {
    let mut list = ListBuilder::new(allowance)?;
    let parts = parts.into_sequence(SequenceKind::List)?;
    parts.items()?.iter().rev().try_for_each(|part| list.push(part.clone()))?;
    list.finish(SequenceKind::List)
}

fn split_spaces(text: &str, most: usize, parts: &mut ListBuilder) -> Evaluated<()> {
    let mut rest = text.trim_start_matches(is_space);
    for _ in 0..most {
        let Some((word, after)) = rest.split_once(is_space) else { break };
        parts.push_text(word)?;
        rest = after.trim_start_matches(is_space);
    }
    if rest.is_empty() { Ok(()) } else { parts.push_text(rest) }
}

fn split_spaces_from_end(text: &str, most: usize, parts: &mut ListBuilder) -> Evaluated<()> {
    let mut rest = text.trim_end_matches(is_space);
    for _ in 0..most {
        let Some((before, word)) = rest.rsplit_once(is_space) else { break };
        parts.push_text(word)?;
        rest = before.trim_end_matches(is_space);
    }
    if rest.is_empty() { Ok(()) } else { parts.push_text(rest) }
}

/// `text.splitlines(keepends)`.
pub(super) fn split_lines(text: &str, keep_ends: bool, allowance: &Allowance) -> Evaluated {
    allowance.characters(text.len())?;
    let mut parts = ListBuilder::new(allowance)?;
    lines(text).try_for_each(|(line, with_end)| parts.push_text(if keep_ends { with_end } else { line }))?;
    parts.finish(SequenceKind::List)
}

/// The lines of a text as Python divides it, each without its end and with it.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_end = |c: char| matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let length = rest.find(is_end).unwrap_or(rest.len());
        let (line, after) = rest.split_at(length);
        let end = if after.starts_with("\r\n") { 2 } else { after.chars().next().map_or(0, char::len_utf8) };
        let (with_end, after) = rest.split_at(length + end);
        rest = after;
        Some((line, with_end))
    })
}

/// `text.partition(sep)`, or `rpartition` with `from_end`.
pub(super) fn partition(text: &str, arguments: Arguments, allowance: &Allowance, from_end: bool) -> Evaluated {
    let separator = arguments.only("sep")?;
    let separator = separator.to_text()?;
    if separator.is_empty() {
        return Err(Fault::invalid("partition: empty separator"));
    }
    allowance.characters(text.len())?;
    let halves = if from_end { text.rsplit_once(&**separator) } else { text.split_once(&**separator) };
    let parts = match halves {
        Some((before, after)) => [before, separator, after],
        None if from_end => ["", "", text],
        None => [text, "", ""],
    };
    let parts = parts.into_iter().map(|part| allowance.text(part)).collect::<Evaluated<Vec<PyValue>>>()?;
    allowance.list(SequenceKind::Tuple, parts)
}
