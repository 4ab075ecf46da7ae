//! Comparisons as Python makes them.

use super::allowance::Allowance;
use super::fault::{Evaluated, Fault};
use super::value::{Mapping, Object, PyValue, SequenceKind};
use std::cmp::Ordering;

/// `a == b`.
pub(super) fn equal(a: &PyValue, b: &PyValue, allowance: &Allowance) -> Evaluated<bool> {
    allowance.work(1)?;
    Ok(match (a, b) {
        (PyValue::Undefined(_), PyValue::Undefined(_)) | (PyValue::None, PyValue::None) => true,
        (PyValue::Text(a), PyValue::Text(b)) => {
            let same_length = a.len() == b.len();
            allowance.copying(if same_length { a.len() } else { 0 })?;
            same_length && **a == **b
        }
        (PyValue::List(a), PyValue::List(b)) => {
            let (kind, a, b) = (a.kind == b.kind, a.items()?, b.items()?);
            if !kind || a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !equal(a, b, allowance)? {
                    return Ok(false);
                }
            }
            true
        }
        (PyValue::Dict(a), PyValue::Dict(b)) => a.entries.len() == b.entries.len() && equal_entries(a, b, allowance)?,
        (PyValue::Object(a), PyValue::Object(b)) => same(a, b)?,
        (PyValue::Markup(_), _) | (_, PyValue::Markup(_)) => return Err(incomparable("==", a, b)),
        _ => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => a == b,
            _ => matches!((a.as_float(), b.as_float()), (Some(a), Some(b)) if a == b),
        },
    })
}

fn equal_entries(a: &Mapping, b: &Mapping, allowance: &Allowance) -> Evaluated<bool> {
    for (key, value) in &a.entries {
        match lookup(b, key, allowance)? {
            Some(other) if equal(value, other, allowance)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether two objects are the same one.
fn same(a: &Object, b: &Object) -> Evaluated<bool> {
    Ok(match (a, b) {
        (Object::Namespace(a), Object::Namespace(b))
        | (Object::Macro(a), Object::Macro(b))
        | (Object::Cycler(a), Object::Cycler(b))
        | (Object::Joiner(a), Object::Joiner(b))
        | (Object::Loop(a), Object::Loop(b)) => a == b,
        (Object::Function(a), Object::Function(b)) => a == b,
        (Object::Method(_), Object::Method(_)) => return Err(Fault::invalid("methods cannot be compared")),
        _ => false,
    })
}

/// The value of a dictionary's key.
pub(super) fn lookup<'m>(mapping: &'m Mapping, key: &PyValue, allowance: &Allowance) -> Evaluated<Option<&'m PyValue>> {
    hashable(key, allowance)?;
    for (candidate, value) in &mapping.entries {
        if equal(candidate, key, allowance)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The error of a key that Python has no hash of.
pub(super) fn hashable(key: &PyValue, allowance: &Allowance) -> Evaluated<()> {
    allowance.work(1)?;
    match key {
        PyValue::Dict(_) => Err(Fault::invalid("a dict cannot be a key")),
        PyValue::List(sequence) if sequence.kind != SequenceKind::Tuple => {
            Err(Fault::invalid(format!("a {} cannot be a key", key.type_name())))
        }
        PyValue::List(tuple) => tuple.items()?.iter().try_for_each(|item| hashable(item, allowance)),
        PyValue::Undefined(_) => key.defined(),
        _ => Ok(()),
    }
}

/// The order of two values.
pub(super) fn order(operator: &str, a: &PyValue, b: &PyValue, allowance: &Allowance) -> Evaluated<Option<Ordering>> {
    allowance.work(1)?;
    a.defined()?;
    b.defined()?;
    Ok(match (a, b) {
        (PyValue::Text(a), PyValue::Text(b)) => {
            allowance.copying(a.len().min(b.len()))?;
            Some(a.cmp(b))
        }
        (PyValue::List(x), PyValue::List(y)) if x.kind == y.kind => {
            let (x, y) = (x.items()?, y.items()?);
            for (a, b) in x.iter().zip(y) {
                if !equal(a, b, allowance)? {
                    return order(operator, a, b, allowance);
                }
            }
            Some(x.len().cmp(&y.len()))
        }
        _ => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) => a.partial_cmp(&b),
                _ => return Err(incomparable(operator, a, b)),
            },
        },
    })
}

/// `item in container`.
pub(super) fn contains(container: &PyValue, item: &PyValue, allowance: &Allowance) -> Evaluated<bool> {
    match container {
        PyValue::Undefined(_) => Ok(false),
        PyValue::Text(text) => {
            let part = item.to_text()?;
            allowance.characters(text.len())?;
            Ok(text.contains(&**part))
        }
        PyValue::Dict(mapping) => Ok(lookup(mapping, item, allowance)?.is_some()),
        PyValue::List(sequence) => {
            for candidate in sequence.iterate() {
                if equal(candidate, item, allowance)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(Fault::invalid(format!("`in` needs a text or a container, found {}", container.type_name()))),
    }
}

fn incomparable(operator: &str, a: &PyValue, b: &PyValue) -> Fault {
    Fault::invalid(format!("`{operator}` is not defined between {} and {}", a.type_name(), b.type_name()))
}
