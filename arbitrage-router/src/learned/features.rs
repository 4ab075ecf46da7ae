//! The features of a drafted step that a probe takes as input.

use std::fmt;
use std::str::FromStr;

use arbitrage_core::{Author, Candidate, Finish, Hidden, ScoreError, Step};
use serde::{Deserialize, Serialize};

use crate::labels::{LabelError, named};

/// The features of a probe. The draft computes all of them while it writes the step, so they cost nothing at inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeFeatures {
    /// The numbers of [`SCALAR_FEATURES`]: the baseline without hidden states.
    Scalars,
    /// The draft's hidden states: that of the last token, and the mean over the step's tokens.
    Hidden,
    /// Scalars and hidden states.
    Both,
}

impl fmt::Display for ProbeFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scalars => "scalars",
            Self::Hidden => "hidden",
            Self::Both => "both",
        })
    }
}

impl FromStr for ProbeFeatures {
    type Err = LabelError;

    /// Reads `scalars`, `hidden` or `both`.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        named("inputs", &[Self::Scalars, Self::Hidden, Self::Both], text)
    }
}

/// Names of the scalar features, in order. Log-probabilities and entropies are those of the draft, in nats; logarithms
/// of counts are `ln(1 + count)`.
pub const SCALAR_FEATURES: [&str; 11] = [
    "mean log-probability",
    "least log-probability",
    "log-probability of the first token",
    "log-probability of the last token",
    "share of tokens below one half",
    "entropy of the first token",
    "log of the step's tokens",
    "log of the step's index",
    "log of the prefix's characters",
    "is the last step",
    "share of the target's steps before",
];

impl ProbeFeatures {
    /// The features of `candidate`: scalars, then the last hidden state, then the mean hidden state.
    ///
    /// # Errors
    /// [`ScoreError::Signal`] for a signal that the drafter did not report.
    pub fn extract(self, candidate: &Candidate<'_>) -> Result<Vec<f32>, ScoreError> {
        let mut features = Vec::new();
        if self != Self::Hidden {
            features.extend(scalar_features(candidate)?);
        }
        if self != Self::Scalars {
            let hidden = candidate.draft.hidden.as_ref().filter(|hidden| !hidden.last.is_empty());
            features.extend(concatenated(hidden.ok_or(ScoreError::Signal { signal: "hidden states" })?));
        }
        Ok(features)
    }
}

/// The last hidden state, followed by the mean.
pub(super) fn concatenated(hidden: &Hidden) -> impl Iterator<Item = f32> + '_ {
    hidden.last.iter().chain(&hidden.mean).copied()
}

/// The numbers of [`SCALAR_FEATURES`]. The entropy is 0 where the drafter does not report it.
///
/// # Errors
/// [`ScoreError::Signal`] for a step without log-probabilities.
pub fn scalar_features(candidate: &Candidate<'_>) -> Result<[f32; SCALAR_FEATURES.len()], ScoreError> {
    let Candidate { prefix, draft, .. } = candidate;
    let [mean, least, first, last, unlikely] = confidence(draft)?;
    let characters: usize = prefix.steps.iter().map(|accepted| accepted.step.text.len()).sum();
    let by_target = prefix.steps.iter().filter(|accepted| accepted.author == Author::Target).count();
    Ok([
        mean,
        least,
        first,
        last,
        unlikely,
        draft.first_entropy.unwrap_or(0.0),
        log_count(draft.token_count()),
        log_count(prefix.steps.len()),
        log_count(prefix.problem.question.len() + characters),
        f32::from(u8::from(draft.finish == Finish::EndOfText)),
        by_target as f32 / prefix.steps.len().max(1) as f32,
    ])
}

/// Mean, least, first and last log-probability, and the share of tokens of a probability below one half. All are 0 for
/// an empty step, which has no tokens.
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
    let unlikely = logprobs.iter().filter(|logprob| **logprob < -std::f32::consts::LN_2).count();
    Ok([mean, least, *first, *last, unlikely as f32 / logprobs.len() as f32])
}

fn log_count(count: usize) -> f32 {
    (1.0 + count as f32).ln()
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Accepted, Prefix, Problem, SequenceId};

    use super::*;

    fn extract(features: ProbeFeatures, draft: &Step) -> Result<Vec<f32>, ScoreError> {
        let problem = Problem::new("Why?");
        let steps = [Author::Target, Author::Draft]
            .map(|author| Accepted { step: Step::new("a step.\n\n", Finish::Boundary), author });
        let prefix = Prefix::new(SequenceId(0), &problem, &steps);
        features.extract(&Candidate { prefix, draft, target: None })
    }

    fn draft() -> Step {
        let mut step =
            Step::new("so 4", Finish::EndOfText).with_logprobs(vec![-0.5, -2.0, -0.25]).with_first_entropy(1.5);
        step.hidden = Some(Hidden { last: vec![7.0, 8.0], mean: vec![9.0, 10.0] });
        step
    }

    #[test]
    fn features_are_in_the_order_of_their_names() {
        let numbers = extract(ProbeFeatures::Both, &draft()).unwrap();
        assert_eq!(numbers.len(), SCALAR_FEATURES.len() + 4);
        assert_eq!(numbers[1..6], [-2.0, -0.5, -0.25, 1.0 / 3.0, 1.5]);
        assert!((numbers[0] + 2.75 / 3.0).abs() < 1e-6);
        assert_eq!(numbers[7..], [3f32.ln(), (1.0f32 + 4.0 + 18.0).ln(), 1.0, 0.5, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(extract(ProbeFeatures::Hidden, &draft()).unwrap(), [7.0, 8.0, 9.0, 10.0]);
    }

    #[test]
    fn names_round_trip() {
        for name in ["scalars", "hidden", "both"] {
            assert_eq!(name.parse::<ProbeFeatures>().unwrap().to_string(), name);
        }
        assert!("none".parse::<ProbeFeatures>().unwrap_err().to_string().contains("scalars, hidden, both"));
    }

    #[test]
    fn missing_signals_are_named() {
        let silent = Step::new("so 4", Finish::EndOfText);
        assert_eq!(extract(ProbeFeatures::Scalars, &silent), Err(ScoreError::Signal { signal: "log-probabilities" }));
        assert_eq!(extract(ProbeFeatures::Hidden, &silent), Err(ScoreError::Signal { signal: "hidden states" }));
    }
}
