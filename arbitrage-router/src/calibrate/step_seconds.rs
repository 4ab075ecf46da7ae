//! The time that a step costs.

use serde::{Deserialize, Serialize};

use super::CalibrateError;

/// Mean measured seconds per step of one pair of models on one machine.
///
/// At an escalation rate `e`, a step takes `c_d + c_r + e·(c_t + p_d) + (1 − e)·p_t` seconds: every step is drafted and
/// routed; an escalated step is written by the target and then prefilled by the draft; an accepted step is prefilled by
/// the target, sooner or later. Where prefilling is free, escalation saves time below the rate `1 − (c_d + c_r) / c_t`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSeconds {
    /// `c_d`: the draft writes a step.
    pub draft: f64,
    /// `c_r`: the router decides about a step.
    pub router: f64,
    /// `c_t`: the target writes a step.
    pub target: f64,
    /// `p_t`: the target prefills a step that the draft wrote.
    pub target_catch_up: f64,
    /// `p_d`: the draft prefills a step that the target wrote.
    pub draft_catch_up: f64,
}

impl StepSeconds {
    /// Validates the times: all have to be finite and at least 0, and that of the target more than 0.
    ///
    /// # Errors
    /// [`CalibrateError::Parameter`], naming the first invalid time.
    pub fn check(&self) -> Result<(), CalibrateError> {
        let times = [
            ("seconds of the draft", self.draft),
            ("seconds of the router", self.router),
            ("seconds of the target", self.target),
            ("seconds of the target's catching up", self.target_catch_up),
            ("seconds of the draft's catching up", self.draft_catch_up),
        ];
        let is_valid = |seconds: f64| seconds >= 0.0 && seconds.is_finite();
        match times.into_iter().find(|(_, seconds)| !is_valid(*seconds)) {
            Some((what, found)) => Err(CalibrateError::parameter(what, "a finite number, at least 0", found)),
            None if self.target > 0.0 => Ok(()),
            None => Err(CalibrateError::parameter("seconds of the target", "more than 0", self.target)),
        }
    }

    /// Mean seconds per step at an escalation rate in [0, 1].
    pub fn mean(&self, escalation_rate: f64) -> f64 {
        let escalated = self.target + self.draft_catch_up;
        self.draft + self.router + escalation_rate * escalated + (1.0 - escalation_rate) * self.target_catch_up
    }

    /// [`mean`](Self::mean) as a share of the time of the target alone.
    pub fn relative(&self, escalation_rate: f64) -> f64 {
        self.mean(escalation_rate) / self.target
    }

    /// The escalation rate at which a step takes as long as with the target alone; lower rates save time. It is not
    /// positive where no rate saves time, and `None` where the time does not grow with the rate.
    pub fn break_even(&self) -> Option<f64> {
        let slope = self.mean(1.0) - self.mean(0.0);
        (slope > 0.0).then(|| (self.target - self.mean(0.0)) / slope)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A pair whose draft is four times as fast as its target.
    pub(crate) fn pair() -> StepSeconds {
        StepSeconds { draft: 0.25, router: 0.0625, target: 1.0, target_catch_up: 0.125, draft_catch_up: 0.0625 }
    }

    #[test]
    fn the_mean_adds_all_terms() {
        assert_eq!(pair().mean(0.0), 0.25 + 0.0625 + 0.125);
        assert_eq!(pair().mean(1.0), 0.25 + 0.0625 + 1.0 + 0.0625);
        assert_eq!(pair().mean(0.25), 0.3125 + 0.25 * 1.0625 + 0.75 * 0.125);
        let twice =
            StepSeconds { draft: 0.5, router: 0.125, target: 2.0, target_catch_up: 0.25, draft_catch_up: 0.125 };
        assert_eq!(twice.relative(0.25), pair().relative(0.25));
    }

    #[test]
    fn at_break_even_the_pair_is_as_fast_as_the_target() {
        let rate = pair().break_even().unwrap();
        assert_eq!(rate, 0.6);
        assert!((pair().relative(rate) - 1.0).abs() < 1e-12);
        let free = StepSeconds { target_catch_up: 0.0, draft_catch_up: 0.0, ..pair() };
        assert_eq!(free.break_even(), Some(1.0 - (0.25 + 0.0625) / 1.0));
        let slow = StepSeconds { draft: 1.5, ..pair() };
        assert!(slow.break_even().unwrap() < 0.0);
        assert_eq!(StepSeconds { target_catch_up: 3.0, ..pair() }.break_even(), None);
    }

    #[test]
    fn invalid_times_are_named() {
        assert_eq!(pair().check(), Ok(()));
        for (seconds, name) in [
            (StepSeconds { draft: -1.0, ..pair() }, "draft"),
            (StepSeconds { router: f64::NAN, ..pair() }, "router"),
            (StepSeconds { target: 0.0, ..pair() }, "target"),
            (StepSeconds { target_catch_up: f64::INFINITY, ..pair() }, "target's catching up"),
            (StepSeconds { draft_catch_up: -0.1, ..pair() }, "draft's catching up"),
        ] {
            let error = seconds.check().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
