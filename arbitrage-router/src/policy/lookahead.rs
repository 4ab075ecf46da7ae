//! What a policy does beyond the step that it decides about.

use std::fmt;
use std::str::FromStr;

use arbitrage_core::router::HandoverRule;
use serde::{Deserialize, Serialize};

use super::{Policy, PolicyError};

/// What a policy does beyond one decision on one draft. Written after the policy: `learned:0.1+handover:1`,
/// `rsd:0.5+drafts:4:score`, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookahead {
    /// `+handover:H` or `+handover:H:K`: the target keeps writing after the H-th escalated step.
    pub handover: Option<HandoverRule>,
    /// `+drafts:K` or `+drafts:K:CHOICE`: the best of several drafts of each step.
    pub drafts: Option<DraftsName>,
}

/// How many drafts of a step there are, and by what one is chosen. Written `K` where the router's estimate chooses, else
/// `K:score` or `K:logprob`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftsName {
    /// Number of drafts, at least 2.
    pub count: usize,
    /// By what one is chosen.
    pub choice: DraftChoiceName,
}

/// By what the best of several drafts is chosen: [`ChooseBy`](arbitrage_core::ChooseBy) without its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DraftChoiceName {
    /// `estimate`: the router's own estimate.
    #[default]
    Estimate,
    /// `score`: a scorer.
    Score,
    /// `logprob`: the mean log-probability.
    Logprob,
}

/// A policy with its lookahead.
///
/// ```
/// use arbitrage_router::LookaheadPolicy;
/// let policy: LookaheadPolicy = "learned:0.1+handover:1:3+drafts:4".parse()?;
/// assert_eq!((policy.to_string().as_str(), policy.family().as_str()), ("learned:0.1+handover:1:3+drafts:4", "learned+handover:1:3+drafts:4"));
/// # Ok::<(), arbitrage_router::PolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LookaheadPolicy {
    /// The policy that decides about a step.
    pub policy: Policy,
    /// What it does beyond that.
    pub lookahead: Lookahead,
}

impl Lookahead {
    /// Whether the policy decides step by step and on one draft.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The lookahead in a name of a run or family; [`None`](Self::is_none) where it has none that is known.
    pub fn of_name(name: &str) -> Self {
        name.split_once('+').and_then(|(_, rest)| rest.parse().ok()).unwrap_or_default()
    }
}

impl DraftChoiceName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Estimate, Self::Score, Self::Logprob];

    /// The name in options and names of runs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Estimate => "estimate",
            Self::Score => "score",
            Self::Logprob => "logprob",
        }
    }
}

impl LookaheadPolicy {
    /// The name without the threshold, which runs at all thresholds have in common.
    pub fn family(&self) -> String {
        format!("{}{}", self.policy.name(), self.lookahead)
    }
}

impl From<Policy> for LookaheadPolicy {
    fn from(policy: Policy) -> Self {
        Self { policy, lookahead: Lookahead::default() }
    }
}

impl fmt::Display for Lookahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = self.handover {
            write!(f, "+handover:{rule}")?;
        }
        match self.drafts {
            None => Ok(()),
            Some(DraftsName { count, choice: DraftChoiceName::Estimate }) => write!(f, "+drafts:{count}"),
            Some(DraftsName { count, choice }) => write!(f, "+drafts:{count}:{}", choice.name()),
        }
    }
}

impl fmt::Display for LookaheadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.policy, self.lookahead)
    }
}

impl FromStr for DraftChoiceName {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let found = Self::ALL.into_iter().find(|choice| choice.name() == text);
        found.ok_or_else(|| PolicyError::Lookahead { expected: "estimate, score or logprob", found: text.to_owned() })
    }
}

impl FromStr for DraftsName {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let (count, choice) = text.split_once(':').unwrap_or((text, DraftChoiceName::Estimate.name()));
        let refused =
            || PolicyError::Lookahead { expected: "at least 2 drafts, such as drafts:4", found: text.to_owned() };
        let count = count.parse().ok().filter(|count| *count >= 2).ok_or_else(refused)?;
        Ok(Self { count, choice: choice.parse()? })
    }
}

impl FromStr for Lookahead {
    type Err = PolicyError;

    /// Reads `handover:H:K`, `drafts:K:CHOICE`, or both with a `+` between them.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let mut lookahead = Self::default();
        for part in text.split('+') {
            match part.split_once(':') {
                Some(("handover", rule)) if lookahead.handover.is_none() => lookahead.handover = Some(rule.parse()?),
                Some(("drafts", drafts)) if lookahead.drafts.is_none() => lookahead.drafts = Some(drafts.parse()?),
                _ => {
                    let expected = "+handover:H, +handover:H:K or +drafts:K after a policy, each at most once";
                    return Err(PolicyError::Lookahead { expected, found: part.to_owned() });
                }
            }
        }
        Ok(lookahead)
    }
}

impl FromStr for LookaheadPolicy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text.split_once('+') {
            None => Ok(text.parse::<Policy>()?.into()),
            Some((policy, lookahead)) => Ok(Self { policy: policy.parse()?, lookahead: lookahead.parse()? }),
        }
    }
}

impl TryFrom<String> for LookaheadPolicy {
    type Error = PolicyError;
    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<LookaheadPolicy> for String {
    fn from(policy: LookaheadPolicy) -> Self {
        policy.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (text, family) in [
            ("draft", "draft"),
            ("rsd:0.5", "rsd"),
            ("learned:0.1+handover:1", "learned+handover:1"),
            ("learned+handover:2:3", "learned+handover:2:3"),
            ("rsd:0.5+drafts:4:score", "rsd+drafts:4:score"),
            ("logprob:-0.25+handover:1+drafts:8", "logprob+handover:1+drafts:8"),
        ] {
            let policy: LookaheadPolicy = text.parse().unwrap();
            assert_eq!((policy.to_string().as_str(), policy.family().as_str()), (text, family));
            assert_eq!(Lookahead::of_name(text), policy.lookahead);
            assert_eq!(Lookahead::of_name(family), policy.lookahead);
            assert_eq!(policy.lookahead.is_none(), !text.contains('+'));
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "learned+",
            "learned+budget:1",
            "learned+handover:0",
            "learned+handover:1+handover:2",
            "learned+drafts:1",
            "learned+drafts:x",
            "learned+drafts:2:best",
            "nothing+drafts:2",
        ] {
            assert!(text.parse::<LookaheadPolicy>().is_err(), "{text}");
        }
        assert!(Lookahead::of_name("learned+unknown").is_none());
    }
}
