//! The objective of language models: the next token of texts.

use std::ops::Range;

use burn::tensor::{Int, Tensor, TensorData};

use super::objective::Objective;
use super::transformer::{TextBatch, Transformer, select};
use crate::error::{Error, Result};

/// Validation texts that are run at a time.
const TEXTS_PER_PASS: usize = 32;

/// A text to train on. The tokens before `first_target`, such as a question, are context that is not predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingExample {
    /// The text's tokens.
    pub tokens: Vec<u32>,
    /// Index of the first token to predict, at least 1.
    pub first_target: usize,
}

impl TrainingExample {
    /// The rows that predict a token, each of which is one before the predicted token.
    fn rows(&self) -> Range<usize> {
        self.first_target - 1..self.tokens.len() - 1
    }
}

/// Next-token prediction. The score is the mean log-probability of a token of the validation examples.
#[derive(Clone, Debug)]
pub struct NextTokenObjective {
    examples: Vec<TrainingExample>,
    validation: Vec<TrainingExample>,
}

impl NextTokenObjective {
    /// An objective over `examples`, scored on `validation`; without validation examples, the last weights are kept.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there is no example, or one without a token to predict.
    pub fn new(examples: Vec<TrainingExample>, validation: Vec<TrainingExample>) -> Result<Self> {
        let is_valid = |example: &TrainingExample| (1..example.tokens.len()).contains(&example.first_target);
        let found = match examples.iter().chain(&validation).find(|example| !is_valid(example)) {
            Some(TrainingExample { tokens, first_target }) => {
                format!("one of {} tokens with the first target {first_target}", tokens.len())
            }
            None if examples.is_empty() => "none".to_owned(),
            None => return Ok(Self { examples, validation }),
        };
        let expected = "at least one, each with a token to predict".to_owned();
        Err(Error::Parameter { name: "training examples", expected, found })
    }

    /// Sum of the log-probabilities of all targets, `[1]`.
    fn log_likelihood<'e>(
        model: &Transformer,
        examples: impl Iterator<Item = &'e TrainingExample> + Clone,
    ) -> Result<Tensor<1>> {
        let texts = TextBatch::new(examples.clone().map(|example| example.tokens.as_slice()));
        let (mut rows, mut next) = (Vec::new(), Vec::new());
        for (text, example) in examples.enumerate() {
            rows.extend(example.rows().map(|token| texts.row(text, token)));
            next.extend(example.tokens[example.first_target..].iter().map(|&id| id as i32));
        }
        let hidden = select(model.hidden(&texts)?, &rows);
        let device = hidden.device();
        let next = Tensor::<2, Int>::from_data(TensorData::new(next, [rows.len(), 1]), &device);
        Ok(model.predict(hidden).gather(1, next).sum())
    }
}

impl Objective for NextTokenObjective {
    type Model = Transformer;

    fn len(&self) -> usize {
        self.examples.len()
    }

    fn length(&self, example: usize) -> usize {
        self.examples[example].tokens.len()
    }

    fn weight(&self, example: usize) -> f64 {
        self.examples[example].rows().len() as f64
    }

    fn hash_into(&self, example: usize, update: &mut dyn FnMut(&[u8])) {
        let TrainingExample { tokens, first_target } = &self.examples[example];
        update(&(*first_target as u64).to_le_bytes());
        tokens.iter().for_each(|token| update(&token.to_le_bytes()));
    }

    fn loss(&self, model: &Transformer, examples: &[usize]) -> Result<Tensor<1>> {
        Ok(-Self::log_likelihood(model, examples.iter().map(|&example| &self.examples[example]))?)
    }

    fn score(&self, model: &Transformer) -> Result<Option<f64>> {
        let tokens: usize = self.validation.iter().map(|example| example.rows().len()).sum();
        let sum =
            |chunk: &[TrainingExample]| Ok(f64::from(Self::log_likelihood(model, chunk.iter())?.into_scalar::<f32>()));
        let sums = self.validation.chunks(TEXTS_PER_PASS).map(sum).collect::<Result<Vec<f64>>>()?;
        Ok((tokens > 0).then(|| sums.iter().sum::<f64>() / tokens as f64))
    }
}
