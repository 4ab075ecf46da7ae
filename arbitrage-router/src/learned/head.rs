//! Step scores from a small network on a frozen model's hidden states.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{BoxError, Hidden, Prefix, SequenceId, Step, StepScorer};
use arbitrage_models::weights::writer::write_atomic;
use arbitrage_models::{Error, HiddenReader};
use serde::{Deserialize, Serialize};

use super::RouterError;
use super::card::{is_same, shown};
use super::features::states;
use super::mlp::Mlp;

/// Name of a card's file in its head's folder.
pub const HEAD_CARD: &str = "head.json";

/// The judged steps that a head was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeadData {
    /// SHA-256 of the files, hexadecimal.
    pub digest: String,
    /// Solutions that were read.
    pub solutions: usize,
    /// Judged steps among them.
    pub steps: usize,
    /// Share of the steps with a label above one half.
    pub right: f64,
}

/// A head's card, saved beside its weights as `head.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadCard {
    /// The model whose states it reads.
    pub reader: ModelRecord,
    /// System message and suffix that the model was told beside the question.
    pub told: [String; 2],
    /// Numbers of a state; the head reads two states of a step.
    pub width: usize,
    /// From which data.
    pub data: HeadData,
    /// Seed of weights and batches.
    pub seed: u64,
    /// Parameters of the training.
    pub training: serde_json::Value,
    /// What was measured on held-out solutions, by name.
    pub metrics: BTreeMap<String, f64>,
}

impl HeadCard {
    /// The card of a head on `reader`'s states that has learned nothing yet.
    pub fn new(reader: &impl HiddenReader, data: HeadData) -> Self {
        Self {
            reader: reader.record(),
            told: reader.told(),
            width: reader.width(),
            data,
            seed: 0,
            training: serde_json::Value::Null,
            metrics: BTreeMap::new(),
        }
    }

    /// Reads the card of a head's folder.
    ///
    /// # Errors
    /// [`RouterError::Card`], naming file, line and field; [`RouterError::Io`].
    pub fn open(folder: &Path) -> Result<Self, RouterError> {
        let path = folder.join(HEAD_CARD);
        let text = fs::read_to_string(&path).map_err(|source| RouterError::Io { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|error| RouterError::Card { path, reason: error.to_string() })
    }

    /// Refuses a model that the head was not trained on. Digests decide where both are known, names elsewhere.
    ///
    /// # Errors
    /// [`RouterError::OtherReader`], naming what differs.
    pub fn check(&self, reader: &impl HiddenReader) -> Result<(), RouterError> {
        let (record, told, width) = (reader.record(), reader.told(), reader.width());
        let [system, suffix] = &self.told;
        let checks = [
            ("the states of", is_same(&self.reader, &record), shown(&self.reader), shown(&record)),
            ("states of width", self.width == width, self.width.to_string(), width.to_string()),
            ("the system message", *system == told[0], format!("{system:?}"), format!("{:?}", told[0])),
            ("the suffix", *suffix == told[1], format!("{suffix:?}"), format!("{:?}", told[1])),
        ];
        match checks.into_iter().find(|(_, is_same, ..)| !is_same) {
            Some((what, _, expected, found)) => Err(RouterError::OtherReader { what, expected, found }),
            None => Ok(()),
        }
    }
}

/// A network that says from a model's hidden states of a step how likely the step is right.
///
/// The model stays as it is: a step costs its reading, which a target that reads the rejected step has to do anyway, and a few
/// hundred thousand products. That hidden states know of mistakes is shown by Zhang et al., arXiv 2504.05419, and ReProbe.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueHead {
    card: HeadCard,
    network: Mlp,
}

impl ValueHead {
    /// A head from its parts.
    ///
    /// # Errors
    /// [`RouterError::Models`] unless the network reads two of the card's states; [`RouterError::Outputs`] unless it has one output.
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

    /// Reads a folder that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// As [`HeadCard::open`], [`Mlp::open`] and [`new`](Self::new).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RouterError> {
        let folder = folder.as_ref();
        Self::new(HeadCard::open(folder)?, Mlp::open(folder)?)
    }

    /// Writes card and weights into `folder`, which it makes.
    ///
    /// # Errors
    /// [`RouterError::Io`] and [`RouterError::Models`], where something cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), RouterError> {
        let (folder, path) = (folder.as_ref(), folder.as_ref().join(HEAD_CARD));
        fs::create_dir_all(folder).map_err(|source| RouterError::Io { path: folder.to_owned(), source })?;
        self.network.save(folder)?;
        let text = serde_json::to_string_pretty(&self.card)
            .map_err(|error| RouterError::Card { path: path.clone(), reason: error.to_string() })?;
        Ok(write_atomic(&path, |file| file.write_all(text.as_bytes()))?)
    }

    /// What is known of it.
    pub fn card(&self) -> &HeadCard {
        &self.card
    }

    /// The score of a step with these states, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Models`]: states of another width, numbers that are none.
    pub fn score(&self, hidden: &Hidden) -> Result<f32, RouterError> {
        let inputs: Vec<f32> = states(hidden).collect();
        let outputs = self.network.forward(&inputs)?;
        match outputs.first() {
            Some(logit) if logit.is_finite() => Ok(1.0 / (1.0 + (-logit).exp())),
            _ => {
                let (model, place) = (self.card.reader.name.clone(), "score of the head".to_owned());
                Err(Error::NotFinite { model, place, index: 0 }.into())
            }
        }
    }

    /// The head as a scorer that reads with `reader`: the target itself, shared, so that its caches serve.
    ///
    /// # Errors
    /// As [`HeadCard::check`].
    pub fn over<M: HiddenReader>(self, reader: M) -> Result<HeadScorer<M>, RouterError> {
        self.card.check(&reader)?;
        Ok(HeadScorer { head: self, reader })
    }
}

/// A [`ValueHead`] with the model whose states it reads.
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
    /// The first step's that cannot be read or scored: its typed error.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.reader.hidden(steps).into_iter().map(|hidden| Ok(self.head.score(&hidden?)?)).collect()
    }

    fn release(&mut self, id: SequenceId) {
        self.reader.forget(id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::mlp::Layer;
    use super::*;

    /// A model whose states are the text's length and the number of steps before.
    pub struct Counting {
        record: ModelRecord,
        told: [String; 2],
        width: usize,
    }

    impl HiddenReader for Counting {
        fn record(&self) -> ModelRecord {
            self.record.clone()
        }
        fn told(&self) -> [String; 2] {
            self.told.clone()
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
        fn forget(&mut self, _: SequenceId) {}
    }

    fn reader(name: &str, digest: Option<&str>) -> Counting {
        let record = ModelRecord { name: name.to_owned(), digest: digest.map(str::to_owned) };
        Counting { record, told: ["Be brief.".to_owned(), String::new()], width: 2 }
    }

    fn head(weight: [f32; 4]) -> ValueHead {
        let layer = Layer { weight: weight.to_vec(), bias: vec![0.5] };
        let network = Mlp { mean: vec![0.0; 4], deviation: vec![1.0; 4], layers: vec![layer] };
        ValueHead::new(HeadCard::new(&reader("small", Some("aa")), HeadData::default()), network).unwrap()
    }

    fn score(scorer: &mut impl StepScorer, text: &str) -> Result<f32, BoxError> {
        let problem = arbitrage_core::Problem::new("?");
        let step = Step::new(text, arbitrage_core::Finish::Boundary);
        scorer.score(&[(Prefix::new(SequenceId(0), &problem, &[]), &step)]).map(|scores| scores[0])
    }

    #[test]
    fn folders_give_back_the_same_scores() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/head");
        head([0.25, 1.0, -0.5, 1.0]).save(&path).unwrap();
        let opened = ValueHead::open(&path).unwrap();
        assert_eq!(opened, head([0.25, 1.0, -0.5, 1.0]));
        let mut scorer = opened.over(reader("renamed", Some("aa"))).unwrap();
        let expected = 1.0 / (1.0 + (-(0.5f32 - 0.25 * 6.0)).exp());
        assert!((score(&mut scorer, "six cs").unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn another_model_is_refused_by_what_differs() {
        let told = |system: &str, suffix: &str| Counting {
            told: [system.to_owned(), suffix.to_owned()],
            ..reader("small", Some("aa"))
        };
        let cases = [
            (reader("small", Some("bb")), "small (bb)"),
            (reader("large", None), "large"),
            (Counting { width: 3, ..reader("small", Some("aa")) }, "width 2, used on 3"),
            (told("", ""), "system message \"Be brief.\", used on \"\""),
            (told("Be brief.", "Now."), "suffix"),
        ];
        for (reader, part) in cases {
            let error = head([1.0; 4]).over(reader).err().unwrap();
            assert!(matches!(error, RouterError::OtherReader { .. }) && error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn folders_that_do_not_fit_are_refused() {
        let saved = |change: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            head([1.0; 4]).save(folder.path()).unwrap();
            change(folder.path());
            ValueHead::open(folder.path()).unwrap_err().to_string()
        };
        let card = |from: &'static str, to: &'static str| {
            move |folder: &Path| {
                let text = fs::read_to_string(folder.join(HEAD_CARD)).unwrap();
                assert!(text.contains(from), "{text}");
                fs::write(folder.join(HEAD_CARD), text.replacen(from, to, 1)).unwrap();
            }
        };
        assert!(saved(&card("\"width\": 2", "\"width\": 3")).contains("6, two states of 3, found 4"));
        assert!(saved(&card("\"width\": 2", "\"width\": -2")).contains(HEAD_CARD));
        assert!(saved(&card("\"width\"", "\"breadth\"")).contains("breadth"));
        assert!(saved(&card("{", "[")).contains(HEAD_CARD));
        assert!(saved(&|folder| fs::remove_file(folder.join(HEAD_CARD)).unwrap()).contains(HEAD_CARD));
        let rewritten = |change: fn(&mut Mlp)| {
            saved(&move |folder: &Path| {
                let mut network = head([1.0; 4]).network;
                change(&mut network);
                network.save(folder).unwrap();
            })
        };
        assert!(rewritten(|network| network.layers[0].weight[2] = f32::NAN).contains("layers.0.weight"));
        let two = |network: &mut Mlp| {
            network.layers[0] = Layer { weight: vec![1.0; 8], bias: vec![0.0; 2] };
        };
        assert!(rewritten(two).contains("1 outputs expected, found 2"));
    }

    #[test]
    fn scores_that_are_no_numbers_are_errors() {
        let mut scorer = head([f32::MAX, 0.0, f32::MAX, 0.0]).over(reader("small", None)).unwrap();
        assert!(score(&mut scorer, "six cs").unwrap_err().to_string().contains("not finite"));
        let narrow = Hidden { last: vec![1.0], mean: vec![1.0] };
        assert!(head([1.0; 4]).score(&narrow).unwrap_err().to_string().contains('4'));
    }
}
