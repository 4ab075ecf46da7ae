//! The target as a judge of steps (SpecReason, arXiv 2504.07891).

use super::StepScorer;
use crate::error::ScoreError;
use crate::{BoxError, Prefix, Step};

/// A model that can say how it would answer a short question about a step, in one forward pass.
pub trait NextToken: Send {
    /// For each question, the natural logarithm of the probability of each choice as the model's next token, in the
    /// order of [`Question::choices`]. The prompt shows the problem, the steps so far, the step in question and the
    /// instruction. Probabilities are the model's own: they need not sum to 1 over the choices.
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>>;
}

/// A question about a step, to be answered with one token.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Question and accepted steps.
    pub prefix: Prefix<'a>,
    /// The step in question.
    pub step: &'a Step,
    /// What to ask about it, ready for the prompt.
    pub instruction: &'a str,
    /// The answers, each one token in the common vocabularies.
    pub choices: &'a [&'a str],
}

/// How a judge's answer becomes a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reading {
    /// The mean digit under the model's distribution over the ten digits.
    #[default]
    Expectation,
    /// The most probable digit; of equal ones the lowest.
    MostProbable,
}

/// Asks a model for a digit from 0 to 9 and makes it the step's score.
///
/// SpecReason reads the digit itself. The default here is the mean digit: it comes from the same forward pass, and a
/// digit alone allows ten thresholds only, most of which split nothing, since judges give two or three digits nearly
/// always. [`Reading::MostProbable`] restores SpecReason's reading.
///
/// ```
/// use arbitrage_core::{BoxError, StepScorer, scorer::{Judge, NextToken, Question}};
///
/// /// Answers 0 and 9 with equal probability.
/// struct Undecided;
/// impl NextToken for Undecided {
///     fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
///         let answer = |choice: &&str| if matches!(*choice, "0" | "9") { 0.5f32.ln() } else { f32::NEG_INFINITY };
///         requests.iter().map(|request| Ok(request.choices.iter().map(answer).collect())).collect()
///     }
/// }
/// assert_eq!(Judge::new(Undecided).range(), (0.0, 9.0));
/// ```
#[derive(Clone, Debug)]
pub struct Judge<M> {
    model: M,
    instruction: String,
    reading: Reading,
}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const INSTRUCTION: &str = "Evaluate the last reasoning step above: is it correct, and does it bring the solution \
    forward? Answer with a single digit from 0 (wrong or useless) to 9 (certainly correct and useful), and nothing else.";

impl<M: NextToken> Judge<M> {
    /// A judge that reads the mean digit.
    pub fn new(model: M) -> Self {
        Self { model, instruction: INSTRUCTION.to_owned(), reading: Reading::default() }
    }

    /// Sets how the answer becomes a score.
    pub fn with_reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// Sets what the model is asked. It should ask for a single digit.
    pub fn with_instruction(mut self, instruction: impl Into<String>) -> Self {
        self.instruction = instruction.into();
        self
    }
}

impl<M: NextToken> StepScorer for Judge<M> {
    fn name(&self) -> String {
        match self.reading {
            Reading::Expectation => "judge(mean digit)".to_owned(),
            Reading::MostProbable => "judge(digit)".to_owned(),
        }
    }

    fn range(&self) -> (f32, f32) {
        Reading::RANGE
    }

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let instruction = self.instruction.as_str();
        let requests: Vec<_> =
            steps.iter().map(|&(prefix, step)| Question { prefix, step, instruction, choices: &DIGITS }).collect();
        let answers = self.model.next_token(&requests);
        answers.into_iter().map(|answer| Ok(self.reading.score(&answer?)?)).collect()
    }
}

impl Reading {
    /// Least and greatest score, by any reading: digits.
    pub const RANGE: (f32, f32) = (0.0, 9.0);

    fn score(self, logprobs: &[f32]) -> Result<f32, ScoreError> {
        if logprobs.len() != DIGITS.len() {
            return Err(ScoreError::Count { expected: DIGITS.len(), found: logprobs.len() });
        }
        let refuse = |found| ScoreError::Range { low: f32::NEG_INFINITY, high: 0.0, found };
        if let Some(&found) = logprobs.iter().find(|l| l.is_nan() || **l == f32::INFINITY) {
            return Err(refuse(found));
        }
        let (best, top) = logprobs
            .iter()
            .enumerate()
            .fold((0, f32::NEG_INFINITY), |(best, top), (digit, &l)| if l > top { (digit, l) } else { (best, top) });
        if top == f32::NEG_INFINITY {
            return Err(refuse(top));
        }
        Ok(match self {
            Self::MostProbable => best as f32,
            Self::Expectation => expectation(logprobs, top),
        })
    }
}

/// Mean index under the distribution proportional to `exp(logprobs)`; `top` is the greatest of them.
fn expectation(logprobs: &[f32], top: f32) -> f32 {
    let weights = || logprobs.iter().map(|l| (l - top).exp());
    let weighted: f32 = weights().enumerate().map(|(digit, weight)| digit as f32 * weight).sum();
    (weighted / weights().sum::<f32>()).clamp(Reading::RANGE.0, Reading::RANGE.1)
}
