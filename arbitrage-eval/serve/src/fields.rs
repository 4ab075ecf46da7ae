//! Fields of a request, each read by type and named in errors.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The fields of a JSON object. `null` is absence.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    /// What the object is called, empty for the body.
    at: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The object `value`, which is called `at`.
    pub fn new(at: &'a str, value: &'a Value) -> Result<Self, Refusal> {
        let name = if at.is_empty() { "body" } else { at };
        let fields = value.as_object().ok_or_else(|| wrong(name, "an object", value))?;
        Ok(Self { at, fields })
    }

    /// A field's full name.
    pub fn name(&self, field: &str) -> String {
        if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) }
    }

    /// A field's value.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.keys().map(String::as_str)
    }

    /// A text.
    pub fn text(&self, field: &str) -> Result<Option<&'a str>, Refusal> {
        self.read(field, "a string", Value::as_str)
    }

    /// A number of things, at least `least`.
    pub fn count(&self, field: &str, least: usize) -> Result<Option<usize>, Refusal> {
        let number = |value: &Value| usize::try_from(value.as_u64()?).ok().filter(|count| *count >= least);
        self.read(field, &format!("a whole number of at least {least}"), number)
    }

    /// A number.
    pub fn number(&self, field: &str) -> Result<Option<f32>, Refusal> {
        self.read(field, "a number", |value| value.as_f64().map(|number| number as f32))
    }

    /// A seed: any whole number of 64 bits.
    pub fn seed(&self, field: &str) -> Result<Option<u64>, Refusal> {
        let seed = |value: &Value| value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned));
        self.read(field, "a whole number of 64 bits", seed)
    }

    /// Yes or no.
    pub fn flag(&self, field: &str) -> Result<Option<bool>, Refusal> {
        self.read(field, "true or false", Value::as_bool)
    }

    /// An object's fields.
    pub fn object(&self, field: &'a str) -> Result<Option<Fields<'a>>, Refusal> {
        let object = self.read(field, "an object", Value::as_object)?;
        Ok(object.map(|fields| Fields { at: field, fields }))
    }

    /// The error of a field that is not as `expected`.
    pub fn wrong(&self, field: &str, expected: impl Into<String>) -> Refusal {
        wrong(self.name(field), expected, self.fields.get(field).unwrap_or(&Value::Null))
    }

    fn read<T>(&self, field: &str, expected: &str, of: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, Refusal> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => of(value).map(Some).ok_or_else(|| self.wrong(field, expected)),
        }
    }
}

/// The error of a value that is not as `expected`.
pub(super) fn wrong(field: impl Into<String>, expected: impl Into<String>, found: &Value) -> Refusal {
    Refusal::Field { field: field.into(), expected: expected.into(), found: shown(found) }
}

/// A value, as far as it fits in a line.
fn shown(value: &Value) -> String {
    const MOST: usize = 40;
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > MOST => {
            format!("{:?}…", text.chars().take(MOST).collect::<String>())
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
