//! Evaluates expressions.

use super::allowance::TextBuilder;
use super::arguments::Arguments;
use super::container_methods;
use super::fault::{Evaluated, Fault, FaultKind};
use super::filters;
use super::functions;
use super::predicates;
use super::renderer::{Renderer, line};
use super::value::{BoundMethod, Mapping, Object, PyValue, SequenceKind};
use super::{compare, operators, show, slicing};
use minijinja::machinery::ast::{BinOp, BinOpKind, Call, CallArg, CompareOpKind, Const, Expr, Map, Slice, UnaryOpKind};
use minijinja::value::ValueKind;
use std::cmp::Ordering;
use std::rc::Rc;

impl<'t> Renderer<'t> {
    pub(super) fn expression(&mut self, expression: &'t Expr<'t>) -> Evaluated {
        self.allowance.work(1)?;
        let value = self.deeper(|this| this.evaluated(expression));
        value.map_err(|fault| fault.at(line(expression.span())))
    }

    fn evaluated(&mut self, expression: &'t Expr<'t>) -> Evaluated {
        match expression {
            Expr::Var(variable) => self.named(variable.id),
            Expr::Const(constant) => self.constant(constant),
            Expr::List(list) => self.list(SequenceKind::List, &list.items),
            Expr::Tuple(tuple) => self.list(SequenceKind::Tuple, &tuple.items),
            Expr::Map(map) => self.dict(map),
            Expr::UnaryOp(unary) => {
                let value = self.expression(&unary.expr)?;
                match unary.op {
                    UnaryOpKind::Not => Ok(PyValue::Bool(!value.is_true())),
                    UnaryOpKind::Neg => operators::negated(&value),
                }
            }
            Expr::BinOp(binary) => self.binary(binary),
            Expr::Compare(chain) => {
                let mut left = self.expression(&chain.expr)?;
                for link in &chain.ops {
                    let right = self.expression(&link.expr)?;
                    let (operator, negated) = comparison(link.op);
                    if self.compared(operator, &left, &right)? == negated {
                        return Ok(PyValue::Bool(false));
                    }
                    left = right;
                }
                Ok(PyValue::Bool(true))
            }
            Expr::IfExpr(choice) => match (self.expression(&choice.test_expr)?.is_true(), &choice.false_expr) {
                (true, _) => self.expression(&choice.true_expr),
                (false, Some(otherwise)) => self.expression(otherwise),
                (false, None) => Ok(PyValue::undefined("else")),
            },
            Expr::Filter(_) => self.filtered(expression, PyValue::None),
            Expr::Test(test) => {
                let value = self.expression(&test.expr)?;
                let arguments = self.arguments(test.name, &test.args)?;
                predicates::test(self, test.name, &value, arguments).map(PyValue::Bool)
            }
            Expr::GetAttr(attribute) => {
                let value = self.expression(&attribute.expr)?;
                self.attribute(&value, attribute.name)
            }
            Expr::GetItem(item) => {
                let value = self.expression(&item.expr)?;
                let key = self.expression(&item.subscript_expr)?;
                self.item(&value, &key)
            }
            Expr::Slice(slice) => self.slice(slice),
            Expr::Call(call) => self.call(call, None),
        }
    }

    /// The variable or function of a name.
    fn named(&mut self, name: &'t str) -> Evaluated {
        let value = self.variable(name)?;
        let function = || functions::named(name).map(|name| PyValue::Object(Object::Function(name)));
        Ok(value.or_else(function).unwrap_or_else(|| PyValue::undefined(name)))
    }

    fn constant(&self, constant: &Const) -> Evaluated {
        let value = &constant.value;
        Ok(match value.kind() {
            ValueKind::None => PyValue::None,
            ValueKind::Bool => PyValue::Bool(value.is_true()),
            ValueKind::String => return self.allowance.text(value.as_str().unwrap_or_default()),
            _ if value.is_integer() => PyValue::Int(
                value
                    .as_i64()
                    .ok_or_else(|| Fault::invalid("whole numbers have 64 bits here; this one is too large"))?,
            ),
            _ => PyValue::Float(f64::try_from(value.clone()).map_err(|error| Fault::invalid(error.to_string()))?),
        })
    }

    fn dict(&mut self, map: &'t Map<'t>) -> Evaluated {
        let mut entries = Vec::with_capacity(map.keys.len());
        for (key, value) in map.keys.iter().zip(&map.values) {
            let key = self.expression(key)?;
            let value = self.expression(value)?;
            functions::insert(&mut entries, key, value, &self.allowance)?;
        }
        Ok(PyValue::Dict(Rc::new(Mapping::new(entries, &self.allowance)?)))
    }

    fn binary(&mut self, binary: &'t BinOp<'t>) -> Evaluated {
        let left = self.expression(&binary.left)?;
        match (binary.op, left.is_true()) {
            (BinOpKind::ScAnd, false) | (BinOpKind::ScOr, true) => return Ok(left),
            (BinOpKind::ScAnd, true) | (BinOpKind::ScOr, false) => return self.expression(&binary.right),
            _ => {}
        }
        let right = self.expression(&binary.right)?;
        match binary.op {
            BinOpKind::Concat => {
                let mut text = TextBuilder::new(&self.allowance)?;
                show::write(&left, &mut text)?;
                show::write(&right, &mut text)?;
                Ok(text.finish())
            }
            BinOpKind::Add
            | BinOpKind::Sub
            | BinOpKind::Mul
            | BinOpKind::Div
            | BinOpKind::FloorDiv
            | BinOpKind::Rem
            | BinOpKind::Pow => operators::arithmetic(binary.op, &left, &right, &self.allowance),
            operator => self.compared(operator, &left, &right).map(PyValue::Bool),
        }
    }

    /// `left OPERATOR right` for the operators that compare.
    pub(super) fn compared(&self, operator: BinOpKind, left: &PyValue, right: &PyValue) -> Evaluated<bool> {
        let allowance = &self.allowance;
        let order = || compare::order(operators::symbol(operator), left, right, allowance);
        Ok(match operator {
            BinOpKind::Eq => compare::equal(left, right, allowance)?,
            BinOpKind::Ne => !compare::equal(left, right, allowance)?,
            BinOpKind::In => compare::contains(right, left, allowance)?,
            BinOpKind::Lt => order()? == Some(Ordering::Less),
            BinOpKind::Gt => order()? == Some(Ordering::Greater),
            BinOpKind::Lte => matches!(order()?, Some(Ordering::Less | Ordering::Equal)),
            BinOpKind::Gte => matches!(order()?, Some(Ordering::Greater | Ordering::Equal)),
            _ => return Err(Fault::invalid(format!("`{}` compares nothing", operators::symbol(operator)))),
        })
    }

    /// Applies a chain of filters; the first of a block's works on `value`.
    pub(super) fn filtered(&mut self, expression: &'t Expr<'t>, value: PyValue) -> Evaluated {
        let Expr::Filter(filter) = expression else { return self.expression(expression) };
        let value = match &filter.expr {
            None => value,
            Some(inner @ Expr::Filter(_)) => self.deeper(|this| this.filtered(inner, value))?,
            Some(inner) => self.expression(inner)?,
        };
        let arguments = self.arguments(filter.name, &filter.args)?;
        filters::apply(self, filter.name, value, arguments).map_err(|fault| fault.at(line(filter.span())))
    }

    /// `value.name`: a method or a field, and for dictionaries the value of a key after that.
    pub(super) fn attribute(&self, value: &PyValue, name: &str) -> Evaluated {
        value.defined()?;
        if name.starts_with('_') {
            return Err(Fault::invalid(format!("`{name}` is not accessible")));
        }
        if let Some(name) = container_methods::method(value, name) {
            return Ok(PyValue::Object(Object::Method(Rc::new(BoundMethod { receiver: value.clone(), name }))));
        }
        let found = match value {
            PyValue::Dict(mapping) => {
                self.allowance.work(1 + mapping.entries.len() / 8)?;
                mapping.get(name).cloned()
            }
            PyValue::Object(Object::Namespace(index)) => {
                let attributes = self.namespaces.get(*index).map(Vec::as_slice).unwrap_or_default();
                self.allowance.work(1 + attributes.len() / 8)?;
                attributes.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.clone())
            }
            PyValue::Object(Object::Loop(number)) => return self.loop_attribute(*number, name),
            PyValue::Object(Object::Cycler(index)) if name == "current" => return self.cycler_current(*index),
            PyValue::Object(Object::Macro(_)) => return Err(Fault::invalid("attributes of macros are not supported")),
            _ => None,
        };
        Ok(found.unwrap_or_else(|| PyValue::undefined(name)))
    }

    /// `value[key]`: an item, and after that an attribute.
    pub(super) fn item(&self, value: &PyValue, key: &PyValue) -> Evaluated {
        value.defined()?;
        let found = match (value, key.as_int()) {
            (PyValue::Dict(mapping), _) => compare::lookup(mapping, key, &self.allowance)?.cloned(),
            (PyValue::Text(_) | PyValue::List(_), Some(index)) => slicing::item(value, index, &self.allowance)?,
            _ => None,
        };
        match (found, key) {
            (Some(found), _) => Ok(found),
            (None, PyValue::Text(name)) if !matches!(value, PyValue::Dict(_)) => self.attribute(value, name),
            (None, PyValue::Text(name)) if container_methods::method(value, name).is_some() => {
                self.attribute(value, name)
            }
            (None, PyValue::Text(name)) => Ok(PyValue::undefined(name)),
            (None, _) => Ok(PyValue::undefined("item")),
        }
    }

    fn slice(&mut self, slice: &'t Slice<'t>) -> Evaluated {
        let value = self.expression(&slice.expr)?;
        let mut bound = |part: &'t Option<Expr<'t>>| match part {
            None => Ok(None),
            Some(part) => match self.expression(part)? {
                PyValue::None => Ok(None),
                bound => bound.to_int().map(Some),
            },
        };
        let (start, stop, step) = (bound(&slice.start)?, bound(&slice.stop)?, bound(&slice.step)?);
        slicing::slice(&value, [start, stop], step, &self.allowance)
    }

    /// Calls a function, method or macro, which may get a block as `caller`.
    pub(super) fn call(&mut self, call: &'t Call<'t>, caller: Option<PyValue>) -> Evaluated {
        let callee = self.expression(&call.expr)?;
        let name = match &call.expr {
            Expr::Var(variable) => variable.id,
            Expr::GetAttr(attribute) => attribute.name,
            _ => "call",
        };
        if let PyValue::Undefined(_) = callee {
            let kind = match &call.expr {
                Expr::GetAttr(_) => FaultKind::UnknownMethod,
                _ => FaultKind::UnknownFunction,
            };
            return Err(Fault::new(kind, format!("`{name}`")));
        }
        let mut arguments = self.arguments(name, &call.args)?;
        if let Some(caller) = caller {
            arguments.named.push(("caller".to_owned(), caller));
        }
        match &callee {
            PyValue::Object(Object::Macro(index)) => self.call_macro(*index, arguments),
            PyValue::Object(Object::Function(function)) => functions::call(self, function, arguments),
            PyValue::Object(Object::Joiner(index)) => self.call_joiner(*index, arguments),
            PyValue::Object(Object::Method(method)) => container_methods::call(self, method, arguments),
            _ => Err(Fault::invalid(format!("a {} cannot be called", callee.type_name()))),
        }
    }

    pub(super) fn arguments(&mut self, callee: &str, given: &'t [CallArg<'t>]) -> Evaluated<Arguments> {
        let mut arguments = Arguments { callee: callee.to_owned(), ..Arguments::default() };
        for argument in given {
            match argument {
                CallArg::Pos(value) => arguments.positional.push(self.expression(value)?),
                CallArg::Kwarg(name, value) => arguments.named.push(((*name).to_owned(), self.expression(value)?)),
                CallArg::PosSplat(values) => {
                    let values = self.expression(values)?.iterate(&self.allowance)?;
                    self.allowance.work(values.items()?.len())?;
                    arguments.positional.extend_from_slice(values.items()?);
                }
                CallArg::KwargSplat(values) => {
                    let PyValue::Dict(mapping) = self.expression(values)? else {
                        return Err(Fault::invalid("`**` needs a dict"));
                    };
                    self.allowance.work(mapping.entries.len())?;
                    for (name, value) in &mapping.entries {
                        arguments.named.push((name.to_text()?.to_string(), value.clone()));
                    }
                }
            }
        }
        Ok(arguments)
    }
}

/// The operator of a link of a chain, and whether its result is negated.
fn comparison(operator: CompareOpKind) -> (BinOpKind, bool) {
    match operator {
        CompareOpKind::Eq => (BinOpKind::Eq, false),
        CompareOpKind::Ne => (BinOpKind::Ne, false),
        CompareOpKind::Lt => (BinOpKind::Lt, false),
        CompareOpKind::Lte => (BinOpKind::Lte, false),
        CompareOpKind::Gt => (BinOpKind::Gt, false),
        CompareOpKind::Gte => (BinOpKind::Gte, false),
        CompareOpKind::In => (BinOpKind::In, false),
        CompareOpKind::NotIn => (BinOpKind::In, true),
    }
}
