//! The functions that every template has.

use super::allowance::{Allowance, ListBuilder};
use super::arguments::{Arguments, required};
use super::clock;
use super::compare;
use super::fault::{Evaluated, Fault, FaultKind};
use super::renderer::Renderer;
use super::show;
use super::value::{Mapping, Object, PyValue, Sequence, SequenceKind};
use std::rc::Rc;

/// Longest range, as in jinja2's sandbox.
const MAX_RANGE: i64 = 100_000;
/// What a cycler or a joiner takes, in bytes.
const OBJECT_BYTES: usize = 128;

type TemplateFunction = fn(&mut Renderer<'_>, Arguments) -> Evaluated;

const FUNCTIONS: [(&str, TemplateFunction); 7] = [
    ("cycler", |renderer, arguments| {
        renderer.keep(OBJECT_BYTES)?;
        let PyValue::List(items) = renderer.allowance.list(SequenceKind::Tuple, positional(arguments)?)? else {
            return Err(Fault::invalid("cycler: no items"));
        };
        if items.items()?.is_empty() {
            return Err(Fault::invalid("cycler: no items"));
        }
        renderer.cyclers.push(Cycler { items, index: 0 });
        Ok(PyValue::Object(Object::Cycler(renderer.cyclers.len() - 1)))
    }),
    ("dict", |renderer, arguments| dict(arguments, &renderer.allowance)),
    ("joiner", |renderer, arguments| {
        let [separator] = arguments.bind(["sep"])?;
        let separator = separator.map_or_else(|| renderer.allowance.text(", "), Ok)?;
        renderer.keep(OBJECT_BYTES)?;
        renderer.joiners.push(Joiner { separator, used: false });
        Ok(PyValue::Object(Object::Joiner(renderer.joiners.len() - 1)))
    }),
    ("namespace", |renderer, arguments| {
        let PyValue::Dict(mapping) = dict(arguments, &renderer.allowance)? else {
            return Err(Fault::invalid("namespace"));
        };
        renderer.keep(OBJECT_BYTES)?;
        renderer.namespaces.push(Vec::new());
        let index = renderer.namespaces.len() - 1;
        for (key, value) in &mapping.entries {
            renderer.set_attribute(index, key.to_text()?, value.clone())?;
        }
        Ok(PyValue::Object(Object::Namespace(index)))
    }),
    ("raise_exception", |renderer, arguments| {
        let message = show::to_text(&arguments.only("message")?, &renderer.allowance)?;
        Err(Fault::new(FaultKind::Raised, &*message))
    }),
    ("range", |renderer, arguments| range(arguments, &renderer.allowance)),
    ("strftime_now", |renderer, arguments| {
        let format = arguments.only("format")?;
        let text = clock::format(format.to_text()?, renderer.now)?;
        renderer.allowance.text(text)
    }),
];

/// What `cycler` gives.
pub(super) struct Cycler {
    items: Rc<Sequence>,
    index: usize,
}

/// What `joiner` gives.
pub(super) struct Joiner {
    separator: PyValue,
    used: bool,
}

/// The function of this name.
pub(super) fn named(name: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(known, _)| *known)
}

pub(super) fn call(renderer: &mut Renderer<'_>, name: &str, arguments: Arguments) -> Evaluated {
    match FUNCTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, function)) => function(renderer, arguments),
        None => Err(Fault::new(FaultKind::UnknownFunction, name)),
    }
}

fn positional(arguments: Arguments) -> Evaluated<Vec<PyValue>> {
    match arguments.named.first() {
        Some((name, _)) => Err(Fault::invalid(format!("{}: no argument is named `{name}`", arguments.callee))),
        None => Ok(arguments.positional),
    }
}

fn range(arguments: Arguments, allowance: &Allowance) -> Evaluated {
    let numbers = positional(arguments)?.iter().map(PyValue::to_int).collect::<Evaluated<Vec<i64>>>()?;
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] if *step != 0 => (*start, *stop, *step),
        _ => return Err(Fault::invalid("range: expected one to three numbers, and a step other than 0")),
    };
    let mut list = ListBuilder::new(allowance)?;
    let mut next = Some(start);
    let mut length = 0;
    while let Some(number) = next.filter(|number| if step < 0 { *number > stop } else { *number < stop }) {
        length += 1;
        if length > MAX_RANGE {
            return Err(Fault::invalid(format!("range: too large, more than {MAX_RANGE} numbers")));
        }
        list.push(PyValue::Int(number))?;
        next = number.checked_add(step);
    }
    list.finish(SequenceKind::Range)
}

/// A dictionary of another one, or of pairs, and of named values.
fn dict(arguments: Arguments, allowance: &Allowance) -> Evaluated {
    let mut entries = Vec::new();
    match arguments.positional.as_slice() {
        [] => {}
        [PyValue::Dict(mapping)] => {
            allowance.work(mapping.entries.len())?;
            entries.clone_from(&mapping.entries);
        }
        [pairs @ PyValue::List(_)] => {
            for pair in pairs.iterate(allowance)?.items()? {
                let pair = pair.iterate(allowance)?;
                let [key, value] = pair.items()? else { return Err(Fault::invalid("dict: expected pairs")) };
                insert(&mut entries, key.clone(), value.clone(), allowance)?;
            }
        }
        _ => return Err(Fault::invalid("dict: expected a dict or a list of pairs")),
    }
    for (name, value) in arguments.named {
        insert(&mut entries, allowance.text(name)?, value, allowance)?;
    }
    Ok(PyValue::Dict(Rc::new(Mapping::new(entries, allowance)?)))
}

/// Adds an entry, or replaces the value of an equal key.
pub(super) fn insert(
    entries: &mut Vec<(PyValue, PyValue)>,
    key: PyValue,
    value: PyValue,
    allowance: &Allowance,
) -> Evaluated<()> {
    compare::hashable(&key, allowance)?;
    for (known, old) in entries.iter_mut() {
        if compare::equal(known, &key, allowance)? {
            *old = value;
            return Ok(());
        }
    }
    entries.push((key, value));
    Ok(())
}

impl Renderer<'_> {
    pub(super) fn cycler_current(&self, index: usize) -> Evaluated {
        let current = self.cyclers.get(index).map(|cycler| Ok(cycler.items.items()?.get(cycler.index).cloned()));
        current.transpose()?.flatten().ok_or_else(|| Fault::invalid("cycler: no items"))
    }

    /// `cycler.next()` and `cycler.reset()`.
    pub(super) fn call_cycler_method(&mut self, index: usize, name: &str, arguments: Arguments) -> Evaluated {
        arguments.none()?;
        let current = self.cycler_current(index)?;
        let Some(cycler) = self.cyclers.get_mut(index) else { return Ok(PyValue::None) };
        if name == "reset" {
            cycler.index = 0;
            return Ok(PyValue::None);
        }
        cycler.index = (cycler.index + 1) % cycler.items.items()?.len();
        Ok(current)
    }

    /// Nothing at the first call, and the separator at all others.
    pub(super) fn call_joiner(&mut self, index: usize, arguments: Arguments) -> Evaluated {
        arguments.none()?;
        let Some(joiner) = self.joiners.get_mut(index) else { return Err(Fault::invalid("no such joiner")) };
        let used = std::mem::replace(&mut joiner.used, true);
        if used { Ok(joiner.separator.clone()) } else { self.allowance.text("") }
    }
}

/// The value of an argument `name` that must be given, as text.
pub(super) fn required_text(
    value: Option<PyValue>,
    callee: &str,
    name: &str,
    allowance: &Allowance,
) -> Evaluated<super::value::Text> {
    show::to_text(&required(value, callee, name)?, allowance)
}
