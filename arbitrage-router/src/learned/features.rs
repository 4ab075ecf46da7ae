//! What a probe reads of a drafted step.

use std::fmt;
use std::str::FromStr;

use arbitrage_core::{Author, Candidate, Finish, Hidden, ScoreError, Step};
use serde::{Deserialize, Serialize};

use crate::labels::{LabelError, named};

/// Which of the draft's own numbers a probe reads. All of them are there when the step is: they cost nothing at inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inputs {
    /// The numbers of [`SCALARS`]: the tabular baseline.
    Scalars,
    /// The draft's hidden states, the last one and their mean.
    Hidden,
    /// Both.
    Both,
}

impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scalars => "scalars",
            Self::Hidden => "hidden",
            Self::Both => "both",
        })
    }
}

impl FromStr for Inputs {
    type Err = LabelError;

    /// Reads `scalars`, `hidden` or `both`.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        named("inputs", &[Self::Scalars, Self::Hidden, Self::Both], text)
    }
}

/// Names of the scalars, in order. Log-probabilities are the draft's own, in nats.
pub const SCALARS: [&str; 11] = [
    "mean log-probability",
    "least log-probability",
    "log-probability of the first token",
    "log-probability of the last token",
    "share of tokens below one half",
    "entropy of the first token",
    "log of the step's tokens",
    "log of the step's place",
    "log of the prefix's characters",
    "is the last step",
    "share of the target's steps before",
];

impl Inputs {
    /// The numbers that a probe reads of `candidate`: scalars first, then the last hidden state, then the mean.
    ///
    /// # Errors
    /// [`ScoreError::Signal`] for what the drafter did not report.
    pub fn read(self, candidate: &Candidate<'_>) -> Result<Vec<f32>, ScoreError> {
        let mut numbers = Vec::new();
        if self != Self::Hidden {
            numbers.extend(scalars(candidate)?);
        }
        if self != Self::Scalars {
            let hidden = candidate.draft.hidden.as_ref().filter(|hidden| !hidden.last.is_empty());
            numbers.extend(states(hidden.ok_or(ScoreError::Signal { signal: "hidden states" })?));
        }
        Ok(numbers)
    }
}

/// What is read of hidden states: the last one, then the mean.
pub(super) fn states(hidden: &Hidden) -> impl Iterator<Item = f32> + '_ {
    hidden.last.iter().chain(&hidden.mean).copied()
}

/// The numbers of [`SCALARS`].
///
/// # Errors
/// [`ScoreError::Signal`] for a step without log-probabilities.
pub fn scalars(candidate: &Candidate<'_>) -> Result<[f32; SCALARS.len()], ScoreError> {
    let Candidate { prefix, draft, .. } = candidate;
    let [mean, least, first, last, unsure] = confidence(draft)?;
    let characters: usize = prefix.steps.iter().map(|accepted| accepted.step.text.len()).sum();
    let by_target = prefix.steps.iter().filter(|accepted| accepted.author == Author::Target).count();
    Ok([
        mean,
        least,
        first,
        last,
        unsure,
        draft.first_entropy.unwrap_or(0.0),
        log(draft.token_count()),
        log(prefix.steps.len()),
        log(prefix.problem.question.len() + characters),
        f32::from(u8::from(draft.finish == Finish::EndOfText)),
        by_target as f32 / prefix.steps.len().max(1) as f32,
    ])
}

/// Mean, least, first and last log-probability, and the share of tokens that were less likely than not. A step that is
/// nothing but its end has none, and is as sure as a step can be.
fn confidence(step: &Step) -> Result<[f32; 5], ScoreError> {
    let logprobs = &step.logprobs;
    let (Some(first), Some(last), Some(mean)) = (logprobs.first(), logprobs.last(), step.mean_logprob()) else {
        return if step.text.is_empty() {
            Ok([0.0; 5])
        } else {
            Err(ScoreError::Signal { signal: "log-probabilities" })
        };
    };
    let least = logprobs.iter().copied().fold(0.0, f32::min);
    let unsure = logprobs.iter().filter(|logprob| **logprob < -std::f32::consts::LN_2).count();
    Ok([mean, least, *first, *last, unsure as f32 / logprobs.len() as f32])
}

fn log(count: usize) -> f32 {
    (1.0 + count as f32).ln()
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Accepted, Prefix, Problem, SequenceId};

    use super::*;

    fn read(inputs: Inputs, draft: &Step) -> Result<Vec<f32>, ScoreError> {
        let problem = Problem::new("Why?");
        let steps = [Author::Target, Author::Draft]
            .map(|author| Accepted { step: Step::new("a step.\n\n", Finish::Boundary), author });
        let prefix = Prefix::new(SequenceId(0), &problem, &steps);
        inputs.read(&Candidate { prefix, draft, target: None })
    }

    fn draft() -> Step {
        let mut step =
            Step::new("so 4", Finish::EndOfText).with_logprobs(vec![-0.5, -2.0, -0.25]).with_first_entropy(1.5);
        step.hidden = Some(Hidden { last: vec![7.0, 8.0], mean: vec![9.0, 10.0] });
        step
    }

    #[test]
    fn numbers_are_in_the_order_of_their_names() {
        let numbers = read(Inputs::Both, &draft()).unwrap();
        assert_eq!(numbers.len(), SCALARS.len() + 4);
        assert_eq!(numbers[1..6], [-2.0, -0.5, -0.25, 1.0 / 3.0, 1.5]);
        assert!((numbers[0] + 2.75 / 3.0).abs() < 1e-6);
        assert_eq!(numbers[7..], [3f32.ln(), (1.0f32 + 4.0 + 18.0).ln(), 1.0, 0.5, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(read(Inputs::Hidden, &draft()).unwrap(), [7.0, 8.0, 9.0, 10.0]);
    }

    #[test]
    fn text_and_back() {
        for name in ["scalars", "hidden", "both"] {
            assert_eq!(name.parse::<Inputs>().unwrap().to_string(), name);
        }
        assert!("none".parse::<Inputs>().unwrap_err().to_string().contains("scalars, hidden, both"));
    }

    #[test]
    fn what_the_drafter_does_not_report_is_named() {
        let silent = Step::new("so 4", Finish::EndOfText);
        assert_eq!(read(Inputs::Scalars, &silent), Err(ScoreError::Signal { signal: "log-probabilities" }));
        assert_eq!(read(Inputs::Hidden, &silent), Err(ScoreError::Signal { signal: "hidden states" }));
    }
}
