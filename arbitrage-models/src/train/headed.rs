//! Learning to judge: a linear head on rows of a transformer.

use std::path::Path;

use arbitrage_core::Draw;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::fit::Objective;
use super::folder::{FolderFiles, Named};
use super::init::{Init, Weights};
use super::transformer::{Texts, Transformer, select};
use crate::error::{Error, Result};

/// A transformer with a head of one or more outputs in place of the vocabulary's.
#[derive(Module, Debug)]
pub struct Headed {
    body: Transformer,
    head: Linear,
}

/// How outputs become probabilities, and what is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Each output is a question of its own, answered through a sigmoid: reward models (one output), ordinal classes (one
    /// output a threshold). Binary cross entropy.
    Sigmoid,
    /// Outputs are classes of which one is true. Cross entropy of the softmax.
    Softmax,
}

/// A row to be judged, and the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Index of the token whose row is judged.
    pub row: usize,
    /// A probability an output.
    pub answer: Vec<f32>,
    /// How much it counts, above 0.
    pub weight: f32,
}

/// A text with rows to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The text's tokens.
    pub tokens: Vec<u32>,
    /// What is known of it, at least one row.
    pub targets: Vec<Target>,
}

impl Headed {
    /// `body` with a fresh head of `outputs`. Without a bias, transformers loads the folder as a model for sequence
    /// classification, too.
    pub fn new(body: Transformer, outputs: usize, bias: bool, seed: u64) -> Self {
        let seed = Draw::new(seed ^ 0x0068_6561_6421).next_u64();
        let head = Init::new(seed, &body.device()).linear("score", [body.config().hidden, outputs], bias, 1.0);
        Self { body, head }
    }

    /// The transformer.
    pub fn body(&self) -> &Transformer {
        &self.body
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.body.device()
    }

    /// Outputs of the given rows of `texts`, `[rows, outputs]`, before sigmoid or softmax.
    ///
    /// # Errors
    /// As [`Transformer::hidden`], and [`Error::Parameter`] for a row that is not there.
    pub fn forward(&self, texts: &Texts, rows: &[usize]) -> Result<Tensor<2>> {
        let hidden = self.body.hidden(texts)?;
        let count = hidden.dims()[0];
        match rows.iter().find(|row| **row >= count) {
            Some(row) => {
                Err(Error::Parameter { name: "row", expected: format!("below {count}"), found: row.to_string() })
            }
            None => Ok(self.head.forward(select(hidden, rows))),
        }
    }

    /// Outputs of every target's row, in order: `[outputs]` each, before sigmoid or softmax.
    ///
    /// # Errors
    /// As [`Transformer::hidden`].
    pub fn outputs(&self, examples: &[Labelled]) -> Result<Vec<Vec<f32>>> {
        let mut outputs = Vec::new();
        for chunk in examples.chunks(64) {
            let (texts, rows) = rows_of(chunk.iter());
            let found = self.forward(&texts, &rows)?;
            let width = found.dims()[1];
            let values: Vec<f32> = found.into_data_as::<f32>().try_into_vec().unwrap_or_default();
            outputs.extend(values.chunks(width).map(<[f32]>::to_vec));
        }
        Ok(outputs)
    }

    /// Writes a folder as [`Transformer::save`] does, with the head as `score.weight` and `score.bias`, the layout of
    /// transformers' token and sequence classification.
    ///
    /// # Errors
    /// As [`Transformer::save`].
    pub fn save(&self, folder: impl AsRef<Path>, files: &FolderFiles) -> Result<()> {
        let family = if self.body.config().family == "qwen2" { "Qwen2" } else { "Llama" };
        let task = if self.head.bias.is_some() { "Token" } else { "Sequence" };
        let outputs = self.head.weight.dims()[1];
        let labels: serde_json::Map<_, _> =
            (0..outputs).map(|at| (at.to_string(), json!(format!("LABEL_{at}")))).collect();
        let keys = json!({ "num_labels": outputs, "id2label": labels, "pad_token_id": 0 });
        let architecture = format!("{family}For{task}Classification");
        self.body.save_with(folder.as_ref(), files, Named::linear("score", &self.head), &architecture, keys)
    }
}

fn rows_of<'e>(examples: impl Iterator<Item = &'e Labelled> + Clone) -> (Texts, Vec<usize>) {
    let texts = Texts::new(examples.clone().map(|example| example.tokens.as_slice()));
    let rows = examples
        .enumerate()
        .flat_map(|(text, example)| example.targets.iter().map(move |target| (text, target.row)))
        .map(|(text, row)| texts.row(text, row))
        .collect();
    (texts, rows)
}

impl Loss {
    /// Cross entropy of outputs before sigmoid or softmax, `[rows, outputs]` twice → `[rows, outputs]`.
    pub fn cross_entropy(self, outputs: Tensor<2>, answers: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Sigmoid => {
                let no = -answers.clone() + 1.0;
                -(answers * activation::log_sigmoid(outputs.clone()) + no * activation::log_sigmoid(-outputs))
            }
            Self::Softmax => -(answers * activation::log_softmax(outputs, 1)),
        }
    }
}

/// Whatever scores a model: the higher, the better.
type Scored = Box<dyn Fn(&Headed) -> Result<f64> + Send + Sync>;

/// Learns the answers of labelled rows.
pub struct Judging {
    examples: Vec<Labelled>,
    loss: Loss,
    score: Option<Scored>,
}

impl Judging {
    /// # Errors
    /// [`Error::Parameter`] where there is no example, or one whose rows, answers or weights make no sense.
    pub fn new(examples: Vec<Labelled>, loss: Loss) -> Result<Self> {
        let wrong = |found: String| {
            let expected = "examples with rows inside their text, probabilities, and weights above 0".to_owned();
            Err(Error::Parameter { name: "examples", expected, found })
        };
        let outputs = examples.iter().flat_map(|example| &example.targets).map(|target| target.answer.len()).next();
        let Some(outputs) = outputs else { return wrong("none".to_owned()) };
        match examples.iter().position(|example| !example.makes_sense(outputs)) {
            Some(at) => wrong(format!("example {at}: {:?}", examples[at].targets)),
            None => Ok(Self { examples, loss, score: None }),
        }
    }

    /// Chooses the best weights by `score`, such as a rank correlation on held-out examples.
    pub fn with_score(mut self, score: impl Fn(&Headed) -> Result<f64> + Send + Sync + 'static) -> Self {
        self.score = Some(Box::new(score));
        self
    }
}

impl Labelled {
    /// A text of which the row of the last token is judged.
    pub fn last(tokens: Vec<u32>, answer: Vec<f32>, weight: f32) -> Self {
        let row = tokens.len().saturating_sub(1);
        Self { tokens, targets: vec![Target { row, answer, weight }] }
    }

    /// The same targets in fewer texts: what is the beginning of another text is judged there, since rows look back only. The
    /// steps of one solution become one text.
    pub fn merged(mut texts: Vec<Self>) -> Vec<Self> {
        texts.sort_by(|a, b| b.tokens.cmp(&a.tokens)); // longer ones come before their beginnings
        let mut merged: Vec<Self> = Vec::new();
        for text in texts {
            match merged.last_mut() {
                Some(longer) if longer.tokens.starts_with(&text.tokens) => longer.targets.extend(text.targets),
                _ => merged.push(text),
            }
        }
        merged
    }

    fn makes_sense(&self, outputs: usize) -> bool {
        let good = |target: &Target| {
            target.row < self.tokens.len()
                && target.answer.len() == outputs
                && target.answer.iter().all(|p| (0.0..=1.0).contains(p))
                && target.weight.is_finite()
                && target.weight > 0.0
        };
        !self.targets.is_empty() && self.targets.iter().all(good)
    }
}

impl Objective for Judging {
    type Model = Headed;

    fn len(&self) -> usize {
        self.examples.len()
    }

    fn length(&self, example: usize) -> usize {
        self.examples[example].tokens.len()
    }

    fn weight(&self, example: usize) -> f64 {
        self.examples[example].targets.iter().map(|target| f64::from(target.weight)).sum()
    }

    fn content(&self, example: usize, hear: &mut dyn FnMut(&[u8])) {
        let Labelled { tokens, targets } = &self.examples[example];
        hear(&[self.loss as u8]);
        tokens.iter().for_each(|token| hear(&token.to_le_bytes()));
        for Target { row, answer, weight } in targets {
            hear(&(*row as u64).to_le_bytes());
            answer.iter().chain([weight]).for_each(|number| hear(&number.to_le_bytes()));
        }
    }

    fn loss(&self, model: &Headed, examples: &[usize]) -> Result<Tensor<1>> {
        let examples = examples.iter().map(|&example| &self.examples[example]);
        let (texts, rows) = rows_of(examples.clone());
        let targets = || examples.clone().flat_map(|example| &example.targets);
        let outputs = model.forward(&texts, &rows)?;
        let [count, width] = outputs.dims();
        let device = outputs.device();
        let answers: Vec<f32> = targets().flat_map(|target| &target.answer).copied().collect();
        let weights: Vec<f32> = targets().map(|target| target.weight).collect();
        let answers = Tensor::from_data(TensorData::new(answers, [count, width]), &device);
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [count, 1]), &device);
        Ok((self.loss.cross_entropy(outputs, answers) * weights).sum())
    }

    fn score(&self, model: &Headed) -> Result<Option<f64>> {
        self.score.as_ref().map(|score| score(model)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_judged_in_their_longest_text() {
        let text = |tokens: &[u32]| Labelled::last(tokens.to_vec(), vec![1.0], 1.0);
        let texts = [&[1, 2, 3][..], &[1], &[1, 2, 4], &[1, 2], &[2], &[1, 2, 3]].map(text);
        let merged = Labelled::merged(texts.to_vec());
        let seen: Vec<(&[u32], Vec<usize>)> =
            merged.iter().map(|t| (&*t.tokens, t.targets.iter().map(|target| target.row).collect())).collect();
        assert_eq!(seen[0], (&[2][..], vec![0]));
        assert_eq!(seen.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 6, "no target is lost");
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|(tokens, rows)| rows.iter().all(|row| row < &tokens.len())));
    }
}
