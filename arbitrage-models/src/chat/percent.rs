//! Python's `%` operator on texts, and the `format` filter.

use super::allowance::{Allowance, TextBuilder};
use super::fault::{Evaluated, Fault};
use super::show;
use super::value::{PyValue, SequenceKind};
use std::str::Chars;

/// Largest width and precision.
const MAX_WIDTH: usize = 1 << 20;
/// Most digits after the point.
const MAX_PRECISION: usize = 300;

/// One `%…` of a format.
#[derive(Default)]
struct Directive {
    name: Option<String>,
    left: bool,
    zeros: bool,
    sign: Option<char>,
    width: usize,
    precision: Option<usize>,
}

/// `format % values`.
pub(super) fn format(format: &str, values: &PyValue, allowance: &Allowance) -> Evaluated {
    let mut out = TextBuilder::new(allowance)?;
    let mut values = Values { all: values, taken: 0 };
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        let directive = directive(&mut rest)?;
        match rest.next() {
            Some('%') => out.push("%")?,
            Some(conversion) => {
                let value = values.take(directive.name.as_deref())?;
                let text = converted(&directive, conversion, &value, allowance)?;
                pad(&directive, conversion, &text, &mut out)?;
            }
            None => return Err(Fault::invalid("the format ends after `%`")),
        }
    }
    values.finish()?;
    Ok(out.finish())
}

/// The values of a format, in order or by name.
struct Values<'v> {
    all: &'v PyValue,
    taken: usize,
}

impl Values<'_> {
    fn take(&mut self, name: Option<&str>) -> Evaluated {
        if let Some(name) = name {
            let PyValue::Dict(mapping) = self.all else { return Err(Fault::invalid("the format needs a dict")) };
            self.taken = usize::MAX;
            return mapping.get(name).cloned().ok_or_else(|| Fault::invalid(format!("the format misses `{name}`")));
        }
        let missing = || Fault::invalid("not enough values for the format");
        let index = self.taken;
        self.taken += 1;
        match self.all {
            PyValue::List(tuple) if tuple.kind == SequenceKind::Tuple => {
                tuple.items()?.get(index).cloned().ok_or_else(missing)
            }
            single if index == 0 => Ok(single.clone()),
            _ => Err(missing()),
        }
    }

    fn finish(&self) -> Evaluated<()> {
        let expected = match self.all {
            PyValue::List(tuple) if tuple.kind == SequenceKind::Tuple => tuple.items()?.len(),
            PyValue::Dict(_) => 0,
            _ => 1,
        };
        if self.taken < expected { Err(Fault::invalid("more values than the format has places for")) } else { Ok(()) }
    }
}

/// What stands between `%` and the conversion.
fn directive(rest: &mut Chars<'_>) -> Evaluated<Directive> {
    let mut found = Directive::default();
    if rest.as_str().starts_with('(') {
        let Some((name, after)) = rest.as_str().get(1..).and_then(|rest| rest.split_once(')')) else {
            return Err(Fault::invalid("a name in the format is not closed"));
        };
        found.name = Some(name.to_owned());
        *rest = after.chars();
    }
    while let Some(flag) = rest.as_str().chars().next().filter(|flag| "-0+ ".contains(*flag)) {
        rest.next();
        match flag {
            '-' => found.left = true,
            '0' => found.zeros = true,
            sign => found.sign = Some(if found.sign == Some('+') { '+' } else { sign }),
        }
    }
    found.width = number(rest)?.unwrap_or(0);
    if rest.as_str().starts_with('.') {
        rest.next();
        found.precision = Some(number(rest)?.unwrap_or(0));
    }
    Ok(found)
}

fn number(rest: &mut Chars<'_>) -> Evaluated<Option<usize>> {
    let text = rest.as_str();
    let digits = &text[..text.bytes().take_while(u8::is_ascii_digit).count()];
    *rest = text[digits.len()..].chars();
    if digits.is_empty() {
        return Ok(None);
    }
    let number = digits.parse().ok().filter(|number| *number <= MAX_WIDTH);
    number.map(Some).ok_or_else(|| Fault::invalid(format!("a width of the format is too large, above {MAX_WIDTH}")))
}

fn converted(directive: &Directive, conversion: char, value: &PyValue, allowance: &Allowance) -> Evaluated<String> {
    let precision = directive.precision;
    match conversion {
        's' | 'r' => {
            let mut text = TextBuilder::new(allowance)?;
            if conversion == 's' { show::write(value, &mut text) } else { show::write_repr(value, &mut text) }?;
            let text = text.into_string();
            Ok(precision.map_or_else(|| text.clone(), |precision| text.chars().take(precision).collect()))
        }
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' if precision.is_none() => {
            value.defined()?;
            let whole = match value {
                PyValue::Float(value) if matches!(conversion, 'd' | 'i' | 'u') && value.abs() < 9e15 => *value as i64,
                _ => value.to_int()?,
            };
            let (sign, size) = (if whole < 0 { "-" } else { "" }, whole.unsigned_abs());
            Ok(match conversion {
                'x' => format!("{sign}{size:x}"),
                'X' => format!("{sign}{size:X}"),
                'o' => format!("{sign}{size:o}"),
                _ => whole.to_string(),
            })
        }
        'c' => match value {
            PyValue::Text(text) if text.chars().count() == 1 => Ok(text.to_string()),
            _ => Err(Fault::invalid("`%c` needs one character")),
        },
        'f' | 'F' => {
            value.defined()?;
            let precision = precision.unwrap_or(6);
            match value.as_float() {
                Some(value) if value.is_finite() && precision <= MAX_PRECISION => Ok(format!("{value:.precision$}")),
                _ => Err(Fault::invalid(format!("`%f` cannot write this {}", value.type_name()))),
            }
        }
        _ => Err(Fault::invalid(format!("`%{conversion}` is not supported"))),
    }
}

fn pad(directive: &Directive, conversion: char, text: &str, out: &mut TextBuilder) -> Evaluated<()> {
    let is_number = !matches!(conversion, 's' | 'r' | 'c');
    let sign = match directive.sign {
        Some(sign) if is_number && !text.starts_with('-') => sign.to_string(),
        _ => String::new(),
    };
    let missing = directive.width.saturating_sub(text.chars().count() + sign.len());
    if directive.left {
        out.push(&sign)?;
        out.push(text)?;
        return out.repeat(" ", missing);
    }
    if is_number && directive.zeros {
        let (minus, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
        out.push(&sign)?;
        out.push(minus)?;
        out.repeat("0", missing)?;
        return out.push(digits);
    }
    out.repeat(" ", missing)?;
    out.push(&sign)?;
    out.push(text)
}
