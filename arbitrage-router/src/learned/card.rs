//! The card of a learned router: its input, output, training data, model pair and threshold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arbitrage_core::Decision;
use arbitrage_core::router::ThresholdRule;
use arbitrage_core::trace::ModelRecord;
use arbitrage_models::weights::writer::write_atomic;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::RouterError;
use super::features::ProbeFeatures;
use super::output_head::OutputHead;
use super::text::Annotation;
use crate::calibrate::{Calibrator, Goal, Promise, PromiseConditions};

/// Name of the card's file in a router's folder.
pub const CARD_FILE: &str = "router.json";

/// The input of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum RouterInput {
    /// Numbers that the draft has computed already ([`Probe`](super::Probe)).
    Probe {
        /// Which numbers.
        #[serde(rename = "inputs")]
        features: ProbeFeatures,
    },
    /// The text of prefix and step ([`TextRouter`](super::TextRouter), the paper's router).
    Text {
        /// Whether the text names the author of each step.
        annotation: Annotation,
    },
}

impl RouterInput {
    /// Whether the drafter has to report hidden states.
    pub fn needs_hidden(self) -> bool {
        matches!(self, Self::Probe { features: ProbeFeatures::Hidden | ProbeFeatures::Both })
    }
}

/// The models that a router was trained for. Its estimates are not valid for other models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelPair {
    /// The drafter.
    pub draft: ModelRecord,
    /// The target.
    pub target: ModelRecord,
}

/// The data that a router was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingData {
    /// SHA-256 of the training traces, hexadecimal; joined by `+` where there are several.
    pub digest: String,
    /// Number of problems.
    pub problems: usize,
    /// Number of labelled steps.
    pub steps: usize,
    /// Share of the steps with `Δ > 0`, in [0, 1].
    pub positive: f64,
    /// Name of the scorer whose scores the labels come from.
    pub scorer: String,
}

/// A router's card, saved next to its weights as `router.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The router's input.
    #[serde(rename = "reads")]
    pub input: RouterInput,
    /// The meaning of the head's outputs.
    #[serde(rename = "outcome")]
    pub output_head: OutputHead,
    /// The models that it was trained for.
    pub pair: ModelPair,
    /// The data that it was trained on.
    pub data: TrainingData,
    /// Seed of the initial weights and of the batches.
    pub seed: u64,
    /// Training configuration, as JSON.
    pub training: serde_json::Value,
    /// Metrics on held-out problems, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Maps raw estimates to probabilities.
    #[serde(default)]
    pub calibrator: Calibrator,
    /// The goal that τ was chosen for; `None` for the τ of training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// What was shown of the router at the threshold of the promise, which may no longer be the card's:
    /// [`promise`](Self::promise) returns it only where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "promise")]
    pub shown: Option<Promise>,
    /// The threshold, in [0, 1]: a step is escalated where the calibrated estimate is above it.
    pub tau: f32,
}

impl Card {
    /// Reads the card in a router's folder.
    ///
    /// # Errors
    /// [`RouterError::Io`] where it cannot be read; [`RouterError::Card`], naming file, line and field, where it is
    /// invalid.
    pub fn open(folder: &Path) -> Result<Self, RouterError> {
        let path = folder.join(CARD_FILE);
        let card: Self = read_card(&path)?;
        match check_tau(card.tau) {
            Ok(_) => Ok(card),
            Err(error) => Err(RouterError::Card { path, reason: error.to_string() }),
        }
    }

    /// Writes the card into `folder`, replacing the previous one atomically.
    ///
    /// # Errors
    /// [`RouterError::Models`] where the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), RouterError> {
        write_card(self, &folder.join(CARD_FILE))
    }

    /// Sets τ, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Config`] for a threshold out of range.
    pub fn with_threshold(self, tau: f32) -> Result<Self, RouterError> {
        Ok(Self { tau: check_tau(tau)?, ..self })
    }

    /// What is promised of the router at its threshold under these settings; `None` where nothing is.
    pub fn promise(&self, conditions: &PromiseConditions) -> Option<&Promise> {
        self.shown.as_ref().filter(|promise| promise.holds(self.tau, conditions))
    }

    /// Checks that the router was trained for these models. Models are compared by digest where both digests are known,
    /// and by name otherwise.
    ///
    /// # Errors
    /// [`RouterError::PairMismatch`], naming the model that differs.
    pub fn check_pair(&self, draft: &ModelRecord, target: &ModelRecord) -> Result<(), RouterError> {
        for (role, expected, found) in [("draft", &self.pair.draft, draft), ("target", &self.pair.target, target)] {
            if !is_same_model(expected, found) {
                let (expected, found) = (name_with_digest(expected), name_with_digest(found));
                return Err(RouterError::PairMismatch { role, expected, found });
            }
        }
        Ok(())
    }

    /// The calibrated estimate ŷ of `P(Δ > 0)`, in [0, 1], from the head's outputs (logits), of which there are as many
    /// as [`OutputHead::outputs`] says.
    ///
    /// # Errors
    /// [`RouterError::Labels`] for outputs that are not finite or of another number.
    pub fn estimate(&self, outputs: &[f32]) -> Result<f32, RouterError> {
        Ok(self.calibrator.apply(self.output_head.estimate(outputs)?))
    }

    /// Escalates iff ŷ > τ (paper, §4.1).
    ///
    /// # Errors
    /// As for [`estimate`](Self::estimate).
    pub fn decide(&self, outputs: &[f32]) -> Result<Decision, RouterError> {
        let estimate = self.estimate(outputs)?;
        Ok(Decision::new(ThresholdRule::LEARNED.decide(estimate, self.tau)).with_estimate(estimate))
    }
}

/// # Errors
/// [`RouterError::Config`] unless `tau` is in [0, 1].
fn check_tau(tau: f32) -> Result<f32, RouterError> {
    Ok(ThresholdRule::LEARNED.check(tau, None)?)
}

/// # Errors
/// [`RouterError::Io`] where the file cannot be read; [`RouterError::Card`] where it is not a valid card.
pub(super) fn read_card<C: DeserializeOwned>(path: &Path) -> Result<C, RouterError> {
    let text = fs::read_to_string(path).map_err(|source| RouterError::Io { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|error| invalid_card(path, &error))
}

/// Writes the file atomically.
///
/// # Errors
/// [`RouterError::Models`] where the file cannot be written.
pub(super) fn write_card(card: &impl Serialize, path: &Path) -> Result<(), RouterError> {
    let text = serde_json::to_string_pretty(card).map_err(|error| invalid_card(path, &error))?;
    Ok(write_atomic(path, |file| file.write_all(text.as_bytes()))?)
}

fn invalid_card(path: &Path, error: &serde_json::Error) -> RouterError {
    RouterError::Card { path: path.to_owned(), reason: error.to_string() }
}

/// Compares digests where both are known, and names otherwise.
pub(super) fn is_same_model(a: &ModelRecord, b: &ModelRecord) -> bool {
    match (&a.digest, &b.digest) {
        (Some(a), Some(b)) => a == b,
        _ => a.name == b.name,
    }
}

/// A model for error messages: its name, and the first 12 digits of its digest where it is known.
pub(super) fn name_with_digest(model: &ModelRecord) -> String {
    match &model.digest {
        Some(digest) => format!("{} ({})", model.name, digest.get(..12).unwrap_or(digest)),
        None => model.name.clone(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use arbitrage_core::Route;

    fn model(name: &str, digest: Option<&str>) -> ModelRecord {
        ModelRecord { name: name.to_owned(), digest: digest.map(str::to_owned) }
    }

    /// The card of a probe on scalar features.
    pub(crate) fn card() -> Card {
        Card {
            input: RouterInput::Probe { features: ProbeFeatures::Scalars },
            output_head: OutputHead::binary(),
            pair: ModelPair { draft: model("small", Some("aa")), target: model("large", None) },
            data: TrainingData::default(),
            seed: 0,
            training: serde_json::Value::Null,
            metrics: BTreeMap::from([("ρ".to_owned(), 0.5)]),
            calibrator: Calibrator::default(),
            goal: None,
            shown: None,
            tau: 0.5,
        }
    }

    #[test]
    fn saved_cards_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        card().save(folder.path()).unwrap();
        assert_eq!(Card::open(folder.path()).unwrap(), card());
    }

    #[test]
    fn names_of_fields_in_files_are_pinned() {
        let json = serde_json::to_value(card()).unwrap();
        assert_eq!(json["reads"], serde_json::json!({ "kind": "probe", "inputs": "scalars" }));
        assert_eq!(json["outcome"]["ordinal"], false);
        let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["calibrator", "data", "metrics", "outcome", "pair", "reads", "seed", "tau", "training"];
        assert!(expected.iter().all(|name| names.contains(name)) && names.len() == expected.len(), "{names:?}");
    }

    #[test]
    fn a_promise_is_stated_at_its_threshold_alone() {
        use crate::calibrate::promise_tests::{conditions, promise};
        let folder = tempfile::tempdir().unwrap();
        let card = Card { goal: Some(promise().goal()), shown: Some(promise()), ..card() };
        card.save(folder.path()).unwrap();
        let read = Card::open(folder.path()).unwrap();
        assert_eq!(read, card);
        assert_eq!(read.promise(&conditions()), Some(&promise()));
        assert!(read.clone().with_threshold(0.5).unwrap().promise(&conditions()).is_some(), "the same threshold");
        assert!(read.clone().with_threshold(0.3).unwrap().promise(&conditions()).is_none());
        let other = PromiseConditions { system: Some("Be brief.".to_owned()), ..conditions() };
        assert!(read.promise(&other).is_none());
    }

    #[test]
    fn errors_of_invalid_files_name_the_field() {
        let folder = tempfile::tempdir().unwrap();
        card().save(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(CARD_FILE)).unwrap();
        let changes = [
            ("\"tau\": 0.5", "\"tau\": 1.5", "1.5"),
            ("\"tau\": 0.5", "\"tau\": null", "f32"),
            ("\"tau\": 0.5", "\"tua\": 0.5", "tua"),
            ("\"probe\"", "\"porbe\"", "porbe"),
            ("{", "[", "line"),
        ];
        for (good, bad, part) in changes {
            fs::write(folder.path().join(CARD_FILE), text.replacen(good, bad, 1)).unwrap();
            let error = Card::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(CARD_FILE) && error.contains(part), "{bad}: {error}");
        }
        fs::remove_file(folder.path().join(CARD_FILE)).unwrap();
        assert!(matches!(Card::open(folder.path()), Err(RouterError::Io { .. })));
    }

    #[test]
    fn other_models_are_rejected() {
        let (draft, target) = (model("small", Some("aa")), model("large", Some("bb")));
        assert!(card().check_pair(&draft, &target).is_ok());
        assert!(
            card().check_pair(&model("renamed", Some("aa")), &target).is_ok(),
            "models of equal digest are the same"
        );
        let other = model("small", Some("cc"));
        for (draft, target, part) in [(&other, &target, "cc"), (&draft, &model("huge", None), "huge")] {
            let error = card().check_pair(draft, target).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn an_estimate_equal_to_the_threshold_is_accepted() {
        let card = card();
        assert_eq!(card.decide(&[0.0, 0.0]).unwrap().route, Route::Accept);
        assert_eq!(card.decide(&[0.0, 0.001]).unwrap().route, Route::Escalate);
        assert!(card.decide(&[f32::NAN, 0.0]).is_err());
    }
}
