//! Jinja's tests: `value is NAME`.

use super::arguments::Arguments;
use super::compare;
use super::fault::{Evaluated, Fault, FaultKind};
use super::filters;
use super::operators;
use super::renderer::Renderer;
use super::show;
use super::text_methods::{is_lower, is_upper};
use super::value::{Object, PyValue, SequenceKind};
use minijinja::machinery::ast::BinOpKind;
use std::rc::Rc;

type Predicate = fn(&Renderer<'_>, &PyValue) -> Evaluated<bool>;

/// Tests without arguments.
const PREDICATES: [(&str, Predicate); 19] = [
    ("boolean", |_, value| Ok(matches!(value, PyValue::Bool(_)))),
    ("callable", |_, value| {
        let is_object =
            matches!(value, PyValue::Object(object) if !matches!(object, Object::Namespace(_) | Object::Cycler(_)));
        Ok(is_object || matches!(value, PyValue::Undefined(_)))
    }),
    ("defined", |_, value| Ok(!matches!(value, PyValue::Undefined(_)))),
    ("escaped", |_, value| Ok(matches!(value, PyValue::Markup(_)))),
    ("even", |_, value| remainder(value, 2).map(|rest| rest == 0)),
    ("false", |_, value| Ok(matches!(value, PyValue::Bool(false)))),
    ("float", |_, value| Ok(matches!(value, PyValue::Float(_)))),
    ("integer", |_, value| Ok(matches!(value, PyValue::Int(_)))),
    ("iterable", |_, value| Ok(matches!(value, PyValue::Undefined(_)) || is_container(value))),
    ("lower", |renderer, value| show::to_text(value, &renderer.allowance).map(|text| is_lower(&text))),
    ("mapping", |_, value| Ok(matches!(value, PyValue::Dict(_)))),
    ("none", |_, value| Ok(matches!(value, PyValue::None))),
    ("number", |_, value| Ok(value.as_float().is_some())),
    ("odd", |_, value| remainder(value, 2).map(|rest| rest == 1)),
    ("sequence", |_, value| {
        let positions =
            !matches!(value, PyValue::List(s) if matches!(s.kind, SequenceKind::Iterator | SequenceKind::View));
        Ok(matches!(value, PyValue::Undefined(_)) || (is_container(value) && positions))
    }),
    ("string", |_, value| Ok(matches!(value, PyValue::Text(_) | PyValue::Markup(_)))),
    ("true", |_, value| Ok(matches!(value, PyValue::Bool(true)))),
    ("undefined", |_, value| Ok(matches!(value, PyValue::Undefined(_)))),
    ("upper", |renderer, value| show::to_text(value, &renderer.allowance).map(|text| is_upper(&text))),
];

/// Tests that compare with an argument, by the operator that they stand for.
const COMPARISONS: [(&str, BinOpKind); 14] = [
    ("==", BinOpKind::Eq),
    ("eq", BinOpKind::Eq),
    ("equalto", BinOpKind::Eq),
    ("!=", BinOpKind::Ne),
    ("ne", BinOpKind::Ne),
    (">", BinOpKind::Gt),
    ("gt", BinOpKind::Gt),
    ("greaterthan", BinOpKind::Gt),
    ("ge", BinOpKind::Gte),
    ("<", BinOpKind::Lt),
    ("lt", BinOpKind::Lt),
    ("lessthan", BinOpKind::Lt),
    ("le", BinOpKind::Lte),
    ("in", BinOpKind::In),
];

/// `value is name(arguments)`.
pub(super) fn test(renderer: &Renderer<'_>, name: &str, value: &PyValue, arguments: Arguments) -> Evaluated<bool> {
    if let Some((_, predicate)) = PREDICATES.iter().find(|(known, _)| *known == name) {
        arguments.none()?;
        return predicate(renderer, value);
    }
    if let Some((_, operator)) = COMPARISONS.iter().find(|(known, _)| *known == name) {
        return renderer.compared(*operator, value, &arguments.only("other")?);
    }
    match name {
        "divisibleby" => remainder(value, arguments.only("num")?.to_int()?).map(|rest| rest == 0),
        "filter" => Ok(filters::exists(value.to_text()?)),
        "test" => Ok(exists(value.to_text()?)),
        "sameas" => same(value, &arguments.only("other")?),
        _ => Err(Fault::new(FaultKind::UnknownTest, format!("`{name}`"))),
    }
}

fn exists(name: &str) -> bool {
    PREDICATES.iter().any(|(known, _)| *known == name)
        || COMPARISONS.iter().any(|(known, _)| *known == name)
        || ["divisibleby", "filter", "test", "sameas"].contains(&name)
}

fn is_container(value: &PyValue) -> bool {
    matches!(value, PyValue::Text(_) | PyValue::List(_) | PyValue::Dict(_))
}

fn remainder(value: &PyValue, divisor: i64) -> Evaluated<i64> {
    value.defined()?;
    let allowance = super::allowance::Allowance::new(1, 0);
    operators::arithmetic(BinOpKind::Rem, &PyValue::Int(value.to_int()?), &PyValue::Int(divisor), &allowance)?.to_int()
}

/// Whether two values are one object. It is known for singletons and for shared containers; equal numbers and texts may or may not be.
fn same(a: &PyValue, b: &PyValue) -> Evaluated<bool> {
    match (a, b) {
        (PyValue::None, PyValue::None) => Ok(true),
        (PyValue::Bool(a), PyValue::Bool(b)) => Ok(a == b),
        (PyValue::List(a), PyValue::List(b)) => Ok(Rc::ptr_eq(a, b)),
        (PyValue::Dict(a), PyValue::Dict(b)) => Ok(Rc::ptr_eq(a, b)),
        _ if a.type_name() != b.type_name() => Ok(false),
        _ => match compare::equal(a, b, &super::allowance::Allowance::new(1 << 20, 0))? {
            false => Ok(false),
            true => Err(Fault::invalid(format!("sameas: not known for two values of type {}", a.type_name()))),
        },
    }
}
