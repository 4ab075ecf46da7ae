//! Python's methods of dictionaries, lists and tuples, and the calls of all methods.

use super::arguments::{Arguments, required};
use super::compare;
use super::fault::{Evaluated, Fault};
use super::renderer::Renderer;
use super::text_methods::{TEXT_METHODS, unsupported};
use super::value::{BoundMethod, Mapping, Object, PyValue, Sequence, SequenceKind};
use std::rc::Rc;

const DICT_METHODS: [&str; 11] =
    ["items", "keys", "values", "get", "copy", "pop", "popitem", "update", "setdefault", "clear", "fromkeys"];
const LIST_METHODS: [&str; 11] =
    ["index", "count", "copy", "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear"];
/// Those of tuples and ranges.
const TUPLE_METHODS: [&str; 2] = ["index", "count"];
const LOOP_METHODS: [&str; 2] = ["cycle", "changed"];
const CYCLER_METHODS: [&str; 2] = ["next", "reset"];

/// The method of this name that the value has.
pub(super) fn method(value: &PyValue, name: &str) -> Option<&'static str> {
    let names: &[&'static str] = match value {
        PyValue::Text(_) => return TEXT_METHODS.iter().find(|(known, _)| *known == name).map(|(known, _)| *known),
        PyValue::Dict(_) => &DICT_METHODS,
        PyValue::List(sequence) => match sequence.kind {
            SequenceKind::List => &LIST_METHODS,
            SequenceKind::Tuple | SequenceKind::Range => &TUPLE_METHODS,
            SequenceKind::Iterator | SequenceKind::View => &[],
        },
        PyValue::Object(Object::Loop(_)) => &LOOP_METHODS,
        PyValue::Object(Object::Cycler(_)) => &CYCLER_METHODS,
        _ => &[],
    };
    names.iter().find(|known| **known == name).copied()
}

pub(super) fn call(renderer: &mut Renderer<'_>, method: &BoundMethod, arguments: Arguments) -> Evaluated {
    let name = method.name;
    match &method.receiver {
        PyValue::Text(text) => match TEXT_METHODS.iter().find(|(known, _)| *known == name) {
            Some((_, function)) => function(text, arguments, &renderer.allowance),
            None => Err(unsupported(name)),
        },
        PyValue::Dict(mapping) => dict_method(renderer, name, mapping, arguments),
        PyValue::List(sequence) => list_method(renderer, name, sequence, arguments),
        PyValue::Object(Object::Loop(number)) => renderer.call_loop_method(*number, name, arguments),
        PyValue::Object(Object::Cycler(index)) => renderer.call_cycler_method(*index, name, arguments),
        _ => Err(unsupported(name)),
    }
}

/// Pairs of key and value.
pub(super) fn pairs(renderer: &Renderer<'_>, mapping: &Mapping, kind: SequenceKind) -> Evaluated {
    let allowance = &renderer.allowance;
    let pair =
        |(key, value): &(PyValue, PyValue)| allowance.list(SequenceKind::Tuple, vec![key.clone(), value.clone()]);
    let items = mapping.entries.iter().map(pair).collect::<Evaluated<Vec<PyValue>>>()?;
    allowance.list(kind, items)
}

fn dict_method(renderer: &Renderer<'_>, name: &str, mapping: &Rc<Mapping>, arguments: Arguments) -> Evaluated {
    let allowance = &renderer.allowance;
    match name {
        "get" => {
            let [key, default] = arguments.bind(["key", "default"])?;
            let found = compare::lookup(mapping, &required(key, name, "key")?, allowance)?;
            Ok(found.cloned().or(default).unwrap_or(PyValue::None))
        }
        "items" | "keys" | "values" | "copy" => {
            arguments.none()?;
            allowance.work(mapping.entries.len())?;
            match name {
                "items" => pairs(renderer, mapping, SequenceKind::View),
                "keys" => {
                    allowance.list(SequenceKind::View, mapping.entries.iter().map(|(key, _)| key.clone()).collect())
                }
                "values" => {
                    allowance.list(SequenceKind::View, mapping.entries.iter().map(|(_, value)| value.clone()).collect())
                }
                _ => Ok(PyValue::Dict(Rc::clone(mapping))),
            }
        }
        _ => Err(immutable(name)),
    }
}

fn list_method(renderer: &Renderer<'_>, name: &str, sequence: &Rc<Sequence>, arguments: Arguments) -> Evaluated {
    let allowance = &renderer.allowance;
    match name {
        "copy" => arguments.none().map(|()| PyValue::List(Rc::clone(sequence))),
        "index" | "count" => {
            let value = arguments.only("value")?;
            let mut count = 0;
            for (index, item) in sequence.items()?.iter().enumerate() {
                match compare::equal(item, &value, allowance)? {
                    true if name == "index" => return Ok(PyValue::Int(index as i64)),
                    equal => count += i64::from(equal),
                }
            }
            if name == "index" {
                Err(Fault::invalid("index: the list does not contain it"))
            } else {
                Ok(PyValue::Int(count))
            }
        }
        _ => Err(immutable(name)),
    }
}

fn immutable(name: &str) -> Fault {
    Fault::invalid(format!("{name} is not allowed: lists and dicts of a template cannot be changed"))
}
