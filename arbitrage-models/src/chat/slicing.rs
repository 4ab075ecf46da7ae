//! Positions in texts and lists, counted in characters and items, from the end where they are negative.

use super::allowance::{Allowance, ListBuilder};
use super::fault::{Evaluated, Fault};
use super::value::{PyValue, SequenceKind};
use std::ops::Range;

/// `value[start:stop:step]`.
pub(super) fn slice(
    value: &PyValue,
    [start, stop]: [Option<i64>; 2],
    step: Option<i64>,
    allowance: &Allowance,
) -> Evaluated {
    let step = step.unwrap_or(1);
    match value {
        _ if step == 0 => Err(Fault::invalid("a slice needs a step other than 0")),
        PyValue::Text(text) if step == 1 => {
            allowance.characters(text.len())?;
            let bytes = byte_range(text, start.unwrap_or(0), stop);
            allowance.text(text.get(bytes).unwrap_or_default())
        }
        PyValue::Text(text) => {
            allowance.characters(text.len())?;
            let held = allowance.hold(text.len() * size_of::<char>())?;
            let characters: Vec<char> = text.chars().collect();
            let taken: String =
                positions(characters.len(), start, stop, step).filter_map(|index| characters.get(index)).collect();
            drop(held);
            allowance.text(taken)
        }
        PyValue::List(sequence) if sequence.kind != SequenceKind::View => {
            let items = sequence.items()?;
            let mut list = ListBuilder::new(allowance)?;
            for item in positions(items.len(), start, stop, step).filter_map(|index| items.get(index)) {
                list.push(item.clone())?;
            }
            list.finish(sequence.kind)
        }
        _ => {
            value.defined()?;
            Err(Fault::invalid(format!("a {} has no slices", value.type_name())))
        }
    }
}

/// `value[index]`; none past the end.
pub(super) fn item(value: &PyValue, index: i64, allowance: &Allowance) -> Evaluated<Option<PyValue>> {
    match value {
        PyValue::Text(text) => {
            allowance.characters(text.len())?;
            let length = text.chars().count();
            let character = position(length, index).and_then(|index| text.chars().nth(index));
            character.map(|character| allowance.text(character.to_string())).transpose()
        }
        PyValue::List(sequence) if sequence.kind != SequenceKind::View => {
            let items = sequence.items()?;
            Ok(position(items.len(), index).and_then(|index| items.get(index)).cloned())
        }
        _ => Err(Fault::invalid(format!("a {} has no positions", value.type_name()))),
    }
}

/// The bytes of the characters from `start` to `stop`.
pub(super) fn byte_range(text: &str, start: i64, stop: Option<i64>) -> Range<usize> {
    let length = if text.is_ascii() { text.len() } else { text.chars().count() };
    let (start, stop) = (clamped(length, start), stop.map_or(length, |stop| clamped(length, stop)));
    let byte = |position: usize| {
        if text.is_ascii() { position } else { text.char_indices().nth(position).map_or(text.len(), |(byte, _)| byte) }
    };
    byte(start)..byte(stop.max(start))
}

/// A position counted from the start, which is at most the length.
pub(super) fn clamped(length: usize, position: i64) -> usize {
    let from_end = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 { length.saturating_sub(from_end) } else { from_end.min(length) }
}

fn position(length: usize, index: i64) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let position = if index < 0 { length.checked_sub(distance)? } else { distance };
    (position < length).then_some(position)
}

/// The positions of a slice.
fn positions(length: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> impl Iterator<Item = usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let (lowest, highest) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let bound = |value: Option<i64>, default: i64| match value {
        None => default,
        Some(value) if value < 0 => value.saturating_add(length).max(lowest),
        Some(value) => value.min(highest),
    };
    let (first, last) =
        if step < 0 { (bound(start, length - 1), bound(stop, -1)) } else { (bound(start, 0), bound(stop, length)) };
    let next = move |position: &i64| position.checked_add(step);
    std::iter::successors(Some(first), next)
        .take_while(move |position| if step < 0 { *position > last } else { *position < last })
        .filter_map(|position| usize::try_from(position).ok())
}
