//! Jinja's filters of lists and dictionaries.

use super::allowance::{ListBuilder, TextBuilder};
use super::arguments::{Arguments, flag, given, int_or, required};
use super::compare;
use super::container_methods::pairs;
use super::fault::{Evaluated, Fault};
use super::filters;
use super::predicates;
use super::renderer::Renderer;
use super::show;
use super::value::{PyValue, SequenceKind};
use std::cmp::Ordering;

pub(super) fn length(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    arguments.none()?;
    let length = match &value {
        PyValue::Undefined(_) => 0,
        PyValue::Text(text) => {
            renderer.allowance.characters(text.len())?;
            text.chars().count()
        }
        PyValue::List(sequence) => sequence.items()?.len(),
        PyValue::Dict(mapping) => mapping.entries.len(),
        _ => return Err(Fault::invalid(format!("a {} has no length", value.type_name()))),
    };
    Ok(PyValue::Int(length as i64))
}

/// A new list of all items.
pub(super) fn list(renderer: &Renderer<'_>, value: &PyValue) -> Evaluated {
    let items = value.iterate(&renderer.allowance)?;
    renderer.allowance.work(items.items()?.len())?;
    renderer.allowance.list(SequenceKind::List, items.items()?.to_vec())
}

pub(super) fn items(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    arguments.none()?;
    match &value {
        PyValue::Undefined(_) => renderer.allowance.list(SequenceKind::Iterator, Vec::new()),
        PyValue::Dict(mapping) => pairs(renderer, mapping, SequenceKind::Iterator),
        _ => Err(Fault::invalid("items: expected a dict")),
    }
}

pub(super) fn first(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    arguments.none()?;
    let items = value.iterate(&renderer.allowance)?;
    Ok(items.items()?.first().cloned().unwrap_or_else(|| PyValue::undefined("first")))
}

pub(super) fn last(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    arguments.none()?;
    if matches!(&value, PyValue::List(sequence) if sequence.kind == SequenceKind::Iterator) {
        return Err(Fault::invalid("last: an iterator has no end; make a `list` of it"));
    }
    let items = value.iterate(&renderer.allowance)?;
    Ok(items.items()?.last().cloned().unwrap_or_else(|| PyValue::undefined("last")))
}

pub(super) fn reverse(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    arguments.none()?;
    if let PyValue::Text(text) = &value {
        renderer.allowance.characters(text.len())?;
        return renderer.allowance.text(text.chars().rev().collect::<String>());
    }
    let items = value.iterate(&renderer.allowance)?;
    renderer.allowance.work(items.items()?.len())?;
    renderer.allowance.list(SequenceKind::Iterator, items.items()?.iter().rev().cloned().collect())
}

pub(super) fn join(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [separator, attribute] = arguments.bind(["d", "attribute"])?;
    let separator = separator.map_or_else(|| renderer.allowance.text(""), Ok)?;
    let separator = show::to_text(&separator, &renderer.allowance)?;
    let attribute = given(attribute);
    let mut out = TextBuilder::new(&renderer.allowance)?;
    for (index, item) in value.iterate(&renderer.allowance)?.items()?.iter().enumerate() {
        out.push(if index == 0 { "" } else { &separator })?;
        show::write(&keyed(renderer, item, attribute.as_ref(), None)?, &mut out)?;
    }
    Ok(out.finish())
}

/// The item itself, or its attribute of a dotted name, with a default for every part that is missing.
fn keyed(renderer: &Renderer<'_>, item: &PyValue, attribute: Option<&PyValue>, default: Option<&PyValue>) -> Evaluated {
    let Some(attribute) = attribute else { return Ok(item.clone()) };
    let or_default = |found: PyValue| match default {
        Some(default) if matches!(found, PyValue::Undefined(_)) => default.clone(),
        _ => found,
    };
    let PyValue::Text(path) = attribute else { return renderer.item(item, attribute).map(or_default) };
    let mut value = item.clone();
    for part in path.split('.') {
        let key = match part.parse() {
            Ok(index) if part.bytes().all(|byte| byte.is_ascii_digit()) => PyValue::Int(index),
            _ => renderer.allowance.text(part)?,
        };
        value = or_default(renderer.item(&value, &key)?);
    }
    Ok(value)
}

pub(super) fn map(renderer: &mut Renderer<'_>, value: PyValue, mut arguments: Arguments) -> Evaluated {
    let mut results = ListBuilder::new(&renderer.allowance)?;
    let items = value.iterate(&renderer.allowance)?;
    if arguments.positional.is_empty() {
        let [attribute, default] = arguments.bind(["attribute", "default"])?;
        let default = given(default);
        let attribute = required(attribute, "map", "attribute")?;
        for item in items.items()? {
            results.push(keyed(renderer, item, Some(&attribute), default.as_ref())?)?;
        }
        return results.finish(SequenceKind::Iterator);
    }
    let name = arguments.positional.remove(0);
    let name = name.to_text()?;
    for item in items.items()? {
        let arguments = copied(renderer, &arguments, name)?;
        results.push(filters::apply(renderer, name, item.clone(), arguments)?)?;
    }
    results.finish(SequenceKind::Iterator)
}

/// The same arguments for one more call.
fn copied(renderer: &Renderer<'_>, arguments: &Arguments, callee: &str) -> Evaluated<Arguments> {
    renderer.allowance.work(1 + arguments.positional.len() + arguments.named.len())?;
    let (positional, named) = (arguments.positional.clone(), arguments.named.clone());
    Ok(Arguments { callee: callee.to_owned(), positional, named })
}

/// The items that pass a test, or those that do not.
pub(super) fn select(renderer: &mut Renderer<'_>, value: &PyValue, arguments: Arguments, wanted: bool) -> Evaluated {
    chosen(renderer, value, None, arguments, wanted)
}

/// The items of which an attribute passes a test, or does not.
pub(super) fn select_by_attribute(
    renderer: &mut Renderer<'_>,
    value: &PyValue,
    mut arguments: Arguments,
    wanted: bool,
) -> Evaluated {
    if arguments.positional.is_empty() {
        return Err(Fault::invalid("the name of the attribute is missing"));
    }
    let attribute = arguments.positional.remove(0);
    chosen(renderer, value, Some(&attribute), arguments, wanted)
}

fn chosen(
    renderer: &mut Renderer<'_>,
    value: &PyValue,
    attribute: Option<&PyValue>,
    mut arguments: Arguments,
    wanted: bool,
) -> Evaluated {
    let test = if arguments.positional.is_empty() { None } else { Some(arguments.positional.remove(0)) };
    let mut results = ListBuilder::new(&renderer.allowance)?;
    for item in value.iterate(&renderer.allowance)?.items()? {
        let key = keyed(renderer, item, attribute, None)?;
        let passes = match &test {
            None => key.is_true(),
            Some(name) => {
                let arguments = copied(renderer, &arguments, name.to_text()?)?;
                predicates::test(renderer, name.to_text()?, &key, arguments)?
            }
        };
        if passes == wanted {
            results.push(item.clone())?;
        }
    }
    results.finish(SequenceKind::Iterator)
}

/// The key by which an item is ordered: texts without regard to case, unless asked for.
fn sort_key(renderer: &Renderer<'_>, item: &PyValue, attribute: Option<&PyValue>, case_sensitive: bool) -> Evaluated {
    let key = keyed(renderer, item, attribute, None)?;
    match &key {
        PyValue::Text(text) if !case_sensitive => renderer.allowance.text(text.to_lowercase()),
        _ => Ok(key),
    }
}

/// An item with its key.
type Keyed = (PyValue, PyValue);

/// Sorts items by their keys, stably. The standard library's sort could panic, since keys may have no order.
fn merge_sorted(renderer: &Renderer<'_>, mut left: Vec<Keyed>, reverse: bool) -> Evaluated<Vec<Keyed>> {
    if left.len() < 2 {
        return Ok(left);
    }
    let right = left.split_off(left.len() / 2);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = merge_sorted(renderer, left, reverse)?.into_iter().peekable();
    let mut right = merge_sorted(renderer, right, reverse)?.into_iter().peekable();
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let order =
            compare::order("<", a, b, &renderer.allowance)?.ok_or_else(|| Fault::invalid("nan has no order"))?;
        let is_right_first = order == if reverse { Ordering::Less } else { Ordering::Greater };
        merged.extend(if is_right_first { right.next() } else { left.next() });
    }
    merged.extend(left.chain(right));
    Ok(merged)
}

fn sorted(renderer: &Renderer<'_>, items: Vec<Keyed>, reverse: bool) -> Evaluated {
    let items = merge_sorted(renderer, items, reverse)?;
    renderer.allowance.list(SequenceKind::List, items.into_iter().map(|(_, item)| item).collect())
}

pub(super) fn sort(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [reverse, case_sensitive, attribute] = arguments.bind(["reverse", "case_sensitive", "attribute"])?;
    let (reverse, case_sensitive, attribute) = (flag(reverse), flag(case_sensitive), given(attribute));
    if matches!(&attribute, Some(PyValue::Text(names)) if names.contains(',')) {
        return Err(Fault::invalid("sort: several attributes are not supported"));
    }
    let items = value.iterate(&renderer.allowance)?;
    let _room = renderer.allowance.hold(2 * items.items()?.len() * size_of::<Keyed>())?;
    let keys = items
        .items()?
        .iter()
        .map(|item| Ok((sort_key(renderer, item, attribute.as_ref(), case_sensitive)?, item.clone())));
    let keys = keys.collect::<Evaluated<Vec<_>>>()?;
    sorted(renderer, keys, reverse)
}

pub(super) fn dictsort(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [case_sensitive, by, reverse] = arguments.bind(["case_sensitive", "by", "reverse"])?;
    let PyValue::Dict(mapping) = &value else { return Err(Fault::invalid("dictsort: expected a dict")) };
    let by = given(by);
    let by_value = match by.as_ref().map_or(Ok("key"), |by| by.to_text().map(|by| &**by))? {
        "key" => false,
        "value" => true,
        _ => return Err(Fault::invalid("dictsort: expected key or value")),
    };
    let case_sensitive = flag(case_sensitive);
    let mut keys = Vec::with_capacity(mapping.entries.len());
    for (key, value) in &mapping.entries {
        let pair = renderer.allowance.list(SequenceKind::Tuple, vec![key.clone(), value.clone()])?;
        keys.push((sort_key(renderer, if by_value { value } else { key }, None, case_sensitive)?, pair));
    }
    sorted(renderer, keys, flag(reverse))
}

pub(super) fn unique(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [case_sensitive, attribute] = arguments.bind(["case_sensitive", "attribute"])?;
    let (case_sensitive, attribute) = (flag(case_sensitive), given(attribute));
    let mut seen = ListBuilder::new(&renderer.allowance)?;
    let mut results = ListBuilder::new(&renderer.allowance)?;
    for item in value.iterate(&renderer.allowance)?.items()? {
        let key = sort_key(renderer, item, attribute.as_ref(), case_sensitive)?;
        compare::hashable(&key, &renderer.allowance)?;
        if !seen.contains(&key)? {
            seen.push(key)?;
            results.push(item.clone())?;
        }
    }
    results.finish(SequenceKind::Iterator)
}

/// The largest or the smallest item; the first of equal ones.
pub(super) fn extreme(renderer: &mut Renderer<'_>, value: &PyValue, arguments: Arguments, largest: bool) -> Evaluated {
    let [case_sensitive, attribute] = arguments.bind(["case_sensitive", "attribute"])?;
    let (case_sensitive, attribute) = (flag(case_sensitive), given(attribute));
    let mut best: Option<(PyValue, PyValue)> = None;
    for item in value.iterate(&renderer.allowance)?.items()? {
        let key = sort_key(renderer, item, attribute.as_ref(), case_sensitive)?;
        let better = match &best {
            None => true,
            Some((known, _)) => {
                let wanted = if largest { Ordering::Greater } else { Ordering::Less };
                compare::order("<", &key, known, &renderer.allowance)? == Some(wanted)
            }
        };
        if better {
            best = Some((key, item.clone()));
        }
    }
    Ok(best.map_or_else(|| PyValue::undefined("the item of an empty list"), |(_, item)| item))
}

pub(super) fn sum(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [attribute, start] = arguments.bind(["attribute", "start"])?;
    let attribute = given(attribute);
    let mut total = start.unwrap_or(PyValue::Int(0));
    if matches!(total, PyValue::Text(_)) {
        return Err(Fault::invalid("sum: texts are joined, not added"));
    }
    for item in value.iterate(&renderer.allowance)?.items()? {
        total = filters::add(renderer, &total, &keyed(renderer, item, attribute.as_ref(), None)?)?;
    }
    Ok(total)
}

pub(super) fn batch(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [size, fill] = arguments.bind(["linecount", "fill_with"])?;
    let size = usize::try_from(int_or(size, 0)?).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| Fault::invalid("batch: expected a size above 0"))?;
    let fill = given(fill);
    let mut batches = ListBuilder::new(&renderer.allowance)?;
    for items in value.iterate(&renderer.allowance)?.items()?.chunks(size) {
        let mut batch = ListBuilder::new(&renderer.allowance)?;
        items.iter().try_for_each(|item| batch.push(item.clone()))?;
        if let Some(fill) = &fill {
            (items.len()..size).try_for_each(|_| batch.push(fill.clone()))?;
        }
        batches.push(batch.finish(SequenceKind::List)?)?;
    }
    batches.finish(SequenceKind::Iterator)
}
