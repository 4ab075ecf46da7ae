//! A policy's name and threshold.

mod custom;
mod error;
mod lookahead;

use std::fmt;
use std::str::FromStr;

use arbitrage_core::router::{
    AlwaysDraft, AlwaysTarget, FirstTokenEntropy, MeanLogprob, Oracle, Random, Rsd, ThresholdRule,
};
use arbitrage_core::{AdvantageRouter, StepScorer};
use serde::{Deserialize, Serialize};

pub use custom::CustomPolicy;
pub use error::PolicyError;
pub use lookahead::{DraftChoiceName, DraftsName, Lookahead, LookaheadPolicy};

/// Which router, with which threshold. Written `name` or `name:τ`; [`Policy::NAMES`] lists the built-in names.
///
/// What each policy compares with its threshold is its [`rule`](Self::rule).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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
    /// `learned` or `learned:τ`: a trained router, with the τ of its card unless another in [0, 1] is given. Made by
    /// `learned::open` from the router's card and folder.
    Learned(Option<f32>),
    /// A router of your own, under the name that it was [registered](CustomPolicy::register) with.
    Custom {
        /// The registered policy.
        policy: &'static CustomPolicy,
        /// The threshold, if the policy has one.
        tau: Option<f32>,
    },
}

impl Policy {
    /// Every built-in name, with what belongs after its colon.
    pub const NAMES: [&str; 8] =
        ["draft", "target", "random:RATE", "logprob:TAU", "entropy:TAU", "rsd:TAU", "oracle:TAU", "learned:TAU"];

    /// The names of all policies, built-in and registered, with what belongs after the colon.
    pub fn known_names() -> Vec<String> {
        Self::NAMES.into_iter().map(str::to_owned).chain(CustomPolicy::names()).collect()
    }

    /// The name without the threshold: the family of all thresholds.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Target => "target",
            Self::Custom { policy, .. } => policy.name(),
            Self::Random(_) => ThresholdRule::RANDOM.name,
            Self::MeanLogprob(_) => ThresholdRule::LOGPROB.name,
            Self::FirstTokenEntropy(_) => ThresholdRule::ENTROPY.name,
            Self::Rsd(_) => ThresholdRule::RSD.name,
            Self::Oracle(_) => ThresholdRule::ORACLE.name,
            Self::Learned(_) => ThresholdRule::LEARNED.name,
        }
    }

    /// What the policy compares with its threshold; `None` where it has no threshold.
    pub fn rule(&self) -> Option<ThresholdRule> {
        match self {
            Self::Draft | Self::Target => None,
            Self::Random(_) => Some(ThresholdRule::RANDOM),
            Self::MeanLogprob(_) => Some(ThresholdRule::LOGPROB),
            Self::FirstTokenEntropy(_) => Some(ThresholdRule::ENTROPY),
            Self::Rsd(_) => Some(ThresholdRule::RSD),
            Self::Oracle(_) => Some(ThresholdRule::ORACLE),
            Self::Learned(_) => Some(ThresholdRule::LEARNED),
            Self::Custom { policy, .. } => policy.rule(),
        }
    }

    /// The threshold, or the rate of a random policy. `None` where the policy has none, and for a learned policy with the
    /// threshold of its card.
    pub fn threshold(&self) -> Option<f32> {
        match *self {
            Self::Draft | Self::Target => None,
            Self::Random(tau)
            | Self::MeanLogprob(tau)
            | Self::FirstTokenEntropy(tau)
            | Self::Rsd(tau)
            | Self::Oracle(tau) => Some(tau),
            Self::Learned(tau) | Self::Custom { tau, .. } => tau,
        }
    }

    /// The same policy with another threshold (or rate).
    ///
    /// # Errors
    /// [`PolicyError::Threshold`] for a policy without one. Whether `tau` is in the policy's range is for
    /// [`check`](Self::check) to say, since the range may depend on a scorer.
    pub fn with_threshold(self, tau: f32) -> Result<Self, PolicyError> {
        Ok(match self {
            Self::Random(_) => Self::Random(tau),
            Self::MeanLogprob(_) => Self::MeanLogprob(tau),
            Self::FirstTokenEntropy(_) => Self::FirstTokenEntropy(tau),
            Self::Rsd(_) => Self::Rsd(tau),
            Self::Oracle(_) => Self::Oracle(tau),
            Self::Learned(_) => Self::Learned(Some(tau)),
            Self::Custom { policy, .. } if policy.rule().is_some() => Self::Custom { policy, tau: Some(tau) },
            Self::Draft | Self::Target | Self::Custom { .. } => {
                let (policy, found) = (self.name().to_owned(), tau.to_string());
                return Err(PolicyError::Threshold { policy, expected: "no threshold", found });
            }
        })
    }

    /// Whether the threshold is in the policy's range under a scorer with the range `scorer`.
    ///
    /// # Errors
    /// [`PolicyError::Config`] where it is not.
    pub fn check(&self, scorer: Option<(f32, f32)>) -> Result<(), PolicyError> {
        match (self.rule(), self.threshold()) {
            (Some(rule), Some(tau)) => Ok(rule.check(tau, scorer).map(drop)?),
            _ => Ok(()),
        }
    }

    /// Whether [`router`](Self::router) needs a scorer.
    pub fn needs_scorer(&self) -> bool {
        matches!(self, Self::Rsd(_) | Self::Oracle(_))
    }

    /// The router.
    ///
    /// # Errors
    /// [`PolicyError::Folder`] for [`Learned`](Self::Learned); [`PolicyError::Scorer`] when the policy needs a scorer and
    /// `scorer` is `None`; [`PolicyError::Config`] for a threshold out of the policy's range.
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
            Self::Custom { policy, tau } => {
                self.check(None)?;
                policy.router(tau)
            }
        })
    }

    /// Takes a policy's text apart, without knowing the policy: `rsd:0.5` is the name `rsd` and the threshold 0.5. Reports read
    /// the policies of traces with it, whether they are registered or not.
    pub fn split(text: &str) -> (&str, Option<f32>) {
        let (name, tau) = text.split_once(':').unwrap_or((text, ""));
        (name, tau.parse().ok().filter(|tau: &f32| !tau.is_nan()))
    }

    /// The built-in policy with this name, at its default threshold. Older traces call some of them by their routers' names.
    fn built_in(name: &str) -> Option<Self> {
        let threshold = |rule: ThresholdRule| rule.default.unwrap_or_default();
        Some(match name {
            "draft" | "always-draft" => Self::Draft,
            "target" | "always-target" => Self::Target,
            "random" => Self::Random(threshold(ThresholdRule::RANDOM)),
            "logprob" | "mean-logprob" => Self::MeanLogprob(threshold(ThresholdRule::LOGPROB)),
            "entropy" | "first-token-entropy" => Self::FirstTokenEntropy(threshold(ThresholdRule::ENTROPY)),
            "rsd" => Self::Rsd(threshold(ThresholdRule::RSD)),
            "oracle" => Self::Oracle(threshold(ThresholdRule::ORACLE)),
            "learned" => Self::Learned(ThresholdRule::LEARNED.default),
            _ => return None,
        })
    }
}

/// `logprob` at its default threshold: the policy that needs neither a scorer nor training.
impl Default for Policy {
    fn default() -> Self {
        Self::MeanLogprob(ThresholdRule::LOGPROB.default.unwrap_or_default())
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.threshold() {
            Some(tau) => write!(f, "{}:{tau}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    /// Reads `name` or `name:τ`. A name without τ takes the default of the policy's [rule](Self::rule).
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let (name, tau) = text.split_once(':').map_or((text, None), |(name, tau)| (name, Some(tau)));
        let policy = Self::built_in(name).or_else(|| CustomPolicy::find(name).map(Self::from));
        let policy = policy.ok_or_else(|| PolicyError::Unknown { found: name.to_owned() })?;
        let Some(tau) = tau else { return Ok(policy) };
        let not_a_number =
            || PolicyError::Threshold { policy: name.to_owned(), expected: "a number", found: tau.to_owned() };
        policy.with_threshold(tau.parse().map_err(|_| not_a_number())?)
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
mod tests;
