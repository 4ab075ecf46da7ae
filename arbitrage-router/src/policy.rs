//! A policy's name and threshold.

use std::fmt;
use std::str::FromStr;

use arbitrage_core::router::{AlwaysDraft, AlwaysTarget, FirstTokenEntropy, MeanLogprob, Oracle, Random, Rsd};
use arbitrage_core::{AdvantageRouter, ConfigError, StepScorer};
use serde::{Deserialize, Serialize};

/// Which router, with which threshold. Written `name` or `name:τ`; [`Policy::NAMES`] lists the names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Policy {
    /// `draft`: the draft writes everything.
    Draft,
    /// `target`: the target writes everything, and no draft is made.
    Target,
    /// `random:rate`: escalates with this probability, in [0, 1].
    Random(f32),
    /// `logprob:τ`: escalates below this mean log-probability a token, in nats, at most 0.
    MeanLogprob(f32),
    /// `entropy:τ`: escalates above this entropy of the step's first token, in nats, at least 0 (GlimpRouter).
    FirstTokenEntropy(f32),
    /// `rsd:τ`: escalates where the scorer gives the draft at most τ (RSD; with the target as judge: SpecReason).
    Rsd(f32),
    /// `oracle:τ`: escalates where the target's step scores more than τ above the draft's. Writes both steps every time.
    Oracle(f32),
    /// `learned` or `learned:τ`: a trained router, with its own τ unless another in [0, 1] is given. Made by
    /// `learned::open` from the router's card and folder.
    Learned(Option<f32>),
}

/// Why a policy could not be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No policy has this name.
    #[error("policy `{found}` is unknown; known are {known}", known = Policy::NAMES.join(", "))]
    Unknown {
        /// The name given.
        found: String,
    },
    /// The threshold is missing, surplus, or not a number.
    #[error("policy `{policy}`: expected {expected}, found `{found}`")]
    Threshold {
        /// The policy's name.
        policy: String,
        /// What belongs after the colon.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The policy scores steps, and no scorer was given.
    #[error("policy `{policy}` needs a step scorer (such as the target as judge), and none was given")]
    Scorer {
        /// The policy.
        policy: String,
    },
    /// The policy is a trained router, whose folder has to be opened.
    #[error("policy `{policy}` is a trained router: give its folder")]
    Folder {
        /// The policy.
        policy: String,
    },
    /// The threshold lies outside the policy's range.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Policy {
    /// Every name, with what belongs after its colon.
    pub const NAMES: [&str; 8] =
        ["draft", "target", "random:RATE", "logprob:TAU", "entropy:TAU", "rsd:TAU", "oracle:TAU", "learned:TAU"];

    /// Puts another threshold (or rate) in; policies without one refuse.
    ///
    /// # Errors
    /// [`PolicyError::Threshold`].
    pub fn with_threshold(self, tau: f32) -> Result<Self, PolicyError> {
        Ok(match self {
            Self::Random(_) => Self::Random(tau),
            Self::MeanLogprob(_) => Self::MeanLogprob(tau),
            Self::FirstTokenEntropy(_) => Self::FirstTokenEntropy(tau),
            Self::Rsd(_) => Self::Rsd(tau),
            Self::Oracle(_) => Self::Oracle(tau),
            Self::Learned(_) => Self::Learned(Some(tau)),
            Self::Draft | Self::Target => {
                return Err(PolicyError::Threshold {
                    policy: self.to_string(),
                    expected: "no threshold",
                    found: tau.to_string(),
                });
            }
        })
    }

    /// Whether [`router`](Self::router) needs a scorer.
    pub fn needs_scorer(&self) -> bool {
        matches!(self, Self::Rsd(_) | Self::Oracle(_))
    }

    /// The router.
    ///
    /// # Errors
    /// [`PolicyError::Folder`] for [`Learned`](Self::Learned); [`PolicyError::Scorer`] when the policy needs one and `scorer` is `None`; [`PolicyError::Config`] for a threshold out
    /// of its range, the scorer's range being part of it.
    pub fn router(&self, scorer: Option<Box<dyn StepScorer>>) -> Result<Box<dyn AdvantageRouter>, PolicyError> {
        let scorer = || scorer.ok_or_else(|| PolicyError::Scorer { policy: self.to_string() });
        Ok(match *self {
            Self::Draft => Box::new(AlwaysDraft),
            Self::Target => Box::new(AlwaysTarget),
            Self::Random(rate) => Box::new(Random::new(rate)?),
            Self::MeanLogprob(tau) => Box::new(MeanLogprob::new(tau)?),
            Self::FirstTokenEntropy(tau) => Box::new(FirstTokenEntropy::new(tau)?),
            Self::Rsd(tau) => Box::new(Rsd::new(scorer()?, tau)?),
            Self::Oracle(tau) => Box::new(Oracle::new(scorer()?, tau)?),
            Self::Learned(_) => return Err(PolicyError::Folder { policy: self.to_string() }),
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft => f.write_str("draft"),
            Self::Target => f.write_str("target"),
            Self::Random(rate) => write!(f, "random:{rate}"),
            Self::MeanLogprob(tau) => write!(f, "logprob:{tau}"),
            Self::FirstTokenEntropy(tau) => write!(f, "entropy:{tau}"),
            Self::Rsd(tau) => write!(f, "rsd:{tau}"),
            Self::Oracle(tau) => write!(f, "oracle:{tau}"),
            Self::Learned(None) => f.write_str("learned"),
            Self::Learned(Some(tau)) => write!(f, "learned:{tau}"),
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    /// Reads `name` or `name:τ`. A name without its τ takes a default that suits the shipped pair.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let (name, tau) = text.split_once(':').map_or((text, None), |(name, tau)| (name, Some(tau)));
        let policy = match name {
            "draft" => Self::Draft,
            "target" => Self::Target,
            "random" => Self::Random(0.3),
            "logprob" => Self::MeanLogprob(-0.15),
            "entropy" => Self::FirstTokenEntropy(1.0),
            "rsd" => Self::Rsd(0.5),
            "oracle" => Self::Oracle(0.0),
            "learned" => Self::Learned(None),
            _ => return Err(PolicyError::Unknown { found: name.to_owned() }),
        };
        let Some(tau) = tau else { return Ok(policy) };
        let number = tau.parse::<f32>().ok();
        let wrong = || PolicyError::Threshold { policy: name.to_owned(), expected: "a number", found: tau.to_owned() };
        policy.with_threshold(number.ok_or_else(wrong)?)
    }
}

impl TryFrom<String> for Policy {
    type Error = PolicyError;
    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<Policy> for String {
    fn from(policy: Policy) -> Self {
        policy.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::scorer::scorer_fn;

    #[test]
    fn text_and_back() {
        for text in [
            "draft",
            "target",
            "random:0.25",
            "logprob:-0.2",
            "entropy:1.5",
            "rsd:0.7",
            "oracle:-0.1",
            "learned",
            "learned:0.4",
        ] {
            assert_eq!(text.parse::<Policy>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_name() {
        for (text, part) in [("rds:1", "rds"), ("rsd:", "rsd"), ("draft:1", "draft"), ("logprob:x", "x"), ("", "known")]
        {
            let error = text.parse::<Policy>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn thresholds_outside_their_range_are_refused() {
        for text in ["random:1.5", "random:NaN", "logprob:0.1", "entropy:-1", "entropy:NaN", "rsd:1.1", "oracle:-2"] {
            let policy: Policy = text.parse().unwrap();
            let scorer = || Some(Box::new(scorer_fn(|_, _| 0.5)) as Box<dyn StepScorer>);
            assert!(policy.router(scorer()).is_err(), "{text}");
        }
    }

    #[test]
    fn scorers_are_asked_for() {
        for text in ["rsd:0.5", "oracle:0"] {
            let policy: Policy = text.parse().unwrap();
            assert!(matches!(policy.router(None), Err(PolicyError::Scorer { .. })), "{text}");
        }
    }
}
