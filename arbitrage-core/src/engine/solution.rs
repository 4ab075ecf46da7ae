//! What the engine returns.

use crate::trace::StepRecord;
use crate::{Accepted, Stop, Usage};

/// A finished solution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Solution {
    /// The committed steps, each with its author.
    pub steps: Vec<Accepted>,
    /// One record for each step, with the drafts that were rejected, the decisions and the costs.
    pub records: Vec<StepRecord>,
    /// Why it ended.
    pub stop: Stop,
    /// What it cost.
    pub usage: Usage,
}

impl Solution {
    /// The whole text: the steps, joined.
    pub fn text(&self) -> String {
        self.steps.iter().map(|accepted| accepted.step.text.as_str()).collect()
    }
}
