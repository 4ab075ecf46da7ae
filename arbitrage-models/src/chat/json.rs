//! The `tojson` filter as transformers defines it: it writes like Python's `json.dumps`, and escapes nothing for HTML.

use super::allowance::{Allowance, TextBuilder};
use super::arguments::{Arguments, flag, given};
use super::fault::{Evaluated, Fault};
use super::show;
use super::value::{PyValue, SequenceKind};

/// How the JSON is written.
struct JsonStyle {
    ensure_ascii: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

/// `value | tojson(ensure_ascii, indent, separators, sort_keys)`.
///
/// # Errors
/// For a value that JSON cannot represent.
pub(super) fn to_json(value: &PyValue, arguments: Arguments, allowance: &Allowance) -> Evaluated {
    let [ensure_ascii, indent, separators, sort_keys] =
        arguments.bind(["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let indent = match given(indent) {
        None => None,
        Some(PyValue::Text(text)) => Some(text.to_string()),
        Some(width) => {
            let mut spaces = TextBuilder::new(allowance)?;
            spaces.repeat(" ", usize::try_from(width.to_int()?).unwrap_or(0))?;
            Some(spaces.into_string())
        }
    };
    let item_separator = if indent.is_some() { "," } else { ", " };
    let (item_separator, key_separator) = match given(separators) {
        None => (item_separator.to_owned(), ": ".to_owned()),
        Some(pair) => {
            let pair = pair.iterate(allowance)?;
            let [item, key] = pair.items()? else { return Err(Fault::invalid("tojson: expected two separators")) };
            (item.to_text()?.to_string(), key.to_text()?.to_string())
        }
    };
    let style = JsonStyle {
        ensure_ascii: flag(ensure_ascii),
        indent,
        item_separator,
        key_separator,
        sort_keys: flag(sort_keys),
    };
    let mut out = TextBuilder::new(allowance)?;
    style.write(value, 0, &mut out)?;
    Ok(out.finish())
}

impl JsonStyle {
    fn write(&self, value: &PyValue, depth: usize, out: &mut TextBuilder) -> Evaluated<()> {
        value.defined()?;
        match value {
            PyValue::Text(text) => self.string(text, out),
            PyValue::List(list) if matches!(list.kind, SequenceKind::List | SequenceKind::Tuple) => {
                let items = list.items()?;
                self.container(["[", "]"], items.len(), depth, out, |index, out| {
                    items.get(index).map_or(Ok(()), |item| self.write(item, depth + 1, out))
                })
            }
            PyValue::Dict(mapping) => {
                let mut entries = Vec::with_capacity(mapping.entries.len());
                for (key, value) in &mapping.entries {
                    entries.push((json_key(key)?, value));
                }
                if self.sort_keys {
                    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                self.container(["{", "}"], entries.len(), depth, out, |index, out| {
                    let Some((key, value)) = entries.get(index) else { return Ok(()) };
                    self.string(key, out)?;
                    out.push(&self.key_separator)?;
                    self.write(value, depth + 1, out)
                })
            }
            PyValue::Markup(_) | PyValue::List(_) | PyValue::Object(_) => {
                Err(Fault::invalid(format!("tojson: a {} is not JSON", value.type_name())))
            }
            PyValue::Undefined(_) | PyValue::None | PyValue::Bool(_) | PyValue::Int(_) | PyValue::Float(_) => {
                out.push(&scalar(value))
            }
        }
    }

    fn container(
        &self,
        [open, close]: [&str; 2],
        items: usize,
        depth: usize,
        out: &mut TextBuilder,
        write_item: impl Fn(usize, &mut TextBuilder) -> Evaluated<()>,
    ) -> Evaluated<()> {
        out.push(open)?;
        for index in 0..items {
            out.push(if index == 0 { "" } else { &self.item_separator })?;
            self.new_line(depth + 1, out)?;
            write_item(index, out)?;
        }
        if items > 0 {
            self.new_line(depth, out)?;
        }
        out.push(close)
    }

    fn new_line(&self, depth: usize, out: &mut TextBuilder) -> Evaluated<()> {
        let Some(indent) = &self.indent else { return Ok(()) };
        out.push("\n")?;
        out.repeat(indent, depth)
    }

    fn string(&self, text: &str, out: &mut TextBuilder) -> Evaluated<()> {
        out.push("\"")?;
        let mut plain = 0;
        for (index, character) in text.char_indices() {
            let escaped = match character {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\n' => "\\n".to_owned(),
                '\r' => "\\r".to_owned(),
                '\t' => "\\t".to_owned(),
                '\u{8}' => "\\b".to_owned(),
                '\u{c}' => "\\f".to_owned(),
                _ if character < ' ' || (self.ensure_ascii && !matches!(character, ' '..='~')) => {
                    character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
                }
                _ => continue,
            };
            out.push(text.get(plain..index).unwrap_or_default())?;
            out.push(&escaped)?;
            plain = index + character.len_utf8();
        }
        out.push(text.get(plain..).unwrap_or_default())?;
        out.push("\"")
    }
}

fn scalar(value: &PyValue) -> String {
    match value {
        PyValue::Bool(value) => value.to_string(),
        PyValue::Int(value) => value.to_string(),
        PyValue::Float(value) if value.is_nan() => "NaN".to_owned(),
        PyValue::Float(value) if value.is_infinite() => if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        PyValue::Float(value) => show::float(*value),
        _ => "null".to_owned(),
    }
}

/// A key as JSON has it: a text.
fn json_key(key: &PyValue) -> Evaluated<String> {
    match key {
        PyValue::Text(text) => Ok(text.to_string()),
        PyValue::None | PyValue::Bool(_) | PyValue::Int(_) | PyValue::Float(_) => Ok(scalar(key)),
        _ => Err(Fault::invalid(format!("tojson: a {} cannot be a key", key.type_name()))),
    }
}
