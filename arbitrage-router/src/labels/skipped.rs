//! Steps of a trace that became no example.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Steps that became no example, by reason; each is counted once, under the first reason that applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Skipped {
    /// An earlier step is missing from the trace, so that the prefix is unknown.
    pub without_history: usize,
    /// The router decided before a draft was written.
    pub without_draft: usize,
    /// The target was not called.
    pub without_target: usize,
    /// A step was not scored: the policy scores only one of them, or the scorer failed.
    pub without_scores: usize,
    /// Problems whose end, and so their question, is missing: the run was killed.
    pub unended_problems: usize,
    /// Steps of those problems.
    pub unended_steps: usize,
    /// Records that a later attempt replaced, and those that followed a replaced one: the run was killed and resumed.
    pub superseded: usize,
}

impl Skipped {
    /// All steps that became no example, superseded records included.
    pub fn steps(&self) -> usize {
        self.without_history
            + self.without_draft
            + self.without_target
            + self.without_scores
            + self.unended_steps
            + self.superseded
    }
}

impl fmt::Display for Skipped {
    /// `nothing skipped`, or the reasons that occurred: `3 without scores, 7 of 1 problem without an end`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.unended_problems == 1 { "" } else { "s" };
        let problems = format!("of {} problem{plural} without an end", self.unended_problems);
        let reasons = [
            (self.without_history, "behind a missing step"),
            (self.without_draft, "without a draft"),
            (self.without_target, "without the target's step"),
            (self.without_scores, "without scores"),
            (self.superseded, "superseded"),
        ];
        let mut parts: Vec<String> =
            reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("{count} {reason}")).collect();
        if self.unended_problems > 0 {
            parts.push(format!("{} {problems}", self.unended_steps));
        }
        if parts.is_empty() { f.pad("nothing skipped") } else { write!(f, "steps skipped: {}", parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasons_that_occurred_are_printed() {
        assert_eq!(Skipped::default().to_string(), "nothing skipped");
        let skipped = Skipped { without_scores: 3, unended_problems: 1, unended_steps: 7, ..Skipped::default() };
        assert_eq!(skipped.to_string(), "steps skipped: 3 without scores, 7 of 1 problem without an end");
        assert_eq!(skipped.steps(), 10);
        let each = Skipped {
            without_history: 1,
            without_draft: 2,
            without_target: 4,
            without_scores: 8,
            unended_problems: 100,
            unended_steps: 16,
            superseded: 32,
        };
        assert_eq!(each.steps(), 63);
        let unended = Skipped { unended_problems: 2, ..Skipped::default() };
        assert_eq!(unended.to_string(), "steps skipped: 0 of 2 problems without an end");
    }
}
