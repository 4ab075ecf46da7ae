//! A language model as a judge of steps (SpecReason, arXiv 2504.07891).

use super::StepScorer;
use crate::error::ScoreError;
use crate::{BoxError, Prefix, Step};

/// A model that gives the probabilities of short answers to a question about a step, in one forward pass.
pub trait NextToken: Send {
    /// For each question, the natural logarithm of each choice's probability as the next token, in the order of
    /// [`Question::choices`]. The prompt shows the problem, the steps so far, the step in question and the instruction. The
    /// probabilities are over the whole vocabulary, so those of the choices need not sum to 1.
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>>;
}

/// A question about a step, to be answered with one token.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The problem and the steps before the one in question.
    pub prefix: Prefix<'a>,
    /// The step in question.
    pub step: &'a Step,
    /// The instruction, ready for the prompt.
    pub instruction: &'a str,
    /// The possible answers, each of them one token in common vocabularies.
    pub choices: &'a [&'a str],
}

/// How [`Judge`] makes a score of the model's distribution over the digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScoreReadout {
    /// The mean digit under the distribution.
    #[default]
    Expectation,
    /// The most probable digit; the lowest of them if several are equally probable.
    MostProbable,
}

/// Scores a step by the digit from 0 to 9 with which a model rates it.
///
/// SpecReason takes the most probable digit, which is [`ScoreReadout::MostProbable`]. The default here is the mean digit: it costs the
/// same forward pass, and it allows fine thresholds, while a judge's most probable digit is nearly always one of two or three.
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
    readout: ScoreReadout,
}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const INSTRUCTION: &str = "Evaluate the last reasoning step above: is it correct, and does it bring the solution \
    forward? Answer with a single digit from 0 (wrong or useless) to 9 (certainly correct and useful), and nothing else.";

impl<M: NextToken> Judge<M> {
    /// A judge that scores by the mean digit.
    pub fn new(model: M) -> Self {
        Self { model, instruction: INSTRUCTION.to_owned(), readout: ScoreReadout::default() }
    }

    /// Sets how the distribution over the digits becomes a score.
    pub fn with_readout(mut self, readout: ScoreReadout) -> Self {
        self.readout = readout;
        self
    }

    /// Sets the instruction. It should ask for a single digit.
    pub fn with_instruction(mut self, instruction: impl Into<String>) -> Self {
        self.instruction = instruction.into();
        self
    }
}

impl<M: NextToken> StepScorer for Judge<M> {
    fn name(&self) -> String {
        match self.readout {
            ScoreReadout::Expectation => "judge(mean digit)".to_owned(),
            ScoreReadout::MostProbable => "judge(digit)".to_owned(),
        }
    }

    fn range(&self) -> (f32, f32) {
        ScoreReadout::RANGE
    }

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let instruction = self.instruction.as_str();
        let requests: Vec<_> =
            steps.iter().map(|&(prefix, step)| Question { prefix, step, instruction, choices: &DIGITS }).collect();
        let answers = self.model.next_token(&requests);
        answers.into_iter().map(|answer| Ok(self.readout.score(&answer?)?)).collect()
    }
}

impl ScoreReadout {
    /// Least and greatest score: the digits.
    pub const RANGE: (f32, f32) = (0.0, 9.0);

    fn score(self, logprobs: &[f32]) -> Result<f32, ScoreError> {
        if logprobs.len() != DIGITS.len() {
            return Err(ScoreError::Count { expected: DIGITS.len(), found: logprobs.len() });
        }
        let out_of_range = |found| ScoreError::Range { low: f32::NEG_INFINITY, high: 0.0, found };
        if let Some(&found) = logprobs.iter().find(|l| l.is_nan() || **l == f32::INFINITY) {
            return Err(out_of_range(found));
        }
        let (best, top) = logprobs
            .iter()
            .enumerate()
            .fold((0, f32::NEG_INFINITY), |(best, top), (digit, &l)| if l > top { (digit, l) } else { (best, top) });
        if top == f32::NEG_INFINITY {
            return Err(out_of_range(top));
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
    (weighted / weights().sum::<f32>()).clamp(ScoreReadout::RANGE.0, ScoreReadout::RANGE.1)
}
