//! Jinja's filters of texts and numbers, and the table of all.

use super::allowance::TextBuilder;
use super::arguments::{Arguments, flag, given, int_or};
use super::casing;
use super::fault::{Evaluated, Fault, FaultKind};
use super::functions::required_text;
use super::renderer::Renderer;
use super::sequence_filters as sequences;
use super::splitting;
use super::text_methods;
use super::value::{Mapping, PyValue, SequenceKind, Text};
use super::{json, operators, percent, show};
use minijinja::machinery::ast::BinOpKind;
use std::rc::Rc;

pub(super) type Filter = fn(&mut Renderer<'_>, PyValue, Arguments) -> Evaluated;

const FILTERS: [(&str, Filter); 44] = [
    ("abs", |_, value, arguments| {
        arguments.none()?;
        match value {
            PyValue::Float(number) => Ok(PyValue::Float(number.abs())),
            _ => match value.to_int()? {
                number if number < 0 => operators::negated(&PyValue::Int(number)),
                number => Ok(PyValue::Int(number)),
            },
        }
    }),
    ("capitalize", |renderer, value, arguments| changed(renderer, &value, arguments, casing::capitalized)),
    ("center", |renderer, value, arguments| {
        let [width] = arguments.bind(["width"])?;
        text_methods::center(&text(renderer, &value)?, int_or(width, 80)?, &renderer.allowance)
    }),
    ("count", sequences::length),
    ("d", default),
    ("default", default),
    ("dictsort", sequences::dictsort),
    ("e", escape),
    ("escape", escape),
    ("first", sequences::first),
    ("float", float),
    ("format", |renderer, value, arguments| {
        let format = text(renderer, &value)?;
        let values = if arguments.named.is_empty() {
            renderer.allowance.list(SequenceKind::Tuple, arguments.positional)?
        } else {
            let named = arguments.named.into_iter();
            let entries = named.map(|(name, value)| Ok((renderer.allowance.text(name)?, value)));
            let entries = entries.collect::<Evaluated<Vec<_>>>()?;
            PyValue::Dict(Rc::new(Mapping::new(entries, &renderer.allowance)?))
        };
        percent::format(&format, &values, &renderer.allowance)
    }),
    ("indent", indent),
    ("int", int),
    ("items", sequences::items),
    ("join", sequences::join),
    ("last", sequences::last),
    ("length", sequences::length),
    ("list", |renderer, value, arguments| {
        arguments.none()?;
        sequences::list(renderer, &value)
    }),
    ("lower", |renderer, value, arguments| changed(renderer, &value, arguments, |text| Ok(text.to_lowercase()))),
    ("map", sequences::map),
    ("max", |renderer, value, arguments| sequences::extreme(renderer, &value, arguments, true)),
    ("min", |renderer, value, arguments| sequences::extreme(renderer, &value, arguments, false)),
    ("reject", |renderer, value, arguments| sequences::select(renderer, &value, arguments, false)),
    ("rejectattr", |renderer, value, arguments| sequences::select_by_attribute(renderer, &value, arguments, false)),
    ("replace", |renderer, value, arguments| {
        let [old, new, count] = arguments.bind(["old", "new", "count"])?;
        let allowance = &renderer.allowance;
        let old = required_text(old, "replace", "old", allowance)?;
        let new = required_text(new, "replace", "new", allowance)?;
        text_methods::replaced(&text(renderer, &value)?, &old, &new, int_or(count, -1)?, allowance)
    }),
    ("reverse", sequences::reverse),
    ("round", round),
    ("safe", |renderer, value, arguments| {
        arguments.none()?;
        text(renderer, &value).map(PyValue::Markup)
    }),
    ("select", |renderer, value, arguments| sequences::select(renderer, &value, arguments, true)),
    ("selectattr", |renderer, value, arguments| sequences::select_by_attribute(renderer, &value, arguments, true)),
    ("sort", sequences::sort),
    ("string", |renderer, value, arguments| {
        arguments.none()?;
        text(renderer, &value).map(PyValue::Text)
    }),
    ("sum", sequences::sum),
    ("title", |renderer, value, arguments| changed(renderer, &value, arguments, |text| Ok(casing::filter_title(text)))),
    ("tojson", |renderer, value, arguments| json::to_json(&value, arguments, &renderer.allowance)),
    ("trim", |renderer, value, arguments| {
        text_methods::stripped(&text(renderer, &value)?, arguments, &renderer.allowance, [true, true])
    }),
    ("truncate", truncate),
    ("unique", sequences::unique),
    ("upper", |renderer, value, arguments| changed(renderer, &value, arguments, |text| Ok(text.to_uppercase()))),
    ("urlencode", url_encode),
    ("wordcount", |renderer, value, arguments| {
        arguments.none()?;
        let text = text(renderer, &value)?;
        renderer.allowance.characters(text.len())?;
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).count();
        Ok(PyValue::Int(words as i64))
    }),
    ("batch", sequences::batch),
    ("attr", |renderer, value, arguments| {
        let name = arguments.only("name")?;
        match &value {
            // Unlike `.`, this does not look for keys.
            PyValue::Dict(_) => Ok(PyValue::undefined(name.to_text()?)),
            _ => renderer.attribute(&value, name.to_text()?),
        }
    }),
];

/// `value | name(arguments)`.
pub(super) fn apply(renderer: &mut Renderer<'_>, name: &str, value: PyValue, arguments: Arguments) -> Evaluated {
    match FILTERS.iter().find(|(known, _)| *known == name) {
        Some((_, filter)) => filter(renderer, value, arguments),
        None => Err(Fault::new(FaultKind::UnknownFilter, format!("`{name}`"))),
    }
}

pub(super) fn exists(name: &str) -> bool {
    FILTERS.iter().any(|(known, _)| *known == name)
}

fn text(renderer: &Renderer<'_>, value: &PyValue) -> Evaluated<Text> {
    show::to_text(value, &renderer.allowance)
}

fn changed(
    renderer: &Renderer<'_>,
    value: &PyValue,
    arguments: Arguments,
    change: fn(&str) -> Evaluated<String>,
) -> Evaluated {
    arguments.none()?;
    let text = text(renderer, value)?;
    renderer.allowance.characters(text.len())?;
    let _room = renderer.allowance.hold(text.len())?;
    renderer.allowance.text(change(&text)?)
}

fn default(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [otherwise, boolean] = arguments.bind(["default_value", "boolean"])?;
    if matches!(value, PyValue::Undefined(_)) || (flag(boolean) && !value.is_true()) {
        return otherwise.map_or_else(|| renderer.allowance.text(""), Ok);
    }
    Ok(value)
}

fn escape(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    arguments.none()?;
    if let PyValue::Markup(_) = value {
        return Ok(value);
    }
    let text = text(renderer, &value)?;
    let mut out = TextBuilder::new(&renderer.allowance)?;
    for piece in text.split_inclusive(['&', '<', '>', '\'', '"']) {
        let plain = piece.trim_end_matches(['&', '<', '>', '\'', '"']);
        out.push(plain)?;
        out.push(match piece.get(plain.len()..).unwrap_or_default() {
            "&" => "&amp;",
            "<" => "&lt;",
            ">" => "&gt;",
            "'" => "&#39;",
            "\"" => "&#34;",
            _ => "",
        })?;
    }
    out.finish().to_text().cloned().map(PyValue::Markup)
}

fn int(_: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [default, base] = arguments.bind(["default", "base"])?;
    value.defined()?;
    if int_or(base, 10)? != 10 {
        return Err(Fault::invalid("int: only base 10 is supported"));
    }
    let whole = |number: f64| {
        let fits = number.abs() < 9e18;
        if fits {
            Ok(number as i64)
        } else {
            Err(Fault::invalid("int: whole numbers have 64 bits here; this one is too large"))
        }
    };
    let number = match &value {
        PyValue::Text(text) => {
            let text = text.trim_matches(casing::is_space);
            // The digits of other scripts and underscores are numbers for Python.
            if !text.is_ascii() || text.contains('_') {
                return Err(Fault::invalid("int: only the digits 0 to 9 are supported"));
            }
            match (text.parse(), text.parse::<f64>()) {
                (Ok(number), _) => Some(number),
                (Err(_), Ok(number)) if number.is_finite() => Some(whole(number)?),
                _ => None,
            }
        }
        PyValue::Float(number) => Some(whole(*number)?),
        _ => value.as_int(),
    };
    Ok(number.map(PyValue::Int).or(default).unwrap_or(PyValue::Int(0)))
}

fn float(_: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [default] = arguments.bind(["default"])?;
    value.defined()?;
    let number = match &value {
        PyValue::Text(text) if !text.is_ascii() || text.contains('_') => {
            return Err(Fault::invalid("float: only the digits 0 to 9 are supported"));
        }
        PyValue::Text(text) => text.trim_matches(casing::is_space).parse().ok(),
        _ => value.as_float(),
    };
    Ok(number.map(PyValue::Float).or(default).unwrap_or(PyValue::Float(0.0)))
}

fn round(_: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [precision, method] = arguments.bind(["precision", "method"])?;
    let precision = int_or(precision, 0)?;
    value.defined()?;
    let method = given(method);
    let method = method.as_ref().map_or(Ok("common"), |method| method.to_text().map(|text| &**text))?;
    let number =
        value.as_float().ok_or_else(|| Fault::invalid(format!("round: {} is no number", value.type_name())))?;
    if method == "common" && precision >= 0 && value.as_int().is_some() {
        return Ok(PyValue::Int(value.to_int()?));
    }
    let digits = usize::try_from(precision).ok().filter(|digits| *digits <= 15);
    let digits = digits.ok_or_else(|| Fault::invalid("round: expected a precision from 0 to 15"))?;
    let scale = 10f64.powi(i32::try_from(digits).unwrap_or(0));
    Ok(PyValue::Float(match method {
        // Formatting rounds the exact value, and ties to even, as Python's `round` does.
        "common" => format!("{number:.digits$}").parse().unwrap_or(number),
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        _ => return Err(Fault::invalid("round: expected common, ceil or floor")),
    }))
}

fn indent(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [width, first, blank] = arguments.bind(["width", "first", "blank"])?;
    let text = text(renderer, &value)?;
    renderer.allowance.characters(text.len())?;
    let mut indentation = TextBuilder::new(&renderer.allowance)?;
    match &width {
        Some(PyValue::Text(text)) => indentation.push(text)?,
        width => indentation.repeat(" ", usize::try_from(int_or(width.clone(), 4)?).unwrap_or(0))?,
    }
    let (indentation, first, blank) = (indentation.into_string(), flag(first), flag(blank));
    let mut out = TextBuilder::new(&renderer.allowance)?;
    // A line end at the end begins a further line, which is empty.
    let ended = format!("{}\n", &*text);
    for (index, (line, _)) in splitting::lines(&ended).enumerate() {
        out.push(if index == 0 { "" } else { "\n" })?;
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.push(&indentation)?;
        }
        out.push(line)?;
    }
    Ok(out.finish())
}

fn truncate(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    let [length, kill_words, end, leeway] = arguments.bind(["length", "killwords", "end", "leeway"])?;
    let text = text(renderer, &value)?;
    let end = end.map_or_else(|| renderer.allowance.text("..."), Ok)?;
    let end = end.to_text()?;
    renderer.allowance.characters(text.len())?;
    let (length, leeway) = (int_or(length, 255)?, int_or(leeway, 5)?);
    let (characters, end_length) = (text.chars().count() as i64, end.chars().count() as i64);
    if length < end_length || leeway < 0 {
        return Err(Fault::invalid("truncate: the length is less than that of the end"));
    }
    if characters <= length.saturating_add(leeway) {
        return Ok(PyValue::Text(text));
    }
    let kept: String = text.chars().take(usize::try_from(length - end_length).unwrap_or(0)).collect();
    let kept = if flag(kill_words) { &kept } else { kept.rsplit_once(' ').map_or(&*kept, |(words, _)| words) };
    renderer.allowance.text(format!("{kept}{}", &**end))
}

fn url_encode(renderer: &mut Renderer<'_>, value: PyValue, arguments: Arguments) -> Evaluated {
    arguments.none()?;
    let PyValue::Text(text) = &value else {
        return Err(Fault::invalid(format!("urlencode: only texts are supported, not {}", value.type_name())));
    };
    let mut out = TextBuilder::new(&renderer.allowance)?;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' => {
                out.push(char::from(byte).encode_utf8(&mut [0; 4]))?;
            }
            _ => out.push(&format!("%{byte:02X}"))?,
        }
    }
    Ok(out.finish())
}

/// `a + b`, for the filter `sum`.
pub(super) fn add(renderer: &Renderer<'_>, a: &PyValue, b: &PyValue) -> Evaluated {
    operators::arithmetic(BinOpKind::Add, a, b, &renderer.allowance)
}
