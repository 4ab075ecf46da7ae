//! The learning rate at each step.

use serde::{Deserialize, Serialize};

/// Linear warm-up to the peak, then linear decay to 0 (paper, App. C). The rate depends on the step alone, so that a resumed run needs
/// no state for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The highest learning rate, above 0.
    pub peak: f64,
    /// Steps until the peak is reached.
    pub warm_up: usize,
    /// Steps until the rate is 0.
    pub steps: usize,
}

impl Schedule {
    /// A schedule that warms up over a twentieth of `steps`.
    pub fn new(peak: f64, steps: usize) -> Self {
        Self { peak, warm_up: steps.div_ceil(20), steps }
    }

    /// The rate at `step`, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        let rise = (step + 1) as f64 / (self.warm_up + 1) as f64;
        let left = self.steps.saturating_sub(step) as f64;
        let fall = left / self.steps.saturating_sub(self.warm_up).max(1) as f64;
        self.peak * rise.min(fall).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn the_rate_rises_to_the_peak_and_falls_to_zero() {
        let schedule = Schedule { peak: 1.0, warm_up: 9, steps: 109 };
        let rates: Vec<f64> = (0..=109).map(|step| schedule.rate(step)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-12 && rates[9] == 1.0 && rates[109] == 0.0);
        assert!(rates[..10].is_sorted() && rates[9..].iter().rev().is_sorted());
        assert!((rates[59] - 0.5).abs() < 1e-12);
        assert!(Schedule::new(0.1, 0).rate(0).is_finite() && Schedule::new(0.1, 1).rate(0) > 0.0);
    }
}
