//! Typed access to the fields of a request's JSON, with errors that name the field.

use serde_json::{Map, Value};

use super::api_error::ApiError;

/// Longest string that is quoted whole in an error, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// The fields of a JSON object. A field with `null` counts as absent.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    /// The name of the object in the request, or nothing for the body itself.
    path: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of the object `value`, which the request has at `path`.
    pub(crate) fn new(path: &'a str, value: &'a Value) -> Result<Self, ApiError> {
        let name = if path.is_empty() { "body" } else { path };
        let fields = value.as_object().ok_or_else(|| invalid_field(name, "an object", value))?;
        Ok(Self { path, fields })
    }

    /// A field's path in the request.
    fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.keys().map(String::as_str)
    }

    pub(crate) fn string(&self, field: &str) -> Result<Option<&'a str>, ApiError> {
        self.read(field, "a string", Value::as_str)
    }

    /// A count of at least `min`.
    pub(crate) fn count(&self, field: &str, min: usize) -> Result<Option<usize>, ApiError> {
        let count = |value: &Value| usize::try_from(value.as_u64()?).ok().filter(|count| *count >= min);
        self.read(field, &format!("a whole number of at least {min}"), count)
    }

    pub(crate) fn number(&self, field: &str) -> Result<Option<f32>, ApiError> {
        self.read(field, "a number", |value| value.as_f64().map(|number| number as f32))
    }

    /// A seed: any whole number of 64 bits, with a sign or without.
    pub(crate) fn seed(&self, field: &str) -> Result<Option<u64>, ApiError> {
        let seed = |value: &Value| value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned));
        self.read(field, "a whole number of 64 bits", seed)
    }

    pub(crate) fn boolean(&self, field: &str) -> Result<Option<bool>, ApiError> {
        self.read(field, "true or false", Value::as_bool)
    }

    /// The fields of an object that is a field of the body.
    pub(crate) fn object(&self, field: &'a str) -> Result<Option<Fields<'a>>, ApiError> {
        let object = self.read(field, "an object", Value::as_object)?;
        Ok(object.map(|fields| Fields { path: field, fields }))
    }

    /// The error of a field that is not as `expected`.
    pub(crate) fn invalid(&self, field: &str, expected: impl Into<String>) -> ApiError {
        invalid_field(self.path_of(field), expected, self.fields.get(field).unwrap_or(&Value::Null))
    }

    fn read<T>(
        &self,
        field: &str,
        expected: &str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => convert(value).map(Some).ok_or_else(|| self.invalid(field, expected)),
        }
    }
}

/// The error of a value that is not as `expected`.
pub(super) fn invalid_field(field: impl Into<String>, expected: impl Into<String>, found: &Value) -> ApiError {
    ApiError::InvalidField { field: field.into(), expected: expected.into(), found: summary(found) }
}

/// A value in a few words.
fn summary(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > MAX_QUOTED_CHARS => {
            format!("{:?}…", text.chars().take(MAX_QUOTED_CHARS).collect::<String>())
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
