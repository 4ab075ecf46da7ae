//! The values of a template, which behave as Python's do.

use super::allowance::{Allowance, Held, ListBuilder};
use super::fault::{Evaluated, Fault, FaultKind};
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;

/// Deepest nesting of lists and dictionaries, so that recursion over a value is bounded.
const MAX_NESTING: usize = 200;

/// A value of a template.
#[derive(Debug, Clone)]
pub(super) enum PyValue {
    /// What a missing variable gives, with its name.
    Undefined(Rc<str>),
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    /// What `safe` and `escape` give. It can be written, and nothing else.
    Markup(Text),
    List(Rc<Sequence>),
    Dict(Rc<Mapping>),
    Object(Object),
}

/// What has an identity. The renderer keeps the state, by number, so that no value can contain itself.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Namespace(usize),
    Macro(usize),
    Cycler(usize),
    Joiner(usize),
    /// The variable `loop`, with a number that no other loop of the rendering has.
    Loop(usize),
    /// A function that every template has.
    Function(&'static str),
    Method(Rc<BoundMethod>),
}

/// A method together with the value that it is of.
#[derive(Debug)]
pub(super) struct BoundMethod {
    pub(super) receiver: PyValue,
    pub(super) name: &'static str,
}

/// A text of the template, immutable and shared.
#[derive(Debug, Clone)]
pub(super) struct Text(Rc<(Box<str>, Held)>);

impl Text {
    pub(super) fn new(text: Box<str>, held: Held) -> Self {
        Self(Rc::new((text, held)))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.0
    }
}

/// Which of Python's sequences a list stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SequenceKind {
    List,
    Tuple,
    /// The result of `range`.
    Range,
    /// What can be iterated over once, such as the result of `map`.
    Iterator,
    /// The keys, values or items of a dictionary.
    View,
}

/// A list, or what stands for one.
#[derive(Debug)]
pub(super) struct Sequence {
    pub(super) kind: SequenceKind,
    items: Vec<PyValue>,
    /// Whether an iterator has been iterated over.
    spent: Cell<bool>,
    depth: usize,
    _held: Held,
}

impl Sequence {
    pub(super) fn new(kind: SequenceKind, items: Vec<PyValue>, held: Held) -> Evaluated<Self> {
        let depth = nesting(items.iter())?;
        Ok(Self { kind, items, spent: Cell::new(false), depth, _held: held })
    }

    /// The items of everything but an iterator.
    pub(super) fn items(&self) -> Evaluated<&[PyValue]> {
        match self.kind {
            SequenceKind::Iterator => {
                Err(Fault::invalid("an iterator has no length and no positions; make a `list` of it"))
            }
            _ => Ok(&self.items),
        }
    }

    /// The items in order. An iterator gives them once.
    pub(super) fn iterate(&self) -> &[PyValue] {
        let spent = self.kind == SequenceKind::Iterator && self.spent.replace(true);
        if spent { &[] } else { &self.items }
    }
}

/// A dictionary, in the order of insertion. Keys are few, and looked up one by one.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) entries: Vec<(PyValue, PyValue)>,
    depth: usize,
    _held: Held,
}

impl Mapping {
    pub(super) fn new(entries: Vec<(PyValue, PyValue)>, allowance: &Allowance) -> Evaluated<Self> {
        let depth = nesting(entries.iter().flat_map(|(key, value)| [key, value]))?;
        let held = allowance.hold(entries.capacity() * size_of::<(PyValue, PyValue)>())?;
        Ok(Self { entries, depth, _held: held })
    }

    pub(super) fn get(&self, name: &str) -> Option<&PyValue> {
        let named = |(key, _): &&(PyValue, PyValue)| matches!(key, PyValue::Text(text) if **text == *name);
        self.entries.iter().find(named).map(|(_, value)| value)
    }
}

/// How deep a container of such items is nested.
fn nesting<'v>(items: impl Iterator<Item = &'v PyValue>) -> Evaluated<usize> {
    let depth = 1 + items.map(PyValue::depth).max().unwrap_or(0);
    if depth > MAX_NESTING {
        return Err(Fault::invalid(format!("recursion limit: lists are nested deeper than {MAX_NESTING}")));
    }
    Ok(depth)
}

impl PyValue {
    /// How deep lists and dictionaries are nested in it.
    fn depth(&self) -> usize {
        match self {
            Self::List(sequence) => sequence.depth,
            Self::Dict(mapping) => mapping.depth,
            Self::Object(Object::Method(method)) => 1 + method.receiver.depth(),
            _ => 0,
        }
    }

    /// Python's name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Markup(_) => "Markup",
            Self::List(sequence) => match sequence.kind {
                SequenceKind::List => "list",
                SequenceKind::Tuple => "tuple",
                SequenceKind::Range => "range",
                SequenceKind::Iterator => "iterator",
                SequenceKind::View => "dict view",
            },
            Self::Dict(_) => "dict",
            Self::Object(Object::Namespace(_)) => "namespace",
            Self::Object(Object::Loop(_)) => "loop",
            Self::Object(Object::Cycler(_)) => "cycler",
            Self::Object(Object::Joiner(_)) => "joiner",
            Self::Object(Object::Macro(_)) => "macro",
            Self::Object(Object::Function(_) | Object::Method(_)) => "function",
        }
    }

    pub(super) fn undefined(name: &str) -> Self {
        Self::Undefined(name.into())
    }

    /// The error of using a missing value; none for all others.
    pub(super) fn defined(&self) -> Evaluated<()> {
        match self {
            Self::Undefined(name) => Err(Fault::new(FaultKind::Undefined, format!("`{name}` is undefined"))),
            _ => Ok(()),
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) | Self::Markup(text) => !text.is_empty(),
            Self::List(sequence) => sequence.kind == SequenceKind::Iterator || !sequence.items.is_empty(),
            Self::Dict(mapping) => !mapping.entries.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// The whole number of an `int` or a `bool`.
    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// The number of an `int`, a `bool` or a `float`.
    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => self.as_int().map(|value| value as f64),
        }
    }

    /// The whole number that an argument has to be.
    pub(super) fn to_int(&self) -> Evaluated<i64> {
        self.defined()?;
        self.as_int().ok_or_else(|| Fault::invalid(format!("expected a whole number, found {}", self.type_name())))
    }

    /// The text that an argument has to be.
    pub(super) fn to_text(&self) -> Evaluated<&Text> {
        self.defined()?;
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Fault::invalid(format!("expected a text, found {}", self.type_name()))),
        }
    }

    /// What `for` goes over: items, characters, or keys.
    pub(super) fn iterate(&self, allowance: &Allowance) -> Evaluated<Rc<Sequence>> {
        let mut list = match self {
            Self::List(sequence) if sequence.kind != SequenceKind::Iterator => return Ok(Rc::clone(sequence)),
            _ => ListBuilder::new(allowance)?,
        };
        match self {
            Self::Undefined(_) => {}
            Self::List(sequence) => sequence.iterate().iter().try_for_each(|item| list.push(item.clone()))?,
            Self::Dict(mapping) => mapping.entries.iter().try_for_each(|(key, _)| list.push(key.clone()))?,
            Self::Text(text) => {
                // Equal characters are one value.
                let mut known: HashMap<char, Self> = HashMap::new();
                for character in text.chars() {
                    let value = match known.get(&character) {
                        Some(value) => value.clone(),
                        None => allowance.text(character.to_string())?,
                    };
                    known.entry(character).or_insert_with(|| value.clone());
                    list.push(value)?;
                }
            }
            _ => return Err(Fault::invalid(format!("{} is not iterable", self.type_name()))),
        }
        list.into_sequence(SequenceKind::List)
    }
}
