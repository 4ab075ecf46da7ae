//! Calls of the target that gained nothing.

use arbitrage_core::Usage;
use serde::{Deserialize, Serialize};

use crate::results::PolicyResults;

/// One point of the paper's Fig. 3: how often the target was called, and how often without a gain (`s_t ≤ s_d`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Waste {
    /// Share of steps that the target wrote, `1 − α`.
    pub deferral: f64,
    /// Share of the target's calls without a gain, among those whose gain is known. It is known where both steps were scored, and in
    /// [replays](crate::replay); `None` where it is never known, as in runs that only score the draft.
    pub of_calls: Option<f64>,
    /// Share of all steps that were regenerated without a gain.
    pub of_steps: Option<f64>,
    /// Number of calls whose gain is known.
    pub judged: f64,
}

/// Counts behind [`Waste`]. Expectations need not be whole numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WasteCounts {
    /// All steps.
    pub steps: f64,
    /// Steps by the target.
    pub escalated: f64,
    /// Steps by the target whose gain is known.
    pub judged: f64,
    /// Steps by the target without a gain, among those.
    pub wasted: f64,
}

impl Waste {
    /// The waste over all problems that did not fail; `None` without a step.
    pub fn of(results: &PolicyResults) -> Option<Self> {
        Self::of_usage(&super::roles::total(results).0)
    }

    pub(crate) fn of_usage(usage: &Usage) -> Option<Self> {
        let steps = usage.accepted_steps + usage.escalated_steps;
        let [steps, escalated, judged, wasted] =
            [steps, usage.escalated_steps, usage.judged_steps, usage.wasted_steps].map(|count| count as f64);
        Self::of_counts(&WasteCounts { steps, escalated, judged, wasted })
    }

    pub(crate) fn of_counts(counts: &WasteCounts) -> Option<Self> {
        let WasteCounts { steps, escalated, judged, wasted } = *counts;
        let deferral = (steps > 0.0).then(|| escalated / steps)?;
        let of_calls = (judged > 0.0).then(|| wasted / judged);
        Some(Self { deferral, of_calls, of_steps: of_calls.map(|share| share * deferral), judged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_figures_agree_with_each_other() {
        // At about 70% deferral, about 60% of the calls gain nothing, which is about 40% of the steps (paper, Fig. 3 and App. A).
        let mut usage = Usage::default();
        (usage.accepted_steps, usage.escalated_steps) = (30, 70);
        (usage.judged_steps, usage.wasted_steps) = (70, 42);
        let found = Waste::of_usage(&usage).unwrap();
        assert!((found.deferral - 0.7).abs() < 1e-12 && (found.of_steps.unwrap() - 0.42).abs() < 1e-12, "{found:?}");
        assert_eq!(found.of_calls, Some(0.6));
        usage.judged_steps = 0;
        let unknown = Waste::of_usage(&usage).unwrap();
        assert_eq!((unknown.of_calls, unknown.of_steps), (None, None));
        assert_eq!(Waste::of_usage(&Usage::default()), None);
    }
}
