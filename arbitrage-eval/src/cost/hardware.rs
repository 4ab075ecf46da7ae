//! Seconds of one pair of models on one machine.

use arbitrage_router::calibrate::StepSeconds;
use serde::{Deserialize, Serialize};

use super::work::RoleWork;
use super::{CostError, Work};

/// Seconds of one pair of models on one machine, measured at one problem at a time. Files are checked as they are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
#[non_exhaustive]
pub struct Hardware {
    /// Its name, such as `Llama 1B/8B on an A100`.
    pub name: String,
    /// The draft's seconds a token.
    pub draft: TokenSeconds,
    /// The target's seconds a token.
    pub target: TokenSeconds,
    /// Seconds that a trained router takes for a step.
    #[serde(default)]
    pub router_step: f64,
    /// Seconds that a scorer takes for a token of a step.
    #[serde(default)]
    pub scorer_token: f64,
}

/// Seconds a token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenSeconds {
    /// A token written, above 0.
    pub decoded: f64,
    /// A token read, many at once: of a prompt, of the other's step, or of a guess that is verified.
    pub prefilled: f64,
}

/// What becomes of rejected drafts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reuse {
    /// The target writes every token of its steps one by one.
    Off,
    /// The target reads what was guessed and writes but what does not come true of it.
    #[default]
    On,
}

impl Hardware {
    /// Hardware on which decisions cost nothing.
    ///
    /// # Errors
    /// [`CostError::Number`] for seconds that are none.
    pub fn new(name: impl Into<String>, draft: TokenSeconds, target: TokenSeconds) -> Result<Self, CostError> {
        Self { name: name.into(), draft, target, router_step: 0.0, scorer_token: 0.0 }.checked()
    }

    /// Sets the seconds of a router a step and of a scorer a token.
    ///
    /// # Errors
    /// [`CostError::Number`] for seconds that are none.
    pub fn with_judges(self, router_step: f64, scorer_token: f64) -> Result<Self, CostError> {
        Self { router_step, scorer_token, ..self }.checked()
    }

    fn checked(self) -> Result<Self, CostError> {
        let times = [
            ("seconds a token that the draft decodes", self.draft.decoded),
            ("seconds a token that the draft reads", self.draft.prefilled),
            ("seconds a token that the target decodes", self.target.decoded),
            ("seconds a token that the target reads", self.target.prefilled),
            ("seconds of the router a step", self.router_step),
            ("seconds of the scorer a token", self.scorer_token),
        ];
        let wrong = |(what, expected, found)| Err(CostError::Number { name: self.name.clone(), what, expected, found });
        let is_time = |seconds: f64| seconds >= 0.0 && seconds.is_finite();
        match times.into_iter().find(|(_, seconds)| !is_time(*seconds)) {
            Some((what, found)) => wrong((what, "finite and at least 0", found)),
            None => match [times[0], times[2]].into_iter().find(|(_, seconds)| *seconds == 0.0) {
                Some((what, found)) => wrong((what, "above 0", found)),
                None => Ok(self),
            },
        }
    }

    /// Seconds that `work` takes.
    ///
    /// Over the steps of a problem this is `c_d + c_r + e·(c_t + p_d) + (1 − e)·p_t` a step, but for catching up that nobody waits for:
    /// a model that is not asked again does not read what the other wrote last.
    pub fn seconds(&self, work: &Work, reuse: Reuse) -> f64 {
        self.draft.seconds(&work.draft, reuse)
            + self.target.seconds(&work.target, reuse)
            + self.router_step * work.routed
            + self.scorer_token * work.scored
    }

    /// Mean seconds a step, for [break-even lines](crate::metrics::break_even): of `draft` and `target` tokens a step of each author,
    /// judged in `judge` seconds. Each reads the other's steps.
    pub fn step_seconds(&self, draft: f64, target: f64, judge: f64) -> StepSeconds {
        StepSeconds {
            draft: self.draft.decoded * draft,
            router: judge,
            target: self.target.decoded * target,
            target_catch_up: self.target.prefilled * draft,
            draft_catch_up: self.draft.prefilled * target,
        }
    }
}

impl TokenSeconds {
    fn seconds(&self, work: &RoleWork, reuse: Reuse) -> f64 {
        let plain = self.decoded * work.decoded + self.prefilled * work.prefilled;
        match reuse {
            Reuse::Off => plain,
            Reuse::On => plain + self.prefilled * work.guessed - self.decoded * work.confirmed,
        }
    }
}

/// What a file says of hardware, to be checked.
#[derive(Deserialize)]
struct Unchecked {
    name: String,
    draft: TokenSeconds,
    target: TokenSeconds,
    #[serde(default)]
    router_step: f64,
    #[serde(default)]
    scorer_token: f64,
}

impl TryFrom<Unchecked> for Hardware {
    type Error = CostError;
    fn try_from(found: Unchecked) -> Result<Self, CostError> {
        Self::new(found.name, found.draft, found.target)?.with_judges(found.router_step, found.scorer_token)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A pair whose draft is four times as fast, and reads ten times as fast as it writes.
    pub(crate) fn pair() -> Hardware {
        let (draft, target) =
            (TokenSeconds { decoded: 0.25, prefilled: 0.03125 }, TokenSeconds { decoded: 1.0, prefilled: 0.125 });
        Hardware::new("pair", draft, target).unwrap().with_judges(0.5, 0.0625).unwrap()
    }

    proptest! {
        /// A problem of equal steps takes, a step, what the formula of the method says.
        #[test]
        fn seconds_are_those_of_the_formula(accepted in 0u32..50, escalated in 0u32..50, tokens in 1u32..50) {
            let (steps, tokens) = (f64::from(accepted + escalated), f64::from(tokens));
            prop_assume!(steps > 0.0);
            let mut work = Work { routed: steps, ..Work::default() };
            (work.draft.decoded, work.draft.prefilled) = (steps * tokens, f64::from(escalated) * tokens);
            (work.target.decoded, work.target.prefilled) = (f64::from(escalated) * tokens, f64::from(accepted) * tokens);
            let expected = pair().step_seconds(tokens, tokens, 0.5).mean(f64::from(escalated) / steps);
            prop_assert!((pair().seconds(&work, Reuse::Off) - steps * expected).abs() < 1e-9 * steps * expected);
        }
    }

    #[test]
    fn guesses_are_read_and_spare_their_writing() {
        let mut work = Work { scored: 16.0, ..Work::default() };
        work.target = RoleWork { decoded: 10.0, prefilled: 8.0, guessed: 8.0, confirmed: 6.0 };
        assert_eq!(pair().seconds(&work, Reuse::Off), 1.0 + 10.0 + 1.0);
        assert_eq!(pair().seconds(&work, Reuse::On), 1.0 + 4.0 + 1.0 + 1.0);
    }

    #[test]
    fn files_are_checked() {
        let text = serde_json::to_string(&pair()).unwrap();
        assert_eq!(serde_json::from_str::<Hardware>(&text).unwrap(), pair());
        for (from, to, part) in [
            ("\"decoded\":0.25", "\"decoded\":0.0", "draft decodes expected to be above 0"),
            ("\"prefilled\":0.125", "\"prefilled\":-1.0", "target reads"),
            ("\"router_step\":0.5", "\"router_step\":-0.5", "router"),
            ("\"decoded\":1.0", "\"decoded\":1e999", ""),
        ] {
            let error = serde_json::from_str::<Hardware>(&text.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(pair().with_judges(0.0, f64::NAN).is_err());
    }
}
