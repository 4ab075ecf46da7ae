//! Comparison of JSON values.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// Characters of a value that are shown in a difference.
const MAX_VALUE_CHARS: usize = 80;

/// A place at which two JSON values differ. It is displayed as `drafter.name: "small", then "large"`.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonDifference {
    /// The names of the objects' members that lead to the place, joined by dots; empty for the whole values.
    pub path: String,
    /// What the first value has there; `null` where it has nothing.
    pub first: Value,
    /// What the second value has there; `null` where it has nothing.
    pub second: Value,
}

/// Every place at which two JSON values differ, in the order of their names. Arrays are compared as a whole, and a member that is
/// missing equals one that is `null`.
///
/// ```
/// use arbitrage_core::json::differences;
/// use serde_json::json;
///
/// let found = differences(&json!({ "a": { "b": 1, "c": 2 } }), &json!({ "a": { "b": 1, "c": 3 }, "d": null }));
/// assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a.c: 2, then 3"]);
/// ```
pub fn differences(first: &Value, second: &Value) -> Vec<JsonDifference> {
    let mut found = Vec::new();
    compare("", first, second, &mut found);
    found
}

fn compare(path: &str, first: &Value, second: &Value, found: &mut Vec<JsonDifference>) {
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, first.get(key).unwrap_or(&Value::Null), second.get(key).unwrap_or(&Value::Null), found);
            }
        }
        _ if first == second => {}
        _ => found.push(JsonDifference { path: path.to_owned(), first: first.clone(), second: second.clone() }),
    }
}

impl JsonDifference {
    /// The last name of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

impl fmt::Display for JsonDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, then {}", self.path, truncated(&self.first), truncated(&self.second))
    }
}

fn truncated(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(MAX_VALUE_CHARS).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}
