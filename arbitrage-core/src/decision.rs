//! What a router decides, and what it has to see for that.

use serde::{Deserialize, Serialize};

/// Who writes the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Keep the draft's step.
    Accept,
    /// Let the target write the step.
    Escalate,
}

impl Route {
    /// [`Escalate`](Self::Escalate) where `condition` holds.
    pub fn escalate_if(condition: bool) -> Self {
        if condition { Self::Escalate } else { Self::Accept }
    }
}

/// What a router must see before it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The drafted step alone: the target is called only where the router escalates.
    DraftOnly,
    /// Both models' steps from the same prefix, for the oracle and for collecting labels. The target is then called for every
    /// step, so there is no speed-up.
    Both,
}

/// A route, with the numbers that the router chose it by. The engine acts on the route alone; the rest is recorded in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// Who writes the step.
    pub route: Route,
    /// The number that the router compares with its threshold, in its own unit: `P(Δ > 0)` for learned routers, `Δ` for the oracle,
    /// the draft's score for RSD, a mean log-probability or an entropy for the confidence gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<f32>,
    /// Score of the drafted step `s_d`, when the router has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft_score: Option<f32>,
    /// Score of the target's step `s_t`, when the router has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_score: Option<f32>,
    /// The standard deviation of one sample's score, where `target_score` is the mean over several samples of the target's step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_spread: Option<f32>,
    /// Whether a coin chose the route in place of the router ([`Explore`](crate::router::Explore)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explored: bool,
}

impl Decision {
    /// A route without an estimate.
    pub fn new(route: Route) -> Self {
        Self { route, estimate: None, draft_score: None, target_score: None, target_spread: None, explored: false }
    }

    /// Adds the estimate.
    pub fn with_estimate(mut self, estimate: f32) -> Self {
        self.estimate = Some(estimate);
        self
    }

    /// Adds the drafted step's score.
    pub fn with_draft_score(mut self, score: f32) -> Self {
        self.draft_score = Some(score);
        self
    }

    /// Adds the target step's score.
    pub fn with_target_score(mut self, score: f32) -> Self {
        self.target_score = Some(score);
        self
    }

    /// Adds the standard deviation of the target's scores over several samples of its step.
    pub fn with_target_spread(mut self, spread: f32) -> Self {
        self.target_spread = Some(spread);
        self
    }

    /// Whether an escalation gained nothing (`s_t ≤ s_d`); `None` unless both scores are known.
    pub fn wasted(&self) -> Option<bool> {
        Some(self.target_score? <= self.draft_score?)
    }
}

impl From<Route> for Decision {
    fn from(route: Route) -> Self {
        Self::new(route)
    }
}
