//! What a request may choose: its policy, threshold and budget.

use arbitrage_core::router::Rsd;
use arbitrage_core::{AdvantageRouter, ConfigError, StepScorer};
use arbitrage_router::{Policy, PolicyError};
use thiserror::Error;

/// The policies that a server has. Those without training are always there.
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
    pub(super) usual: Policy,
    pub(super) budget: Option<usize>,
    pub(super) learned: Option<Box<dyn AdvantageRouter>>,
    pub(super) rsd: Option<Rsd<Box<dyn StepScorer>>>,
    range: Option<(f32, f32)>,
}

impl Policies {
    /// `usual` is what requests get that choose nothing.
    pub fn new(usual: Policy) -> Self {
        Self { usual, budget: None, learned: None, rsd: None, range: None }
    }

    /// Adds a trained router, `learned`. Its estimates are probabilities, and it escalates above its threshold; a request may
    /// set another, which changes the comparison and nothing else.
    pub fn with_learned(mut self, router: impl AdvantageRouter + 'static) -> Self {
        self.learned = Some(Box::new(router));
        self
    }

    /// Adds a scorer, for `rsd`.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] for a scorer whose range holds nothing.
    pub fn with_scorer(mut self, scorer: impl StepScorer + 'static) -> Result<Self, ConfigError> {
        let scorer: Box<dyn StepScorer> = Box::new(scorer);
        let range = scorer.range();
        // The threshold that is given here never decides: each request's does.
        (self.rsd, self.range) = (Some(Rsd::new(scorer, range.0)?), Some(range));
        Ok(self)
    }

    /// At most so many steps by the target, for requests that set no budget.
    pub fn with_budget(mut self, steps: usize) -> Self {
        self.budget = Some(steps);
        self
    }

    /// What can be asked for.
    pub(super) fn available(&self) -> Available {
        Available { usual: self.usual, budget: self.budget, learned: self.learned.is_some(), range: self.range }
    }
}

/// What a [`Policies`] has, without the routers.
#[derive(Clone, Debug)]
pub(super) struct Available {
    pub usual: Policy,
    budget: Option<usize>,
    learned: bool,
    /// The scorer's range.
    range: Option<(f32, f32)>,
}

/// A request's choice, which the server can serve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub policy: Policy,
    pub budget: Option<usize>,
}

/// Why a policy cannot be chosen.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// It has the target write every step.
    #[error(
        "policy `{policy}` needs both models' steps at every step, which is for collecting data: a server has {known}"
    )]
    Both {
        /// The policy.
        policy: String,
        /// Those that there are.
        known: String,
    },
    /// Its router or scorer was not loaded.
    #[error("policy `{policy}` needs a {part}, and the server has none: it has {known}")]
    Missing {
        /// The policy.
        policy: String,
        /// What is missing.
        part: &'static str,
        /// Those that there are.
        known: String,
    },
    /// Its name or threshold makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl Available {
    /// A choice, if it can be served; without a budget of its own it has the usual one.
    pub fn choose(&self, policy: Policy, budget: Option<usize>) -> Result<Choice, ChoiceError> {
        let missing = |part| ChoiceError::Missing { policy: policy.to_string(), part, known: self.known() };
        match policy {
            Policy::Oracle(_) => return Err(ChoiceError::Both { policy: policy.to_string(), known: self.known() }),
            Policy::Learned(_) if !self.learned => return Err(missing("trained router")),
            Policy::Learned(tau) => within("learned", tau.unwrap_or(0.0), (0.0, 1.0))?,
            Policy::Rsd(tau) => within("rsd", tau, self.range.ok_or_else(|| missing("step scorer"))?)?,
            plain => drop(plain.router(None)?),
        }
        Ok(Choice { policy, budget: budget.or(self.budget) })
    }

    /// Names of what can be chosen.
    pub fn known(&self) -> String {
        let known = |name: &&str| match *name {
            "oracle:TAU" => false,
            "rsd:TAU" => self.range.is_some(),
            "learned:TAU" => self.learned,
            _ => true,
        };
        Policy::NAMES.iter().filter(|name| known(name)).copied().collect::<Vec<_>>().join(", ")
    }
}

fn within(policy: &str, tau: f32, (low, high): (f32, f32)) -> Result<(), PolicyError> {
    if (low..=high).contains(&tau) {
        return Ok(());
    }
    Err(ConfigError::Threshold { policy: policy.to_owned(), low, high, found: tau }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::router::AlwaysDraft;
    use arbitrage_core::scorer::scorer_fn;

    fn choose(policies: &Policies, policy: &str) -> Result<Choice, ChoiceError> {
        policies.available().choose(policy.parse().unwrap(), None)
    }

    #[test]
    fn only_what_is_there_can_be_chosen() {
        let bare = Policies::new(Policy::Draft);
        for (policy, part) in [("oracle:0", "data"), ("learned", "router"), ("rsd:0.5", "scorer")] {
            let error = choose(&bare, policy).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("entropy:TAU") && !error.contains("rsd:TAU"), "{error}");
        }
        let full = bare.with_learned(AlwaysDraft).with_scorer(scorer_fn(|_, _| 0.0)).unwrap().with_budget(3);
        for policy in ["draft", "target", "random:0.2", "logprob:-1", "entropy:1", "learned", "learned:1", "rsd:0"] {
            assert_eq!(choose(&full, policy).unwrap().budget, Some(3), "{policy}");
        }
        assert_eq!(full.available().choose(Policy::Draft, Some(0)).unwrap().budget, Some(0));
        assert!(choose(&full, "oracle:0").is_err());
    }

    #[test]
    fn thresholds_outside_their_range_are_refused() {
        let full = Policies::new(Policy::Draft).with_learned(AlwaysDraft).with_scorer(scorer_fn(|_, _| 0.0)).unwrap();
        for policy in
            ["learned:1.1", "learned:NaN", "learned:-0.1", "rsd:1.1", "rsd:NaN", "random:2", "logprob:1", "entropy:-1"]
        {
            assert!(matches!(choose(&full, policy), Err(ChoiceError::Policy(_))), "{policy}");
        }
    }
}
