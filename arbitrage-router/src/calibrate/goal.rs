//! The goal that a threshold has to meet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::CalibrateError;

/// What a router's threshold has to achieve on average. Written `name:number`, in files and on the command line.
///
/// Most goals limit the cost. Among the thresholds that meet such a goal, [`threshold`](Self::threshold) chooses the one
/// with the most escalations, since within the limit they improve the answer. [`Loss`](Self::Loss) limits the harm
/// instead: there a [`FixedSequence`](super::FixedSequence) chooses the threshold with the fewest escalations.
///
/// ```
/// use arbitrage_router::calibrate::Goal;
/// let goal: Goal = "budget:2".parse()?;
/// assert_eq!((goal, goal.to_string()), (Goal::Budget(2.0), "budget:2".to_owned()));
/// # Ok::<(), arbitrage_router::calibrate::CalibrateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Goal {
    /// `accept:share`: at least this share of the steps, in [0, 1], is accepted from the draft; the paper's `α` (§5).
    Accept(f64),
    /// `budget:calls`: at most this many escalations per problem, at least 0.
    Budget(f64),
    /// `latency:share`: at most this share, more than 0, of the time that the target alone needs for a step.
    Latency(f64),
    /// `loss:share`: at most this share, above 0 and below 1, of the problems that the target alone solves is lost. It is
    /// about problems and not about steps, so that it needs runs of the router and of the target on the same problems.
    Loss(f64),
}

impl Goal {
    /// The forms that a goal may have, for error messages.
    pub const FORMS: &str = "accept:SHARE, budget:CALLS, latency:SHARE or loss:SHARE";

    /// The goal itself. Variants can be constructed with any number, so parsing is not the only place to check it.
    ///
    /// # Errors
    /// [`CalibrateError::Goal`] for a number out of its range.
    pub(super) fn check(self) -> Result<Self, CalibrateError> {
        let (is_valid, expected) = match self {
            Self::Accept(share) => ((0.0..=1.0).contains(&share), "a share in 0..=1 after `accept:`"),
            Self::Budget(calls) => (calls >= 0.0 && calls.is_finite(), "calls, at least 0, after `budget:`"),
            Self::Latency(share) => (share > 0.0 && share.is_finite(), "a share above 0 after `latency:`"),
            Self::Loss(share) => (share > 0.0 && share < 1.0, "a share above 0 and below 1 after `loss:`"),
        };
        if is_valid { Ok(self) } else { Err(CalibrateError::Goal { expected, found: self.to_string() }) }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(share) => write!(f, "accept:{share}"),
            Self::Budget(calls) => write!(f, "budget:{calls}"),
            Self::Latency(share) => write!(f, "latency:{share}"),
            Self::Loss(share) => write!(f, "loss:{share}"),
        }
    }
}

impl FromStr for Goal {
    type Err = CalibrateError;
    fn from_str(text: &str) -> Result<Self, CalibrateError> {
        let unknown = || CalibrateError::Goal { expected: Self::FORMS, found: text.to_owned() };
        let (name, number) = text.split_once(':').ok_or_else(unknown)?;
        let number: f64 = number.parse().map_err(|_| unknown())?;
        match name {
            "accept" => Self::Accept(number).check(),
            "budget" => Self::Budget(number).check(),
            "latency" => Self::Latency(number).check(),
            "loss" => Self::Loss(number).check(),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Goal {
    type Error = CalibrateError;
    fn try_from(text: String) -> Result<Self, CalibrateError> {
        text.parse()
    }
}

impl From<Goal> for String {
    fn from(goal: Goal) -> Self {
        goal.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in
            ["accept:0.7", "accept:0", "accept:1", "budget:2", "budget:0.5", "latency:0.9", "latency:1.5", "loss:0.02"]
        {
            let goal: Goal = text.parse().unwrap();
            assert_eq!(goal.to_string(), text);
            assert_eq!(serde_json::to_string(&goal).unwrap(), format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Goal>(&format!("\"{text}\"")).unwrap(), goal);
        }
    }

    #[test]
    fn errors_say_what_is_expected() {
        for (text, part) in [
            ("", "accept:SHARE"),
            ("accept", "accept:SHARE"),
            ("acept:0.5", "accept:SHARE"),
            ("accept:x", "accept:SHARE"),
            ("accept:1.1", "0..=1"),
            ("accept:NaN", "0..=1"),
            ("budget:-1", "at least 0"),
            ("budget:inf", "at least 0"),
            ("latency:0", "above 0"),
            ("latency:NaN", "above 0"),
            ("loss:0", "below 1"),
            ("loss:1", "below 1"),
            ("loss:NaN", "below 1"),
        ] {
            let error = text.parse::<Goal>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(&format!("`{text}`")), "{text}: {error}");
            assert!(serde_json::from_str::<Goal>(&format!("\"{text}\"")).is_err());
        }
    }
}
