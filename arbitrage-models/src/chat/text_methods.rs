//! Python's methods of texts.

use super::allowance::{Allowance, TextBuilder};
use super::arguments::{Arguments, flag, given, int_or, required};
use super::casing;
use super::fault::{Evaluated, Fault};
use super::slicing;
use super::splitting;
use super::value::{PyValue, SequenceKind};

type TextMethod = fn(&str, Arguments, &Allowance) -> Evaluated;

/// The methods by name.
pub(super) const TEXT_METHODS: [(&str, TextMethod); 43] = [
    ("capitalize", |text, arguments, allowance| changed(text, arguments, allowance, casing::capitalized)),
    ("casefold", |text, arguments, allowance| changed(text, arguments, allowance, casing::folded)),
    ("center", |text, arguments, allowance| padded(text, arguments, allowance, centred)),
    ("count", |text, arguments, allowance| {
        let (part, within, _) = searched(text, arguments, allowance)?;
        let count = if part.is_empty() { within.chars().count() + 1 } else { within.matches(&part).count() };
        Ok(PyValue::Int(count as i64))
    }),
    ("endswith", |text, arguments, allowance| affixed(text, arguments, allowance, |text, affix| text.ends_with(affix))),
    ("find", |text, arguments, allowance| {
        found(text, arguments, allowance, false).map(|at| PyValue::Int(at.unwrap_or(-1)))
    }),
    ("index", |text, arguments, allowance| position(text, arguments, allowance, false)),
    ("isalnum", |text, arguments, _| all(text, arguments, char::is_alphanumeric)),
    ("isalpha", |text, arguments, _| all(text, arguments, char::is_alphabetic)),
    ("isascii", |text, arguments, _| arguments.none().map(|()| PyValue::Bool(text.is_ascii()))),
    ("isdecimal", |text, arguments, _| digits(text, arguments)),
    ("isdigit", |text, arguments, _| digits(text, arguments)),
    ("islower", |text, arguments, _| arguments.none().map(|()| PyValue::Bool(is_lower(text)))),
    ("isnumeric", |text, arguments, _| all(text, arguments, char::is_numeric)),
    ("isspace", |text, arguments, _| all(text, arguments, casing::is_space)),
    ("istitle", |text, arguments, _| arguments.none().map(|()| PyValue::Bool(casing::is_title(text)))),
    ("isupper", |text, arguments, _| arguments.none().map(|()| PyValue::Bool(is_upper(text)))),
    ("join", join),
    ("ljust", |text, arguments, allowance| padded(text, arguments, allowance, |missing, _| [0, missing])),
    ("lower", |text, arguments, allowance| changed(text, arguments, allowance, |text| Ok(text.to_lowercase()))),
    ("lstrip", |text, arguments, allowance| stripped(text, arguments, allowance, [true, false])),
    ("partition", |text, arguments, allowance| splitting::partition(text, arguments, allowance, false)),
    ("removeprefix", |text, arguments, allowance| {
        let prefix = arguments.only("prefix")?;
        allowance.text(text.strip_prefix(&**prefix.to_text()?).unwrap_or(text))
    }),
    ("removesuffix", |text, arguments, allowance| {
        let suffix = arguments.only("suffix")?;
        allowance.text(text.strip_suffix(&**suffix.to_text()?).unwrap_or(text))
    }),
    ("replace", |text, arguments, allowance| {
        let [old, new, count] = arguments.bind(["old", "new", "count"])?;
        let (old, new) = (required(old, "replace", "old")?, required(new, "replace", "new")?);
        replaced(text, old.to_text()?, new.to_text()?, int_or(count, -1)?, allowance)
    }),
    ("rfind", |text, arguments, allowance| {
        found(text, arguments, allowance, true).map(|at| PyValue::Int(at.unwrap_or(-1)))
    }),
    ("rindex", |text, arguments, allowance| position(text, arguments, allowance, true)),
    ("rjust", |text, arguments, allowance| padded(text, arguments, allowance, |missing, _| [missing, 0])),
    ("rpartition", |text, arguments, allowance| splitting::partition(text, arguments, allowance, true)),
    ("rsplit", |text, arguments, allowance| splitting::split(text, arguments, allowance, true)),
    ("rstrip", |text, arguments, allowance| stripped(text, arguments, allowance, [false, true])),
    ("split", |text, arguments, allowance| splitting::split(text, arguments, allowance, false)),
    ("splitlines", |text, arguments, allowance| {
        let [keep_ends] = arguments.bind(["keepends"])?;
        splitting::split_lines(text, flag(keep_ends), allowance)
    }),
    ("startswith", |text, arguments, allowance| {
        affixed(text, arguments, allowance, |text, affix| text.starts_with(affix))
    }),
    ("strip", |text, arguments, allowance| stripped(text, arguments, allowance, [true, true])),
    ("swapcase", |text, arguments, allowance| changed(text, arguments, allowance, |text| Ok(casing::swapped(text)))),
    ("title", |text, arguments, allowance| changed(text, arguments, allowance, casing::titled)),
    ("upper", |text, arguments, allowance| changed(text, arguments, allowance, |text| Ok(text.to_uppercase()))),
    ("zfill", zero_filled),
    // These exist in Python, so a template may ask for them, but a call is refused.
    ("encode", |_, arguments, _| Err(unsupported(&arguments.callee))),
    ("expandtabs", |_, arguments, _| Err(unsupported(&arguments.callee))),
    ("format", |_, arguments, _| Err(unsupported(&arguments.callee))),
    ("translate", |_, arguments, _| Err(unsupported(&arguments.callee))),
];

/// The error of a method that Python has and this engine has not.
pub(super) fn unsupported(name: &str) -> Fault {
    Fault::invalid(format!("{name} is not supported"))
}

fn changed(
    text: &str,
    arguments: Arguments,
    allowance: &Allowance,
    change: fn(&str) -> Evaluated<String>,
) -> Evaluated {
    arguments.none()?;
    allowance.characters(text.len())?;
    // Some letters become up to three.
    let _room = allowance.hold(text.len())?;
    allowance.text(change(text)?)
}

fn all(text: &str, arguments: Arguments, test: fn(char) -> bool) -> Evaluated {
    arguments.none()?;
    Ok(PyValue::Bool(!text.is_empty() && text.chars().all(test)))
}

/// Whether there are only digits. Digits of other scripts are refused, since Python's rules on them differ with the method.
fn digits(text: &str, arguments: Arguments) -> Evaluated {
    if text.chars().any(|c| !c.is_ascii() && c.is_numeric()) {
        return Err(Fault::invalid(format!("{}: digits other than 0 to 9 are not supported", arguments.callee)));
    }
    all(text, arguments, |c| c.is_ascii_digit())
}

pub(super) fn is_lower(text: &str) -> bool {
    text.chars().any(casing::is_cased) && !text.chars().any(char::is_uppercase)
}

pub(super) fn is_upper(text: &str) -> bool {
    text.chars().any(casing::is_cased) && !text.chars().any(char::is_lowercase)
}

fn join(text: &str, arguments: Arguments, allowance: &Allowance) -> Evaluated {
    let items = arguments.only("iterable")?;
    items.defined()?;
    let mut out = TextBuilder::new(allowance)?;
    for (index, item) in items.iterate(allowance)?.iterate().iter().enumerate() {
        out.push(if index == 0 { "" } else { text })?;
        out.push(item.to_text()?)?;
    }
    Ok(out.finish())
}

/// A text without the given characters, or without spaces, at its start and at its end.
pub(super) fn stripped(text: &str, arguments: Arguments, allowance: &Allowance, ends: [bool; 2]) -> Evaluated {
    let [characters] = arguments.bind(["chars"])?;
    let characters = given(characters);
    let characters = characters.as_ref().map(PyValue::to_text).transpose()?;
    allowance.characters(text.len())?;
    if let Some(characters) = characters {
        allowance.work(text.len().min(4096) * characters.len() / 64)?;
    }
    let outside = |c: char| characters.map_or_else(|| casing::is_space(c), |characters| characters.contains(c));
    let text = if ends[0] { text.trim_start_matches(outside) } else { text };
    allowance.text(if ends[1] { text.trim_end_matches(outside) } else { text })
}

/// `text.replace(old, new, count)`, for all when the count is negative.
pub(super) fn replaced(text: &str, old: &str, new: &str, count: i64, allowance: &Allowance) -> Evaluated {
    allowance.characters(text.len())?;
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = TextBuilder::new(allowance)?;
    let mut copied = 0;
    for (at, part) in text.match_indices(old) {
        if left == 0 {
            break;
        }
        left -= 1;
        out.push(text.get(copied..at).unwrap_or_default())?;
        out.push(new)?;
        copied = at + part.len();
    }
    out.push(text.get(copied..).unwrap_or_default())?;
    Ok(out.finish())
}

/// What is searched for, the part of the text that is searched, and where that part begins, in characters.
fn searched<'t>(text: &'t str, arguments: Arguments, allowance: &Allowance) -> Evaluated<(String, &'t str, usize)> {
    let callee = arguments.callee.clone();
    let [part, start, end] = arguments.bind(["sub", "start", "end"])?;
    let part = required(part, &callee, "sub")?.to_text()?.to_string();
    allowance.characters(text.len())?;
    let (start, end) = (int_or(start, 0)?, given(end).map(|end| end.to_int()).transpose()?);
    let within = text.get(slicing::byte_range(text, start, end)).unwrap_or_default();
    Ok((part, within, slicing::clamped(text.chars().count(), start)))
}

fn found(text: &str, arguments: Arguments, allowance: &Allowance, from_end: bool) -> Evaluated<Option<i64>> {
    let (part, within, start) = searched(text, arguments, allowance)?;
    let byte = if from_end { within.rfind(&part) } else { within.find(&part) };
    let characters = byte.map(|byte| start + within.get(..byte).unwrap_or_default().chars().count());
    Ok(characters.map(|position| position as i64))
}

fn position(text: &str, arguments: Arguments, allowance: &Allowance, from_end: bool) -> Evaluated {
    let at = found(text, arguments, allowance, from_end)?;
    at.map(PyValue::Int).ok_or_else(|| Fault::invalid("index: the text does not contain it"))
}

/// Whether a text begins or ends with a text, or with one of a tuple.
fn affixed(text: &str, arguments: Arguments, allowance: &Allowance, test: fn(&str, &str) -> bool) -> Evaluated {
    let callee = arguments.callee.clone();
    let [affix, start, end] = arguments.bind(["prefix", "start", "end"])?;
    let affix = required(affix, &callee, "prefix")?;
    let (start, end) = (int_or(start, 0)?, given(end).map(|end| end.to_int()).transpose()?);
    if start != 0 || end.is_some() {
        allowance.characters(text.len())?;
    }
    let within = if start == 0 && end.is_none() {
        text
    } else {
        text.get(slicing::byte_range(text, start, end)).unwrap_or_default()
    };
    let affixes = match &affix {
        PyValue::List(tuple) if tuple.kind == SequenceKind::Tuple => tuple.items()?,
        one => std::slice::from_ref(one),
    };
    for affix in affixes {
        let affix = affix.to_text()?;
        allowance.copying(affix.len().min(within.len()))?;
        if test(within, affix) {
            return Ok(PyValue::Bool(true));
        }
    }
    Ok(PyValue::Bool(false))
}

/// Python's division of the missing width: left of a text and right of it.
fn centred(missing: usize, width: usize) -> [usize; 2] {
    let left = missing / 2 + (missing & width & 1);
    [left, missing - left]
}

fn padded(text: &str, arguments: Arguments, allowance: &Allowance, sides: fn(usize, usize) -> [usize; 2]) -> Evaluated {
    let callee = arguments.callee.clone();
    let [width, fill] = arguments.bind(["width", "fillchar"])?;
    let width = required(width, &callee, "width")?.to_int()?;
    let fill = fill.unwrap_or(allowance.text(" ")?);
    if fill.to_text()?.chars().count() != 1 {
        return Err(Fault::invalid(format!("{callee}: expected one character to fill with")));
    }
    pad(text, width, fill.to_text()?, sides, allowance)
}

/// `text.center(width)`.
pub(super) fn center(text: &str, width: i64, allowance: &Allowance) -> Evaluated {
    pad(text, width, " ", centred, allowance)
}

fn pad(text: &str, width: i64, fill: &str, sides: fn(usize, usize) -> [usize; 2], allowance: &Allowance) -> Evaluated {
    allowance.characters(text.len())?;
    let width = usize::try_from(width).unwrap_or(0);
    let [left, right] = sides(width.saturating_sub(text.chars().count()), width);
    let mut out = TextBuilder::new(allowance)?;
    out.repeat(fill, left)?;
    out.push(text)?;
    out.repeat(fill, right)?;
    Ok(out.finish())
}

fn zero_filled(text: &str, arguments: Arguments, allowance: &Allowance) -> Evaluated {
    let width = usize::try_from(arguments.only("width")?.to_int()?).unwrap_or(0);
    allowance.characters(text.len())?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = text.get(..text.len() - digits.len()).unwrap_or_default();
    let mut out = TextBuilder::new(allowance)?;
    out.push(sign)?;
    out.repeat("0", width.saturating_sub(text.chars().count()))?;
    out.push(digits)?;
    Ok(out.finish())
}
