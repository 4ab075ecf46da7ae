//! What a run's record says beside models, router and limits.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ModelRecord;

/// Settings of a run that its texts or labels depend on and that the engine does not see. The `arbitrage` command fills them
/// in; a program of your own sets those that it needs and adds others in [`extra`](Self::extra).
///
/// Reading never fails: a note whose value has an unexpected type is kept in [`extra`](Self::extra).
///
/// ```
/// use arbitrage_core::trace::RunNotes;
///
/// let notes = RunNotes::default().with_policy("rsd", Some(0.5)).with("batch", 4);
/// assert_eq!(serde_json::to_string(&notes)?, r#"{"family":"rsd","policy":"rsd:0.5","batch":4}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value")]
pub struct RunNotes {
    /// Compute backend of each role that does not run on the processor. Another backend rounds differently, so that texts may
    /// differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backends: Option<BTreeMap<String, String>>,
    /// Name of the benchmark that the problems are from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<String>,
    /// Digest of the calibration of a trained router's estimates, which its threshold is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibrator: Option<String>,
    /// Of labelled steps: along which policy they were collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected: Option<CollectedAlong>,
    /// Of labelled steps that were scored again: the scorer of the collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected_by: Option<ScorerNote>,
    /// Which model wrote the completions of a scorer by roll-outs: `draft` or `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<String>,
    /// Name of the policy without its threshold. Runs of one family are points of one curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Name of the run in reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Digest of the file that lists the steps which were scored again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<String>,
    /// The policy with its threshold, such as `rsd:0.5`. The report needs no code of a custom policy to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Which problems were solved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<ProblemsNote>,
    /// What is promised of a router at its threshold, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promise: Option<String>,
    /// The model that steps were read with to be scored again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<ReaderNote>,
    /// Digest of a trained router's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// How the models draw tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<SamplingNote>,
    /// What scores steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scorer: Option<ScorerNote>,
    /// Where steps end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segmenter: Option<String>,
    /// System message in place of the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The target model, where the verifier's name says more than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Notes with other names.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Number and identity of the problems of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemsNote {
    /// How many there are.
    pub count: usize,
    /// Digest of ids, questions and seeds.
    pub digest: String,
}

/// How tokens are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplingNote {
    /// Temperature; 0 is greedy.
    pub temperature: f64,
    /// Share of the probability that the kept tokens hold.
    pub top_p: Option<f64>,
    /// Number of most probable tokens that are kept.
    pub top_k: Option<usize>,
    /// Least probability of a kept token, relative to the most probable one.
    pub min_p: Option<f64>,
}

/// The policy along whose trajectories steps were collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedAlong {
    /// The policy with its threshold.
    pub policy: String,
    /// Seed of the choice of problems.
    pub seed: u64,
}

/// The model that reads steps for a scorer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderNote {
    /// Its name and digest.
    pub model: ModelRecord,
    /// System message in place of the default one.
    pub system: Option<String>,
}

/// What scores steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ScorerNote {
    /// By its name, such as `checker` or `judge`.
    Named(String),
    /// By its settings, such as `{"head": "<digest>"}` or `{"rollouts": 8, ...}`.
    Settings(Map<String, Value>),
}

impl ScorerNote {
    /// Whether the target scores steps as a [judge](crate::scorer::Judge).
    pub fn is_judge(&self) -> bool {
        matches!(self, Self::Named(name) if name == "judge")
    }
}

impl RunNotes {
    /// Sets [`policy`](Self::policy) and [`family`](Self::family) from a policy's name and threshold.
    pub fn with_policy(mut self, name: &str, threshold: Option<f32>) -> Self {
        self.policy = Some(threshold.map_or_else(|| name.to_owned(), |tau| format!("{name}:{tau}")));
        self.family = Some(name.to_owned());
        self
    }

    /// Adds a note with another name. Use the fields for the names that have one.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Whether there is no note at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Value> for RunNotes {
    /// Reads notes from a JSON object. Any other value but null becomes the note `notes`.
    fn from(value: Value) -> Self {
        let mut extra = match value {
            Value::Object(notes) => notes,
            Value::Null => Map::new(),
            other => Map::from_iter([("notes".to_owned(), other)]),
        };
        Self {
            backends: take(&mut extra, "backends"),
            benchmark: take(&mut extra, "benchmark"),
            calibrator: take(&mut extra, "calibrator"),
            collected: take(&mut extra, "collected"),
            collected_by: take(&mut extra, "collected_by"),
            completed_by: take(&mut extra, "completed_by"),
            family: take(&mut extra, "family"),
            label: take(&mut extra, "label"),
            places: take(&mut extra, "places"),
            policy: take(&mut extra, "policy"),
            problems: take(&mut extra, "problems"),
            promise: take(&mut extra, "promise"),
            reader: take(&mut extra, "reader"),
            router: take(&mut extra, "router"),
            sampling: take(&mut extra, "sampling"),
            scorer: take(&mut extra, "scorer"),
            segmenter: take(&mut extra, "segmenter"),
            system: take(&mut extra, "system"),
            target: take(&mut extra, "target"),
            extra,
        }
    }
}

/// Removes a note, if its value has the expected type.
fn take<T: DeserializeOwned>(notes: &mut Map<String, Value>, name: &str) -> Option<T> {
    let value = T::deserialize(notes.get(name)?).ok()?;
    notes.remove(name);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The notes of traces that this project has written, in all their forms.
    fn written() -> [Value; 4] {
        let common = json!({
            "target": "target", "problems": { "count": 3, "digest": "00ff" }, "segmenter": "blank-line", "system": null,
            "sampling": { "temperature": 0.75, "top_p": null, "top_k": 20, "min_p": 0.05000000074505806 },
            "backends": { "target": "wgpu" },
        });
        let with = |more: Value| {
            let mut notes = common.clone();
            notes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            notes
        };
        [
            with(
                json!({ "policy": "learned:0.5", "label": "probe:0.5", "family": "probe", "benchmark": "b", "router": "ab" }),
            ),
            with(json!({ "collected": { "policy": "oracle:0", "seed": 1 }, "completed_by": "target",
                "scorer": { "rollouts": 8, "temperature": 0.699999988079071, "tokens": 256 } })),
            with(json!({ "scorer": "judge", "collected_by": "checker", "places": "cd",
                "reader": { "model": { "name": "m", "digest": "ef" }, "system": null } })),
            json!({ "collected_by": null, "something else": [1, 2] }),
        ]
    }

    #[test]
    fn notes_are_written_as_they_were_read() {
        for value in written() {
            let notes = RunNotes::from(value.clone());
            assert_eq!(serde_json::to_value(&notes).unwrap(), value);
            assert_eq!(serde_json::from_value::<RunNotes>(value).unwrap(), notes);
        }
        let [run, _, scored, other] = written().map(RunNotes::from);
        assert_eq!(
            (run.policy.as_deref(), run.problems.map(|problems| problems.count)),
            (Some("learned:0.5"), Some(3))
        );
        assert!(scored.scorer.unwrap().is_judge());
        assert_eq!(other.extra.len(), 2);
    }

    #[test]
    fn notes_of_unexpected_types_are_kept() {
        for value in
            [json!({ "policy": 5, "problems": "all" }), json!({ "sampling": {}, "scorer": 1.5, "label": ["a"] })]
        {
            let notes = RunNotes::from(value.clone());
            assert_eq!((&notes.policy, &notes.problems, &notes.scorer), (&None, &None, &None));
            assert_eq!(serde_json::to_value(&notes).unwrap(), value);
        }
        assert_eq!(RunNotes::from(json!("by hand")).extra["notes"], "by hand");
        assert!(RunNotes::from(Value::Null).is_empty());
    }
}
