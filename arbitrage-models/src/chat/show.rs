//! Values as text: Python's `str` and `repr`.

use super::allowance::{Allowance, TextBuilder};
use super::fault::{Evaluated, Fault};
use super::value::{PyValue, Sequence, SequenceKind, Text};

/// Characters that Python's `repr` escapes besides control characters and spaces: those that format a text, and private ones.
const UNPRINTABLE: [(u32, u32); 20] = [
    (0xad, 0xad),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x180e, 0x180e),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0xe000, 0xf8ff),
    (0xfeff, 0xfeff),
    (0xfff0, 0xfffb),
    (0x110bd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
    (0xf0000, 0x10_ffff),
];

/// What `{{ value }}`, `~` and `str` make of a value.
pub(super) fn to_text(value: &PyValue, allowance: &Allowance) -> Evaluated<Text> {
    if let PyValue::Text(text) = value {
        return Ok(text.clone());
    }
    let mut out = TextBuilder::new(allowance)?;
    write(value, &mut out)?;
    out.finish().to_text().cloned()
}

/// Writes a value as `str` does.
pub(super) fn write(value: &PyValue, out: &mut TextBuilder) -> Evaluated<()> {
    match value {
        PyValue::Undefined(_) => Ok(()),
        PyValue::Text(text) | PyValue::Markup(text) => out.push(text),
        _ => write_repr(value, out),
    }
}

/// Writes a value as `repr` does.
pub(super) fn write_repr(value: &PyValue, out: &mut TextBuilder) -> Evaluated<()> {
    match value {
        PyValue::Undefined(_) => out.push("Undefined"),
        PyValue::None => out.push("None"),
        PyValue::Bool(value) => out.push(if *value { "True" } else { "False" }),
        PyValue::Int(value) => out.push(&value.to_string()),
        PyValue::Float(value) => out.push(&float(*value)),
        PyValue::Text(text) => quoted(text, out),
        PyValue::List(sequence) => write_sequence(sequence, out),
        PyValue::Dict(mapping) => {
            out.push("{")?;
            for (index, (key, value)) in mapping.entries.iter().enumerate() {
                out.push(if index == 0 { "" } else { ", " })?;
                write_repr(key, out)?;
                out.push(": ")?;
                write_repr(value, out)?;
            }
            out.push("}")
        }
        PyValue::Markup(_) | PyValue::Object(_) => {
            Err(Fault::invalid(format!("a {} has no text of its own", value.type_name())))
        }
    }
}

fn write_sequence(sequence: &Sequence, out: &mut TextBuilder) -> Evaluated<()> {
    let (open, close) = match sequence.kind {
        SequenceKind::List => ("[", "]"),
        SequenceKind::Tuple => ("(", if sequence.items()?.len() == 1 { ",)" } else { ")" }),
        SequenceKind::Range | SequenceKind::Iterator | SequenceKind::View => {
            return Err(Fault::invalid("an iterator has no text of its own; make a `list` of it"));
        }
    };
    out.push(open)?;
    for (index, item) in sequence.items()?.iter().enumerate() {
        out.push(if index == 0 { "" } else { ", " })?;
        write_repr(item, out)?;
    }
    out.push(close)
}

fn quoted(text: &str, out: &mut TextBuilder) -> Evaluated<()> {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut buffer = [0; 4];
    out.push(quote.encode_utf8(&mut buffer))?;
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let escaped = match character {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '\\' => "\\\\".to_owned(),
            _ if character == quote => format!("\\{quote}"),
            _ if is_printable(character) => continue,
            _ => match character as u32 {
                code @ ..=0xff => format!("\\x{code:02x}"),
                code @ 0x100..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            },
        };
        out.push(text.get(plain..at).unwrap_or_default())?;
        out.push(&escaped)?;
        plain = at + character.len_utf8();
    }
    out.push(text.get(plain..).unwrap_or_default())?;
    out.push(quote.encode_utf8(&mut buffer))
}

fn is_printable(character: char) -> bool {
    let code = character as u32;
    let unprintable = UNPRINTABLE.iter().any(|(first, last)| (*first..=*last).contains(&code));
    character == ' ' || !(character.is_control() || character.is_whitespace() || unprintable)
}

/// A float with as few digits as identify it, and an exponent where Python has one.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { plain + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_python_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e-5, "1.25e-05"),
            (0.0001, "0.0001"),
            (1e300, "1e+300"),
            (f64::INFINITY, "inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(float(value), expected);
        }
    }
}
