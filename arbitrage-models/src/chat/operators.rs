//! Arithmetic as Python does it. Whole numbers have 64 bits; where Python's would be larger, there is an error.

use super::allowance::{Allowance, ListBuilder, TextBuilder};
use super::fault::{Evaluated, Fault};
use super::percent;
use super::value::{PyValue, Sequence, SequenceKind};
use minijinja::machinery::ast::BinOpKind;

/// `a OPERATOR b` for the operators of arithmetic.
pub(super) fn arithmetic(operator: BinOpKind, a: &PyValue, b: &PyValue, allowance: &Allowance) -> Evaluated {
    a.defined()?;
    match (operator, a, b) {
        // A format may write missing values.
        (BinOpKind::Rem, PyValue::Text(format), _) => return percent::format(format, b, allowance),
        (BinOpKind::Add, PyValue::Text(a), PyValue::Text(b)) => {
            let mut text = TextBuilder::new(allowance)?;
            text.push(a)?;
            text.push(b)?;
            return Ok(text.finish());
        }
        (BinOpKind::Add, PyValue::List(a), PyValue::List(b)) if concatenable(a, b) => {
            return concatenated(a, b, allowance);
        }
        (BinOpKind::Mul, PyValue::Text(_) | PyValue::List(_), _) if b.as_int().is_some() => {
            return repeated(a, b.to_int()?, allowance);
        }
        (BinOpKind::Mul, _, PyValue::Text(_) | PyValue::List(_)) if a.as_int().is_some() => {
            return repeated(b, a.to_int()?, allowance);
        }
        _ => b.defined()?,
    }
    match (a.as_int(), b.as_int(), a.as_float(), b.as_float()) {
        (Some(a), Some(b), ..) => integers(operator, a, b),
        (_, _, Some(a), Some(b)) => floats(operator, a, b),
        _ => Err(Fault::invalid(format!(
            "`{}` is not defined between {} and {}",
            symbol(operator),
            a.type_name(),
            b.type_name()
        ))),
    }
}

/// `-a`.
pub(super) fn negated(a: &PyValue) -> Evaluated {
    a.defined()?;
    match (a.as_int(), a) {
        (Some(value), _) => value.checked_neg().map(PyValue::Int).ok_or_else(too_large),
        (None, PyValue::Float(value)) => Ok(PyValue::Float(-value)),
        _ => Err(Fault::invalid(format!("`-` is not defined for {}", a.type_name()))),
    }
}

/// The operator as a template writes it.
pub(super) fn symbol(operator: BinOpKind) -> &'static str {
    match operator {
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        BinOpKind::Pow => "**",
        BinOpKind::Concat => "~",
        BinOpKind::Eq => "==",
        BinOpKind::Ne => "!=",
        BinOpKind::Lt => "<",
        BinOpKind::Lte => "<=",
        BinOpKind::Gt => ">",
        BinOpKind::Gte => ">=",
        BinOpKind::In => "in",
        BinOpKind::ScAnd => "and",
        BinOpKind::ScOr => "or",
    }
}

fn concatenable(a: &Sequence, b: &Sequence) -> bool {
    a.kind == b.kind && matches!(a.kind, SequenceKind::List | SequenceKind::Tuple)
}

fn concatenated(a: &Sequence, b: &Sequence, allowance: &Allowance) -> Evaluated {
    let mut list = ListBuilder::new(allowance)?;
    a.items()?.iter().chain(b.items()?).try_for_each(|item| list.push(item.clone()))?;
    list.finish(a.kind)
}

fn repeated(value: &PyValue, times: i64, allowance: &Allowance) -> Evaluated {
    let times = usize::try_from(times).unwrap_or(0);
    match value {
        PyValue::List(sequence) if concatenable(sequence, sequence) => {
            let (mut list, items) = (ListBuilder::new(allowance)?, sequence.items()?);
            // Nothing, however often it is repeated, is nothing.
            for _ in 0..if items.is_empty() { 0 } else { times } {
                items.iter().try_for_each(|item| list.push(item.clone()))?;
            }
            list.finish(sequence.kind)
        }
        _ => {
            let mut text = TextBuilder::new(allowance)?;
            text.repeat(value.to_text()?, times)?;
            Ok(text.finish())
        }
    }
}

fn integers(operator: BinOpKind, a: i64, b: i64) -> Evaluated {
    let result = match operator {
        BinOpKind::Add => a.checked_add(b),
        BinOpKind::Sub => a.checked_sub(b),
        BinOpKind::Mul => a.checked_mul(b),
        BinOpKind::Pow if b >= 0 => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        BinOpKind::FloorDiv | BinOpKind::Rem if b == 0 => return Err(division_by_zero()),
        BinOpKind::FloorDiv => {
            a.checked_div_euclid(b).map(|quotient| if b < 0 && a.rem_euclid(b) != 0 { quotient - 1 } else { quotient })
        }
        BinOpKind::Rem => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
        _ => return floats(operator, a as f64, b as f64),
    };
    result.map(PyValue::Int).ok_or_else(too_large)
}

fn floats(operator: BinOpKind, a: f64, b: f64) -> Evaluated {
    Ok(PyValue::Float(match operator {
        BinOpKind::Add => a + b,
        BinOpKind::Sub => a - b,
        BinOpKind::Mul => a * b,
        BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem if b == 0.0 => return Err(division_by_zero()),
        BinOpKind::Div => a / b,
        BinOpKind::FloorDiv => (a / b).floor(),
        BinOpKind::Rem => a - b * (a / b).floor(),
        BinOpKind::Pow => {
            let power = a.powf(b);
            if power.is_infinite() || power.is_nan() {
                return Err(too_large());
            }
            power
        }
        _ => return Err(Fault::invalid(format!("`{}` is no arithmetic", symbol(operator)))),
    }))
}

fn division_by_zero() -> Fault {
    Fault::invalid("division by zero")
}

fn too_large() -> Fault {
    Fault::invalid("the number is too large: whole numbers have 64 bits here")
}
