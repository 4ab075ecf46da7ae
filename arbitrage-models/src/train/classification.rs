//! The objective of classification heads: the labels of rows.

use burn::tensor::{Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};

use super::labelled_text::{LabelledRow, LabelledText, batch};
use super::objective::Objective;
use super::with_head::TransformerWithHead;
use crate::error::{Error, Result};

/// How outputs become probabilities, and the loss that is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Every output is a binary classification of its own, with a sigmoid and binary cross entropy: reward models (one output),
    /// ordinal classes (one output for each threshold).
    Sigmoid,
    /// The outputs are the classes of one classification, with a softmax and cross entropy.
    Softmax,
}

impl Loss {
    /// Cross entropy of outputs before sigmoid or softmax, `[rows, outputs]` twice → `[rows, outputs]`.
    pub fn cross_entropy(self, outputs: Tensor<2>, labels: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Sigmoid => {
                let negative = -labels.clone() + 1.0;
                -(labels * activation::log_sigmoid(outputs.clone()) + negative * activation::log_sigmoid(-outputs))
            }
            Self::Softmax => -(labels * activation::log_softmax(outputs, 1)),
        }
    }
}

/// The score of a model, the higher the better.
type ScoreFunction = Box<dyn Fn(&TransformerWithHead) -> Result<f64> + Send + Sync>;

/// Minimises the loss of labelled rows.
pub struct ClassificationObjective {
    examples: Vec<LabelledText>,
    loss: Loss,
    score: Option<ScoreFunction>,
}

impl std::fmt::Debug for ClassificationObjective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let examples = self.examples.len();
        f.debug_struct("ClassificationObjective")
            .field("examples", &examples)
            .field("loss", &self.loss)
            .finish_non_exhaustive()
    }
}

impl ClassificationObjective {
    /// An objective without a score: the last weights are kept.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there is no example, or one whose rows, labels or weights are invalid.
    pub fn new(examples: Vec<LabelledText>, loss: Loss) -> Result<Self> {
        let invalid = |found: String| {
            let expected = "examples with rows inside their text, probabilities, and weights above 0".to_owned();
            Err(Error::Parameter { name: "examples", expected, found })
        };
        let outputs = examples.iter().flat_map(|example| &example.rows).map(|row| row.label.len()).next();
        let Some(outputs) = outputs else { return invalid("none".to_owned()) };
        match examples.iter().position(|example| !example.is_valid(outputs)) {
            Some(at) => invalid(format!("example {at}: {:?}", examples[at].rows)),
            None => Ok(Self { examples, loss, score: None }),
        }
    }

    /// Selects the best weights by `score`, such as a rank correlation on validation examples.
    pub fn with_score(mut self, score: impl Fn(&TransformerWithHead) -> Result<f64> + Send + Sync + 'static) -> Self {
        self.score = Some(Box::new(score));
        self
    }
}

impl Objective for ClassificationObjective {
    type Model = TransformerWithHead;

    fn len(&self) -> usize {
        self.examples.len()
    }

    fn length(&self, example: usize) -> usize {
        self.examples[example].tokens.len()
    }

    fn weight(&self, example: usize) -> f64 {
        self.examples[example].rows.iter().map(|row| f64::from(row.weight)).sum()
    }

    fn hash_into(&self, example: usize, update: &mut dyn FnMut(&[u8])) {
        let LabelledText { tokens, rows } = &self.examples[example];
        update(&[self.loss as u8]);
        tokens.iter().for_each(|token| update(&token.to_le_bytes()));
        for LabelledRow { row, label, weight } in rows {
            update(&(*row as u64).to_le_bytes());
            label.iter().chain([weight]).for_each(|number| update(&number.to_le_bytes()));
        }
    }

    fn loss(&self, model: &TransformerWithHead, examples: &[usize]) -> Result<Tensor<1>> {
        let examples = examples.iter().map(|&example| &self.examples[example]);
        let (texts, indices) = batch(examples.clone());
        let rows = || examples.clone().flat_map(|example| &example.rows);
        let outputs = model.forward(&texts, &indices)?;
        let [count, width] = outputs.dims();
        let device = outputs.device();
        let labels: Vec<f32> = rows().flat_map(|row| &row.label).copied().collect();
        let weights: Vec<f32> = rows().map(|row| row.weight).collect();
        let labels = Tensor::from_data(TensorData::new(labels, [count, width]), &device);
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [count, 1]), &device);
        Ok((self.loss.cross_entropy(outputs, labels) * weights).sum())
    }

    fn score(&self, model: &TransformerWithHead) -> Result<Option<f64>> {
        self.score.as_ref().map(|score| score(model)).transpose()
    }
}
