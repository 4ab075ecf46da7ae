//! Seconds per token of one pair of models on one machine.

use arbitrage_router::calibrate::StepSeconds;
use serde::{Deserialize, Serialize};

use super::work::RoleWork;
use super::{CostError, WorkCounts};

/// Seconds per token of one pair of models on one machine, solving one problem at a time. Deserialising checks the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedHardware")]
#[non_exhaustive]
pub struct Hardware {
    /// Its name, such as `Llama 1B/8B on an A100`.
    pub name: String,
    /// The draft's seconds per token.
    pub draft: TokenSeconds,
    /// The target's seconds per token.
    pub target: TokenSeconds,
    /// Seconds that a trained router takes per step.
    #[serde(default)]
    pub router_step: f64,
    /// Seconds that a scorer takes per token of a step.
    #[serde(default)]
    pub scorer_token: f64,
}

/// Seconds per token of one model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenSeconds {
    /// Seconds per decoded token, above 0.
    pub decoded: f64,
    /// Seconds per token of a prefill: of a prompt, of the other model's step, or of speculative tokens that are verified.
    pub prefilled: f64,
}

/// Whether the target verifies rejected drafts as speculative tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reuse {
    /// The target decodes every token of its steps one by one.
    Off,
    /// The target verifies the draft's tokens in one pass and decodes only from the first one that it rejects.
    #[default]
    On,
}

impl Hardware {
    /// Hardware on which decisions take no time.
    ///
    /// # Errors
    /// [`CostError::Number`] for seconds that are NaN, infinite or negative.
    pub fn new(name: impl Into<String>, draft: TokenSeconds, target: TokenSeconds) -> Result<Self, CostError> {
        Self { name: name.into(), draft, target, router_step: 0.0, scorer_token: 0.0 }.checked()
    }

    /// Sets the seconds of a router per step and of a scorer per token.
    ///
    /// # Errors
    /// [`CostError::Number`] for seconds that are NaN, infinite or negative.
    pub fn with_decision_seconds(self, router_step: f64, scorer_token: f64) -> Result<Self, CostError> {
        Self { router_step, scorer_token, ..self }.checked()
    }

    fn checked(self) -> Result<Self, CostError> {
        let times = [
            ("seconds per token that the draft decodes", self.draft.decoded),
            ("seconds per token that the draft reads", self.draft.prefilled),
            ("seconds per token that the target decodes", self.target.decoded),
            ("seconds per token that the target reads", self.target.prefilled),
            ("seconds of the router per step", self.router_step),
            ("seconds of the scorer per token", self.scorer_token),
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
    /// For a problem of equal steps this is `c_d + c_r + e·(c_t + p_d) + (1 − e)·p_t` per step, except at the end: a model that is not called
    /// again never reads the other's last steps.
    pub fn seconds(&self, work: &WorkCounts, reuse: Reuse) -> f64 {
        self.draft.seconds(&work.draft, reuse)
            + self.target.seconds(&work.target, reuse)
            + self.router_step * work.routed
            + self.scorer_token * work.scored
    }

    /// Mean seconds per step, for [break-even lines](crate::metrics::break_even), if the draft's steps have `draft` tokens, the target's
    /// `target`, and a decision takes `decision` seconds. Each model reads the other's steps.
    pub fn step_seconds(&self, draft: f64, target: f64, decision: f64) -> StepSeconds {
        StepSeconds {
            draft: self.draft.decoded * draft,
            router: decision,
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

/// Hardware as a file has it, before it is checked.
#[derive(Deserialize)]
struct UncheckedHardware {
    name: String,
    draft: TokenSeconds,
    target: TokenSeconds,
    #[serde(default)]
    router_step: f64,
    #[serde(default)]
    scorer_token: f64,
}

impl TryFrom<UncheckedHardware> for Hardware {
    type Error = CostError;
    fn try_from(found: UncheckedHardware) -> Result<Self, CostError> {
        Self::new(found.name, found.draft, found.target)?.with_decision_seconds(found.router_step, found.scorer_token)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A pair whose draft is four times as fast as its target; both read eight times as fast as they decode.
    pub(crate) fn pair() -> Hardware {
        let (draft, target) =
            (TokenSeconds { decoded: 0.25, prefilled: 0.03125 }, TokenSeconds { decoded: 1.0, prefilled: 0.125 });
        Hardware::new("pair", draft, target).unwrap().with_decision_seconds(0.5, 0.0625).unwrap()
    }

    proptest! {
        /// The time per step of a problem of equal steps is that of the method's formula.
        #[test]
        fn seconds_are_those_of_the_formula(accepted in 0u32..50, escalated in 0u32..50, tokens in 1u32..50) {
            let (steps, tokens) = (f64::from(accepted + escalated), f64::from(tokens));
            prop_assume!(steps > 0.0);
            let mut work = WorkCounts { routed: steps, ..WorkCounts::default() };
            (work.draft.decoded, work.draft.prefilled) = (steps * tokens, f64::from(escalated) * tokens);
            (work.target.decoded, work.target.prefilled) = (f64::from(escalated) * tokens, f64::from(accepted) * tokens);
            let expected = pair().step_seconds(tokens, tokens, 0.5).mean(f64::from(escalated) / steps);
            prop_assert!((pair().seconds(&work, Reuse::Off) - steps * expected).abs() < 1e-9 * steps * expected);
        }
    }

    #[test]
    fn speculative_tokens_are_read_and_save_decoding() {
        let mut work = WorkCounts { scored: 16.0, ..WorkCounts::default() };
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
        assert!(pair().with_decision_seconds(0.0, f64::NAN).is_err());
    }
}
