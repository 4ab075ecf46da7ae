//! What is known of a learned router: on what it was trained, for which pair, how it decides.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arbitrage_core::Decision;
use arbitrage_core::router::ThresholdRule;
use arbitrage_core::trace::ModelRecord;
use arbitrage_models::weights::writer::write_whole;
use serde::{Deserialize, Serialize};

use super::RouterError;
use super::features::Inputs;
use super::outcome::Outcome;
use super::text::Annotation;
use crate::calibrate::{Calibrator, Goal};

/// Name of a card's file in its router's folder.
pub const CARD: &str = "router.json";

/// What a router reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Reads {
    /// The draft's own numbers ([`Probe`](super::Probe)).
    Probe {
        /// Which of them.
        inputs: Inputs,
    },
    /// The text of prefix and step ([`TextRouter`](super::TextRouter), the paper's).
    Text {
        /// Whether it says who wrote each step.
        annotation: Annotation,
    },
}

impl Reads {
    /// Whether the drafter has to report hidden states.
    pub fn needs_hidden(self) -> bool {
        matches!(self, Self::Probe { inputs: Inputs::Hidden | Inputs::Both })
    }
}

/// The models that a router was trained for: what it knows of one draft holds for no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The drafter.
    pub draft: ModelRecord,
    /// The target.
    pub target: ModelRecord,
}

/// The data that a router was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// SHA-256 of the training traces, hexadecimal.
    pub digest: String,
    /// Problems among them.
    pub problems: usize,
    /// Labelled steps among them.
    pub steps: usize,
    /// Share of the steps with `Δ > 0`.
    pub positive: f64,
    /// The scorer that labelled them.
    pub scorer: String,
}

/// A router's card, saved beside its weights as `router.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What it reads.
    pub reads: Reads,
    /// What its head says.
    pub outcome: Outcome,
    /// For which models.
    pub pair: Pair,
    /// From which data.
    pub data: Data,
    /// Seed of weights and batches.
    pub seed: u64,
    /// Parameters of the training.
    pub training: serde_json::Value,
    /// What was measured on held-out problems, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Makes estimates frequencies.
    #[serde(default)]
    pub calibrator: Calibrator,
    /// What τ was chosen for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// The threshold, in [0, 1]: a step is escalated where the calibrated estimate is above it.
    pub tau: f32,
}

impl Card {
    /// Reads the card of a router's folder.
    ///
    /// # Errors
    /// [`RouterError::Card`], naming file, line and field; [`RouterError::Io`].
    pub fn open(folder: &Path) -> Result<Self, RouterError> {
        let path = folder.join(CARD);
        let text = fs::read_to_string(&path).map_err(|source| RouterError::Io { path: path.clone(), source })?;
        let card: Self = serde_json::from_str(&text)
            .map_err(|error| RouterError::Card { path: path.clone(), reason: error.to_string() })?;
        match check_tau(card.tau) {
            Ok(_) => Ok(card),
            Err(error) => Err(RouterError::Card { path, reason: error.to_string() }),
        }
    }

    /// Writes the card into `folder`, whole or not at all.
    ///
    /// # Errors
    /// [`RouterError::Models`], where the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), RouterError> {
        let path = folder.join(CARD);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| RouterError::Card { path: path.clone(), reason: error.to_string() })?;
        Ok(write_whole(&path, |file| file.write_all(text.as_bytes()))?)
    }

    /// Sets τ, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Config`].
    pub fn with_threshold(self, tau: f32) -> Result<Self, RouterError> {
        Ok(Self { tau: check_tau(tau)?, ..self })
    }

    /// Refuses models that the router was not trained for. Digests decide where both are known, names elsewhere.
    ///
    /// # Errors
    /// [`RouterError::OtherPair`].
    pub fn check_pair(&self, draft: &ModelRecord, target: &ModelRecord) -> Result<(), RouterError> {
        for (role, own, other) in [("draft", &self.pair.draft, draft), ("target", &self.pair.target, target)] {
            if !is_same(own, other) {
                return Err(RouterError::OtherPair { role, expected: shown(own), found: shown(other) });
            }
        }
        Ok(())
    }

    /// The calibrated estimate ŷ of `P(Δ > 0)` from the head's outputs.
    ///
    /// # Errors
    /// [`RouterError::Labels`] for outputs that are no numbers.
    pub fn estimate(&self, outputs: &[f32]) -> Result<f32, RouterError> {
        Ok(self.calibrator.apply(self.outcome.estimate(outputs)?))
    }

    /// Escalates iff ŷ > τ (paper, §4.1).
    ///
    /// # Errors
    /// As [`estimate`](Self::estimate).
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

/// Digests decide where both are known, names elsewhere.
pub(super) fn is_same(own: &ModelRecord, other: &ModelRecord) -> bool {
    match (&own.digest, &other.digest) {
        (Some(own), Some(other)) => own == other,
        _ => own.name == other.name,
    }
}

pub(super) fn shown(model: &ModelRecord) -> String {
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

    /// A card of a probe on scalars.
    pub fn card() -> Card {
        Card {
            reads: Reads::Probe { inputs: Inputs::Scalars },
            outcome: Outcome::binary(),
            pair: Pair { draft: model("small", Some("aa")), target: model("large", None) },
            data: Data::default(),
            seed: 0,
            training: serde_json::Value::Null,
            metrics: BTreeMap::from([("ρ".to_owned(), 0.5)]),
            calibrator: Calibrator::default(),
            goal: None,
            tau: 0.5,
        }
    }

    #[test]
    fn files_give_back_what_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        card().save(folder.path()).unwrap();
        assert_eq!(Card::open(folder.path()).unwrap(), card());
    }

    #[test]
    fn hostile_files_are_refused_by_field() {
        let folder = tempfile::tempdir().unwrap();
        card().save(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(CARD)).unwrap();
        let changes = [
            ("\"tau\": 0.5", "\"tau\": 1.5", "1.5"),
            ("\"tau\": 0.5", "\"tau\": null", "f32"),
            ("\"tau\": 0.5", "\"tua\": 0.5", "tua"),
            ("\"probe\"", "\"porbe\"", "porbe"),
            ("{", "[", "line"),
        ];
        for (good, bad, part) in changes {
            fs::write(folder.path().join(CARD), text.replacen(good, bad, 1)).unwrap();
            let error = Card::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(CARD) && error.contains(part), "{bad}: {error}");
        }
        fs::remove_file(folder.path().join(CARD)).unwrap();
        assert!(matches!(Card::open(folder.path()), Err(RouterError::Io { .. })));
    }

    #[test]
    fn another_pair_is_refused() {
        let (draft, target) = (model("small", Some("aa")), model("large", Some("bb")));
        assert!(card().check_pair(&draft, &target).is_ok());
        assert!(card().check_pair(&model("renamed", Some("aa")), &target).is_ok(), "digests decide");
        let other = model("small", Some("cc"));
        for (draft, target, part) in [(&other, &target, "cc"), (&draft, &model("huge", None), "huge")] {
            let error = card().check_pair(draft, target).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn equality_with_the_threshold_accepts() {
        let card = card();
        assert_eq!(card.decide(&[0.0, 0.0]).unwrap().route, Route::Accept);
        assert_eq!(card.decide(&[0.0, 0.001]).unwrap().route, Route::Escalate);
        assert!(card.decide(&[f32::NAN, 0.0]).is_err());
    }
}
