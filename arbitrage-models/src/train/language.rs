//! Learning to write: the next token of texts.

use std::ops::Range;

use burn::tensor::{Int, Tensor, TensorData};

use super::fit::Objective;
use super::transformer::{Texts, Transformer, select};
use crate::error::{Error, Result};

/// A text to learn, from `from` on: what comes before is given (a question), not learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The text's tokens.
    pub tokens: Vec<u32>,
    /// Index of the first token that is to be predicted, at least 1.
    pub from: usize,
}

impl Lesson {
    /// Rows that predict, which are one ahead of what they predict.
    fn rows(&self) -> Range<usize> {
        self.from - 1..self.tokens.len() - 1
    }
}

/// Next-token prediction over lessons. Scored by the mean log-probability a token of lessons that were held out.
pub struct Language {
    lessons: Vec<Lesson>,
    held_out: Vec<Lesson>,
}

impl Language {
    /// # Errors
    /// [`Error::Parameter`] where there is no lesson, or one without a token to predict.
    pub fn new(lessons: Vec<Lesson>, held_out: Vec<Lesson>) -> Result<Self> {
        let broken = lessons.iter().chain(&held_out).find(|lesson| !(1..lesson.tokens.len()).contains(&lesson.from));
        let found = match broken {
            Some(lesson) => format!("one of {} tokens to be learned from token {}", lesson.tokens.len(), lesson.from),
            None if lessons.is_empty() => "none".to_owned(),
            None => return Ok(Self { lessons, held_out }),
        };
        Err(Error::Parameter { name: "lessons", expected: "some, each with a token to learn".to_owned(), found })
    }

    /// Sum of the log-probabilities of what the lessons say, a tensor of one number.
    fn log_likelihood<'l>(model: &Transformer, lessons: impl Iterator<Item = &'l Lesson> + Clone) -> Result<Tensor<1>> {
        let texts = Texts::new(lessons.clone().map(|lesson| lesson.tokens.as_slice()));
        let (mut rows, mut next) = (Vec::new(), Vec::new());
        for (text, lesson) in lessons.enumerate() {
            rows.extend(lesson.rows().map(|token| texts.row(text, token)));
            next.extend(lesson.tokens[lesson.from..].iter().map(|&id| id as i32));
        }
        let hidden = select(model.hidden(&texts)?, &rows);
        let device = hidden.device();
        let next = Tensor::<2, Int>::from_data(TensorData::new(next, [rows.len(), 1]), &device);
        Ok(model.predict(hidden).gather(1, next).sum())
    }
}

impl Objective for Language {
    type Model = Transformer;

    fn len(&self) -> usize {
        self.lessons.len()
    }

    fn length(&self, example: usize) -> usize {
        self.lessons[example].tokens.len()
    }

    fn weight(&self, example: usize) -> f64 {
        self.lessons[example].rows().len() as f64
    }

    fn content(&self, example: usize, hear: &mut dyn FnMut(&[u8])) {
        let Lesson { tokens, from } = &self.lessons[example];
        hear(&(*from as u64).to_le_bytes());
        tokens.iter().for_each(|token| hear(&token.to_le_bytes()));
    }

    fn loss(&self, model: &Transformer, examples: &[usize]) -> Result<Tensor<1>> {
        Ok(-Self::log_likelihood(model, examples.iter().map(|&example| &self.lessons[example]))?)
    }

    fn score(&self, model: &Transformer) -> Result<Option<f64>> {
        let tokens: usize = self.held_out.iter().map(|lesson| lesson.rows().len()).sum();
        let sum = |chunk: &[Lesson]| Ok(f64::from(Self::log_likelihood(model, chunk.iter())?.into_scalar::<f32>()));
        let sums = self.held_out.chunks(32).map(sum).collect::<Result<Vec<f64>>>()?;
        Ok((tokens > 0).then(|| sums.iter().sum::<f64>() / tokens as f64))
    }
}
