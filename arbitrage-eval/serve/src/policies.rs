//! The policies that requests may choose, each with its threshold and a budget.

use std::fmt;

use arbitrage_core::router::Rsd;
use arbitrage_core::{AdvantageRouter, ConfigError, StepScorer};
use arbitrage_router::calibrate::Promise;
use arbitrage_router::{Policy, PolicyError};
use thiserror::Error;

/// The policies of a server. Policies that need neither a trained router nor a scorer are always available.
///
/// ```
/// use arbitrage_core::scorer::scorer_fn;
/// use arbitrage_serve::Policies;
/// use arbitrage_router::Policy;
///
/// let policies = Policies::new(Policy::Rsd(0.5)).with_scorer(scorer_fn(|_, _| 0.7))?;
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
pub struct Policies {
    pub(super) default_policy: Policy,
    pub(super) budget: Option<usize>,
    pub(super) learned: Option<Box<dyn AdvantageRouter>>,
    pub(super) rsd: Option<Rsd<Box<dyn StepScorer>>>,
    /// The range of the scorer.
    range: Option<(f32, f32)>,
    promise: Option<Promise>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("capabilities", &self.capabilities()).finish_non_exhaustive()
    }
}

impl Policies {
    /// The policies without training. Requests that choose no policy get `default_policy`.
    pub fn new(default_policy: Policy) -> Self {
        Self { default_policy, budget: None, learned: None, rsd: None, range: None, promise: None }
    }

    /// Adds a trained router as the policy `learned`. Its estimates are probabilities, and it escalates above its threshold. A request
    /// may choose another threshold, which its estimates are then compared with.
    pub fn with_learned(mut self, router: impl AdvantageRouter + 'static) -> Self {
        self.learned = Some(Box::new(router));
        self
    }

    /// Adds a step scorer, and with it the policy `rsd`.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] for a scorer with an empty range.
    pub fn with_scorer(mut self, scorer: impl StepScorer + 'static) -> Result<Self, ConfigError> {
        let scorer: Box<dyn StepScorer> = Box::new(scorer);
        let range = scorer.range();
        // This threshold is never used, since each request has its own.
        (self.rsd, self.range) = (Some(Rsd::new(scorer, range.0)?), Some(range));
        Ok(self)
    }

    /// Sets the most target steps of requests that choose no budget.
    pub fn with_budget(mut self, steps: usize) -> Self {
        self.budget = Some(steps);
        self
    }

    /// States what is promised of the default policy at its threshold, in the description of the model. It is not stated where requests
    /// get a budget, which may let the draft write what the router escalates.
    pub fn with_promise(mut self, promise: Promise) -> Self {
        self.promise = Some(promise);
        self
    }

    /// What requests may choose.
    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            default_policy: self.default_policy,
            budget: self.budget,
            learned: self.learned.is_some(),
            range: self.range,
            promise: self.promise.clone().filter(|_| self.budget.is_none()),
        }
    }
}

/// What requests may choose, without the routers themselves.
#[derive(Clone, Debug)]
pub(super) struct Capabilities {
    pub default_policy: Policy,
    /// The budget of requests that choose none.
    budget: Option<usize>,
    learned: bool,
    /// The scorer's range.
    range: Option<(f32, f32)>,
    /// What is promised of the default policy, for requests without a budget.
    pub promise: Option<Promise>,
}

/// The policy and the budget of a request. The server has what the policy needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PolicyChoice {
    pub policy: Policy,
    pub budget: Option<usize>,
}

/// Why a request cannot choose a policy.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PolicyChoiceError {
    /// The policy needs both models to write every step.
    #[error(
        "policy `{policy}` needs both models to write every step, which is only for collecting data: expected one of {known}"
    )]
    NeedsBothModels {
        /// The policy.
        policy: String,
        /// The policies that can be chosen.
        known: String,
    },
    /// The server has no router or scorer for the policy.
    #[error("policy `{policy}` needs a {part}, which the server has not loaded: expected one of {known}")]
    Missing {
        /// The policy.
        policy: String,
        /// The missing part.
        part: &'static str,
        /// The policies that can be chosen.
        known: String,
    },
    /// The name of the policy or its threshold is invalid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl Capabilities {
    /// Checks a choice. Without a `budget` it gets the default budget.
    pub(crate) fn choose(&self, policy: Policy, budget: Option<usize>) -> Result<PolicyChoice, PolicyChoiceError> {
        let missing =
            |part| PolicyChoiceError::Missing { policy: policy.to_string(), part, known: self.policy_names() };
        match policy {
            Policy::Oracle(_) => {
                return Err(PolicyChoiceError::NeedsBothModels {
                    policy: policy.to_string(),
                    known: self.policy_names(),
                });
            }
            Policy::Learned(_) if !self.learned => return Err(missing("trained router")),
            Policy::Rsd(_) => policy.check(Some(self.range.ok_or_else(|| missing("step scorer"))?))?,
            Policy::Draft
            | Policy::Target
            | Policy::Random(_)
            | Policy::MeanLogprob(_)
            | Policy::FirstTokenEntropy(_)
            | Policy::Learned(_)
            | Policy::Custom { .. } => policy.check(None)?,
        }
        Ok(PolicyChoice { policy, budget: budget.or(self.budget) })
    }

    /// The names of the policies that can be chosen, with what belongs after the colon.
    pub(crate) fn policy_names(&self) -> String {
        let is_available = |text: &String| match Policy::split(text).0.parse() {
            Ok(Policy::Oracle(_)) | Err(_) => false,
            Ok(Policy::Rsd(_)) => self.range.is_some(),
            Ok(Policy::Learned(_)) => self.learned,
            Ok(
                Policy::Draft
                | Policy::Target
                | Policy::Random(_)
                | Policy::MeanLogprob(_)
                | Policy::FirstTokenEntropy(_)
                | Policy::Custom { .. },
            ) => true,
        };
        Policy::known_names().into_iter().filter(is_available).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::router::AlwaysDraft;
    use arbitrage_core::scorer::scorer_fn;
    use arbitrage_router::CustomPolicy;

    fn choose(policies: &Policies, policy: &str) -> Result<PolicyChoice, PolicyChoiceError> {
        policies.capabilities().choose(policy.parse().unwrap(), None)
    }

    #[test]
    fn only_available_policies_can_be_chosen() {
        let bare = Policies::new(Policy::Draft);
        for (policy, part) in [("oracle:0", "data"), ("learned", "router"), ("rsd:0.5", "scorer")] {
            let error = choose(&bare, policy).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("entropy:TAU") && !error.contains("rsd:TAU"), "{error}");
        }
        let full = bare.with_learned(AlwaysDraft).with_scorer(scorer_fn(|_, _| 0.0)).unwrap().with_budget(3);
        for policy in ["draft", "target", "random:0.2", "logprob:-1", "entropy:1", "learned", "learned:1", "rsd:0"] {
            assert_eq!(choose(&full, policy).unwrap().budget, Some(3), "{policy}");
        }
        assert_eq!(full.capabilities().choose(Policy::Draft, Some(0)).unwrap().budget, Some(0));
        assert!(choose(&full, "oracle:0").is_err());
    }

    #[test]
    fn registered_policies_can_be_chosen_and_are_listed() {
        CustomPolicy::new("listed", |_| AlwaysDraft).with_default_threshold(0.5).register().unwrap();
        let policies = Policies::new(Policy::Draft);
        assert_eq!(choose(&policies, "listed:0.7").unwrap().policy.threshold(), Some(0.7));
        assert!(policies.capabilities().policy_names().contains("listed:TAU"));
        assert!(choose(&policies, "listed:NaN").is_err());
    }

    #[test]
    fn thresholds_outside_their_range_are_refused() {
        let full = Policies::new(Policy::Draft).with_learned(AlwaysDraft).with_scorer(scorer_fn(|_, _| 0.0)).unwrap();
        for policy in
            ["learned:1.1", "learned:NaN", "learned:-0.1", "rsd:1.1", "rsd:NaN", "random:2", "logprob:1", "entropy:-1"]
        {
            assert!(matches!(choose(&full, policy), Err(PolicyChoiceError::Policy(_))), "{policy}");
        }
    }
}
