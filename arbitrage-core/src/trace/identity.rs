//! Whether two runs may share a trace.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::RunRecord;

/// Longest value that is shown, in characters.
const MOST: usize = 80;

impl RunRecord {
    /// In what `other` is no continuation of this run, one line a difference, such as `drafter.name: "small", then "large"`:
    /// models, router, limits and notes. Empty where it is one.
    ///
    /// Version, overlap and [`Limits::in_flight`](crate::Limits::in_flight) do not matter, since no text depends on them.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        compare("", &self.identity(), &other.identity(), &mut found);
        found
    }

    fn identity(&self) -> Value {
        json!({
            "drafter": self.drafter,
            "verifier": self.verifier,
            "router": self.router,
            "limits": self.limits.with_in_flight(1),
            "notes": self.notes,
        })
    }
}

fn compare(name: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                compare(&name, one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null), found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{name}: {}, then {}", shown(one), shown(other))),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(MOST).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

#[cfg(test)]
mod tests {
    use super::super::ModelRecord;
    use super::*;
    use crate::{Limits, Overlap};

    fn run() -> RunRecord {
        let model = |name: &str, digest: &str| ModelRecord { name: name.to_owned(), digest: Some(digest.to_owned()) };
        RunRecord {
            version: "1".to_owned(),
            drafter: model("small", "aa"),
            verifier: model("large", "bb"),
            router: "oracle".to_owned(),
            limits: Limits::default(),
            overlap: Overlap::Off,
            notes: json!({ "seed": 1, "problems": { "count": 3 } }),
        }
    }

    #[test]
    fn what_changes_no_text_may_change() {
        let (mut other, limits) = (run(), Limits::default().with_in_flight(99));
        (other.version, other.limits, other.overlap) = ("2".to_owned(), limits, Overlap::On);
        assert!(run().differences(&other).is_empty(), "{:?}", run().differences(&other));
    }

    #[test]
    fn whatever_else_differs_is_named() {
        type Change = fn(&mut RunRecord);
        let changes: [(Change, &str); 7] = [
            (|run| run.drafter.name = "tiny".to_owned(), "drafter.name: \"small\", then \"tiny\""),
            (|run| run.verifier.digest = None, "verifier.digest: \"bb\", then null"),
            (|run| run.router = "rsd".to_owned(), "router: \"oracle\", then \"rsd\""),
            (|run| run.limits.step_tokens = 7, "limits.step_tokens: 512, then 7"),
            (|run| run.notes["seed"] = json!(2), "notes.seed: 1, then 2"),
            (|run| run.notes["problems"]["count"] = json!(4), "notes.problems.count: 3, then 4"),
            (|run| run.notes["new"] = json!("x".repeat(500)), "notes.new: null, then \"xxx"),
        ];
        for (change, expected) in changes {
            let mut other = run();
            change(&mut other);
            let [found] = &run().differences(&other)[..] else { panic!("{expected}") };
            assert!(found.starts_with(expected) && found.len() < 200, "{found}");
        }
        let mut other = run();
        changes.iter().for_each(|(change, _)| change(&mut other));
        assert_eq!(run().differences(&other).len(), changes.len(), "all of them at once");
    }
}
