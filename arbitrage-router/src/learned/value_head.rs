//! A step scorer: a small network on the hidden states of a frozen model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{BoxError, Hidden, Prefix, SequenceId, Step, StepScorer};
use arbitrage_models::{Error, HiddenReader};
use serde::{Deserialize, Serialize};

use super::RouterError;
use super::card::{is_same_model, name_with_digest, read_card, write_card};
use super::features::concatenated;
use super::mlp::Mlp;
use super::output_head::sigmoid;

/// Name of the card's file in a head's folder.
pub const HEAD_CARD_FILE: &str = "head.json";

/// The labelled steps that a head was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeadTrainingData {
    /// SHA-256 of the files, hexadecimal.
    pub digest: String,
    /// Number of solutions.
    pub solutions: usize,
    /// Number of labelled steps.
    pub steps: usize,
    /// Share of the steps with a label above one half, in [0, 1].
    #[serde(rename = "right")]
    pub positive: f64,
}

/// A head's card, saved next to its weights as `head.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadCard {
    /// The model whose hidden states are the head's input.
    pub reader: ModelRecord,
    /// System message and suffix of the prompt under which the states were computed.
    #[serde(rename = "told")]
    pub prompt_identity: [String; 2],
    /// Width of a hidden state. The head has twice as many inputs: the last state and the mean.
    pub width: usize,
    /// The data that it was trained on.
    pub data: HeadTrainingData,
    /// Seed of the initial weights and of the batches.
    pub seed: u64,
    /// Training configuration, as JSON.
    pub training: serde_json::Value,
    /// Metrics on held-out solutions, by name.
    pub metrics: BTreeMap<String, f64>,
}

impl HeadCard {
    /// The card of an untrained head on the hidden states of `reader`.
    pub fn new(reader: &impl HiddenReader, data: HeadTrainingData) -> Self {
        Self {
            reader: reader.record(),
            prompt_identity: reader.prompt_identity(),
            width: reader.width(),
            data,
            seed: 0,
            training: serde_json::Value::Null,
            metrics: BTreeMap::new(),
        }
    }

    /// Reads the card in a head's folder.
    ///
    /// # Errors
    /// [`RouterError::Io`] where it cannot be read; [`RouterError::Card`], naming file, line and field, where it is
    /// invalid.
    pub fn open(folder: &Path) -> Result<Self, RouterError> {
        read_card(&folder.join(HEAD_CARD_FILE))
    }

    /// Checks that the head was trained on the hidden states of `reader`, under the same prompt. Models are compared by
    /// digest where both digests are known, and by name otherwise.
    ///
    /// # Errors
    /// [`RouterError::ReaderMismatch`], naming what differs.
    pub fn check(&self, reader: &impl HiddenReader) -> Result<(), RouterError> {
        let mismatch = |what, expected, found| Err(RouterError::ReaderMismatch { what, expected, found });
        let (record, width) = (reader.record(), reader.width());
        if !is_same_model(&self.reader, &record) {
            return mismatch("the states of", name_with_digest(&self.reader), name_with_digest(&record));
        }
        if self.width != width {
            return mismatch("states of width", self.width.to_string(), width.to_string());
        }
        let parts =
            ["the system message", "the suffix"].into_iter().zip(&self.prompt_identity).zip(reader.prompt_identity());
        for ((what, expected), found) in parts {
            if *expected != found {
                return mismatch(what, format!("{expected:?}"), format!("{found:?}"));
            }
        }
        Ok(())
    }
}

/// A network that estimates, from a model's hidden states of a step, the probability that the step is correct.
///
/// The model itself is not changed. A step costs a forward pass of the model, which a target that reads the rejected
/// step has to make anyway, and a few hundred thousand multiplications. Zhang et al. (arXiv 2504.05419) and ReProbe
/// show that hidden states reveal mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueHead {
    card: HeadCard,
    network: Mlp,
}

impl ValueHead {
    /// A head from a card and a network.
    ///
    /// # Errors
    /// [`RouterError::Models`] unless the network has twice as many inputs as the card's width;
    /// [`RouterError::Outputs`] unless it has one output.
    pub fn new(card: HeadCard, network: Mlp) -> Result<Self, RouterError> {
        let (inputs, found) = (card.width.saturating_mul(2), network.inputs());
        if inputs != found {
            let expected = format!("{inputs}, two states of {}", card.width);
            return Err(Error::Parameter { name: "inputs of the head", expected, found: found.to_string() }.into());
        }
        match network.layers.last().map_or(0, |layer| layer.bias.len()) {
            1 => Ok(Self { card, network }),
            found => Err(RouterError::Outputs { expected: 1, found }),
        }
    }

    /// Opens a folder that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// As [`HeadCard::open`], [`Mlp::open`] and [`new`](Self::new).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RouterError> {
        let folder = folder.as_ref();
        Self::new(HeadCard::open(folder)?, Mlp::open(folder)?)
    }

    /// Writes card and weights into `folder`, which is created if necessary.
    ///
    /// # Errors
    /// [`RouterError::Io`] and [`RouterError::Models`] where the folder or a file cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), RouterError> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(|source| RouterError::Io { path: folder.to_owned(), source })?;
        self.network.save(folder)?;
        write_card(&self.card, &folder.join(HEAD_CARD_FILE))
    }

    /// The head's card.
    pub fn card(&self) -> &HeadCard {
        &self.card
    }

    /// The score of a step with these hidden states, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Models`] for states of another width than the card's, and for a score that is not finite.
    pub fn score(&self, hidden: &Hidden) -> Result<f32, RouterError> {
        let inputs: Vec<f32> = concatenated(hidden).collect();
        let outputs = self.network.forward(&inputs)?;
        match outputs.first() {
            Some(logit) if logit.is_finite() => Ok(sigmoid(*logit)),
            _ => {
                let (model, place) = (self.card.reader.name.clone(), "score of the head".to_owned());
                Err(Error::NotFinite { model, place, index: 0 }.into())
            }
        }
    }

    /// The head as a scorer on the hidden states of `reader`. If `reader` is a shared handle of the target, both use
    /// the same KV caches.
    ///
    /// # Errors
    /// As for [`HeadCard::check`].
    pub fn with_reader<M: HiddenReader>(self, reader: M) -> Result<HeadScorer<M>, RouterError> {
        self.card.check(&reader)?;
        Ok(HeadScorer { head: self, reader })
    }
}

/// A [`ValueHead`] with the model that computes the hidden states.
#[derive(Debug)]
pub struct HeadScorer<M> {
    head: ValueHead,
    reader: M,
}

impl<M: HiddenReader> StepScorer for HeadScorer<M> {
    fn name(&self) -> String {
        format!("head({})", self.head.card.reader.name)
    }

    /// # Errors
    /// The error of the first step that the model cannot read or the head cannot score.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.reader.hidden(steps).into_iter().map(|hidden| Ok(self.head.score(&hidden?)?)).collect()
    }

    fn release(&mut self, id: SequenceId) {
        self.reader.release(id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::mlp::{LinearLayer, Standardization};
    use super::*;

    /// A model whose hidden states are the length of the step's text and the number of steps in the prefix.
    struct CountingReader {
        record: ModelRecord,
        prompt_identity: [String; 2],
        width: usize,
    }

    impl HiddenReader for CountingReader {
        fn record(&self) -> ModelRecord {
            self.record.clone()
        }
        fn prompt_identity(&self) -> [String; 2] {
            self.prompt_identity.clone()
        }
        fn width(&self) -> usize {
            self.width
        }
        fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<arbitrage_models::Result<Hidden>> {
            let hidden = |(prefix, step): &(Prefix<'_>, &Step)| {
                let state = vec![step.text.len() as f32, prefix.steps.len() as f32];
                Ok(Hidden { last: state.clone(), mean: state })
            };
            steps.iter().map(hidden).collect()
        }
        fn release(&mut self, _: SequenceId) {}
    }

    fn reader(name: &str, digest: Option<&str>) -> CountingReader {
        let record = ModelRecord { name: name.to_owned(), digest: digest.map(str::to_owned) };
        CountingReader { record, prompt_identity: ["Be brief.".to_owned(), String::new()], width: 2 }
    }

    fn head(weight: [f32; 4]) -> ValueHead {
        let layer = LinearLayer { weight: weight.to_vec(), bias: vec![0.5] };
        let network = Mlp {
            standardization: Standardization { mean: vec![0.0; 4], deviation: vec![1.0; 4] },
            layers: vec![layer],
        };
        ValueHead::new(HeadCard::new(&reader("small", Some("aa")), HeadTrainingData::default()), network).unwrap()
    }

    fn score(scorer: &mut impl StepScorer, text: &str) -> Result<f32, BoxError> {
        let problem = arbitrage_core::Problem::new("?");
        let step = Step::new(text, arbitrage_core::Finish::Boundary);
        scorer.score(&[(Prefix::new(SequenceId(0), &problem, &[]), &step)]).map(|scores| scores[0])
    }

    #[test]
    fn saved_heads_give_the_same_scores() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/head");
        head([0.25, 1.0, -0.5, 1.0]).save(&path).unwrap();
        let opened = ValueHead::open(&path).unwrap();
        assert_eq!(opened, head([0.25, 1.0, -0.5, 1.0]));
        let mut scorer = opened.with_reader(reader("renamed", Some("aa"))).unwrap();
        let expected = 1.0 / (1.0 + (-(0.5f32 - 0.25 * 6.0)).exp());
        assert!((score(&mut scorer, "six cs").unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn names_of_fields_in_files_are_pinned() {
        let json = serde_json::to_value(&head([1.0; 4]).card).unwrap();
        assert_eq!(json["told"], serde_json::json!(["Be brief.", ""]));
        assert_eq!(json["data"], serde_json::json!({ "digest": "", "solutions": 0, "steps": 0, "right": 0.0 }));
    }

    #[test]
    fn errors_for_another_reader_name_the_difference() {
        let prompted = |system: &str, suffix: &str| CountingReader {
            prompt_identity: [system.to_owned(), suffix.to_owned()],
            ..reader("small", Some("aa"))
        };
        let cases = [
            (reader("small", Some("bb")), "small (bb)"),
            (reader("large", None), "large"),
            (CountingReader { width: 3, ..reader("small", Some("aa")) }, "width 2, used on 3"),
            (prompted("", ""), "system message \"Be brief.\", used on \"\""),
            (prompted("Be brief.", "Now."), "suffix"),
        ];
        for (reader, part) in cases {
            let error = head([1.0; 4]).with_reader(reader).err().unwrap();
            assert!(matches!(error, RouterError::ReaderMismatch { .. }) && error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn invalid_folders_are_rejected() {
        let saved = |change: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            head([1.0; 4]).save(folder.path()).unwrap();
            change(folder.path());
            ValueHead::open(folder.path()).unwrap_err().to_string()
        };
        let card = |from: &'static str, to: &'static str| {
            move |folder: &Path| {
                let text = fs::read_to_string(folder.join(HEAD_CARD_FILE)).unwrap();
                assert!(text.contains(from), "{text}");
                fs::write(folder.join(HEAD_CARD_FILE), text.replacen(from, to, 1)).unwrap();
            }
        };
        assert!(saved(&card("\"width\": 2", "\"width\": 3")).contains("6, two states of 3, found 4"));
        assert!(saved(&card("\"width\": 2", "\"width\": -2")).contains(HEAD_CARD_FILE));
        assert!(saved(&card("\"width\"", "\"breadth\"")).contains("breadth"));
        assert!(saved(&card("{", "[")).contains(HEAD_CARD_FILE));
        assert!(saved(&|folder| fs::remove_file(folder.join(HEAD_CARD_FILE)).unwrap()).contains(HEAD_CARD_FILE));
        let rewritten = |change: fn(&mut Mlp)| {
            saved(&move |folder: &Path| {
                let mut network = head([1.0; 4]).network;
                change(&mut network);
                network.save(folder).unwrap();
            })
        };
        assert!(rewritten(|network| network.layers[0].weight[2] = f32::NAN).contains("layers.0.weight"));
        let two = |network: &mut Mlp| {
            network.layers[0] = LinearLayer { weight: vec![1.0; 8], bias: vec![0.0; 2] };
        };
        assert!(rewritten(two).contains("expected a head of 1 outputs, found 2"));
    }

    #[test]
    fn scores_that_are_not_finite_are_errors() {
        let mut scorer = head([f32::MAX, 0.0, f32::MAX, 0.0]).with_reader(reader("small", None)).unwrap();
        assert!(score(&mut scorer, "six cs").unwrap_err().to_string().contains("not finite"));
        let narrow = Hidden { last: vec![1.0], mean: vec![1.0] };
        assert!(head([1.0; 4]).score(&narrow).unwrap_err().to_string().contains('4'));
    }
}
