//! Policies of your own.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use arbitrage_core::router::{Side, Signal, ThresholdRange, ThresholdRule};
use arbitrage_core::{AdvantageRouter, forward_methods};

use super::{Policy, PolicyError};

/// A router of your own under a name, so that runs, configuration files, evaluations and reports can refer to it as they do to
/// the built-in policies.
///
/// [`register`](Self::register) makes the name known to the whole process; from then on `name` and `name:τ` are read as a
/// [`Policy`]. Traces keep name and threshold, so that reports of them need no registration.
///
/// ```
/// use arbitrage_core::{AdvantageRouter, Engine, Problem, Route, router_fn, testing::Scripted};
/// use arbitrage_router::{CustomPolicy, Policy};
///
/// // Escalates steps with more than τ hedging words.
/// let hedges = |tau: Option<f32>| {
///     let max = tau.unwrap_or(0.0) as usize;
///     router_fn(move |c| Route::escalate_if(c.draft.text.matches("maybe").count() > max))
/// };
/// CustomPolicy::new("hedges", hedges).with_default_threshold(0.0).register()?;
///
/// let policy: Policy = "hedges:1".parse()?;
/// assert_eq!((policy.name(), policy.threshold()), ("hedges", Some(1.0)));
/// let draft = Scripted::new("draft", ["maybe 4, maybe 5"]);
/// let mut engine = Engine::new(draft, Scripted::new("target", ["4"]), policy.router(None)?);
/// assert_eq!(engine.run_record().router, "hedges(τ=1)");
/// assert_eq!(engine.solve(&Problem::new("2 + 2?"))?.text(), "4");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CustomPolicy {
    name: &'static str,
    rule: Option<ThresholdRule>,
    build: Box<dyn Fn(Option<f32>) -> Box<dyn AdvantageRouter> + Send + Sync>,
}

/// The registered policies. They live as long as the process.
static REGISTERED: RwLock<Vec<&'static CustomPolicy>> = RwLock::new(Vec::new());

impl CustomPolicy {
    /// A policy without a threshold. `build` makes its router and gets the threshold, if the policy has one.
    pub fn new<R: AdvantageRouter + 'static>(
        name: &'static str,
        build: impl Fn(Option<f32>) -> R + Send + Sync + 'static,
    ) -> Self {
        Self { name, rule: None, build: Box::new(move |tau| Box::new(build(tau))) }
    }

    /// Gives the policy a threshold, any number, that is `tau` unless another is named. Its decisions are taken to escalate
    /// where [`Decision::estimate`](arbitrage_core::Decision::estimate) is greater than the threshold.
    pub fn with_default_threshold(self, tau: f32) -> Self {
        let range = ThresholdRange::Fixed { low: f32::NEG_INFINITY, high: f32::INFINITY };
        let (name, signal, side) = (self.name, Signal::Estimate, Side::Above);
        self.with_rule(ThresholdRule { name, signal, side, range, default: Some(tau) })
    }

    /// Gives the policy a threshold, and states what is compared with it. Replays decide by this rule along collected steps,
    /// without the router.
    pub fn with_rule(mut self, rule: ThresholdRule) -> Self {
        self.rule = Some(ThresholdRule { name: self.name, ..rule });
        self
    }

    /// Makes the name known, and returns the policy with its default threshold.
    ///
    /// # Errors
    /// [`PolicyError::Name`] for a name that is taken, or that is not made of lower-case letters, digits, `-` and `_`;
    /// [`PolicyError::Config`] for a default threshold out of the rule's range.
    pub fn register(self) -> Result<Policy, PolicyError> {
        let refuse = |expected| Err(PolicyError::Name { name: self.name.to_owned(), expected });
        let is_valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if self.name.is_empty() || !self.name.chars().all(is_valid) {
            return refuse("lower-case letters, digits, `-` and `_`");
        }
        if let Some(rule) = self.rule
            && let Some(tau) = rule.default
        {
            rule.check(tau, None)?;
        }
        let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
        if Policy::built_in(self.name).is_some() || registered.iter().any(|known| known.name == self.name) {
            return refuse("a name that no other policy has");
        }
        let policy: &'static Self = Box::leak(Box::new(self));
        registered.push(policy);
        Ok(policy.into())
    }

    /// The registered policy with this name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        registered.iter().find(|known| known.name == name).copied()
    }

    /// The names of all registered policies, with `:TAU` where they have a threshold.
    pub(super) fn names() -> Vec<String> {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        registered.iter().map(|known| known.name.to_owned() + if known.rule.is_some() { ":TAU" } else { "" }).collect()
    }

    /// The policy's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the policy compares with its threshold; `None` where it has no threshold.
    pub fn rule(&self) -> Option<ThresholdRule> {
        self.rule
    }

    /// The router at the threshold `tau`, which goes by the policy's name in traces.
    pub(super) fn router(&self, tau: Option<f32>) -> Box<dyn AdvantageRouter> {
        let name = tau.map_or_else(|| self.name.to_owned(), |tau| format!("{}(τ={tau})", self.name));
        Box::new(NamedRouter { name, router: (self.build)(tau) })
    }
}

impl From<&'static CustomPolicy> for Policy {
    fn from(policy: &'static CustomPolicy) -> Self {
        Self::Custom { policy, tau: policy.rule.and_then(|rule| rule.default) }
    }
}

impl PartialEq for CustomPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for CustomPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomPolicy").field("name", &self.name).field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// A router under another name.
struct NamedRouter {
    name: String,
    router: Box<dyn AdvantageRouter>,
}

impl AdvantageRouter for NamedRouter {
    forward_methods!(AdvantageRouter, self => self.router; evidence, before_draft, route, route_batch, release);

    fn name(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::testing::Scripted;
    use arbitrage_core::trace::{RunNotes, RunRecord};
    use arbitrage_core::{Engine, Route, router_fn};

    fn accepting(_tau: Option<f32>) -> impl AdvantageRouter {
        router_fn(|_| Route::Accept)
    }

    #[test]
    fn registered_names_are_read_as_policies() {
        let policy = CustomPolicy::new("read-as-policy", accepting).with_default_threshold(0.5).register().unwrap();
        assert_eq!("read-as-policy".parse(), Ok(policy));
        let other: Policy = "read-as-policy:0.25".parse().unwrap();
        assert_eq!(
            (other.name(), other.threshold(), other.to_string()),
            ("read-as-policy", Some(0.25), "read-as-policy:0.25".to_owned())
        );
        assert_eq!(other.router(None).unwrap().name(), "read-as-policy(τ=0.25)");
        assert_ne!(other, policy);
        assert!(Policy::known_names().contains(&"read-as-policy:TAU".to_owned()));
        assert_eq!(other.rule().unwrap().decide(0.3f32, 0.25), Route::Escalate);
        assert!(other.with_threshold(f32::NAN).unwrap().check(None).is_err());
    }

    #[test]
    fn a_policy_without_a_threshold_refuses_one() {
        let policy = CustomPolicy::new("without-threshold", accepting).register().unwrap();
        assert_eq!(
            (policy.threshold(), policy.rule(), policy.to_string()),
            (None, None, "without-threshold".to_owned())
        );
        assert_eq!(policy.router(None).unwrap().name(), "without-threshold");
        assert!(matches!("without-threshold:1".parse::<Policy>(), Err(PolicyError::Threshold { .. })));
    }

    #[test]
    fn a_trace_keeps_name_and_threshold() {
        let policy = CustomPolicy::new("traced", accepting).with_default_threshold(0.5).register().unwrap();
        let (draft, target) = (Scripted::new("draft", []), Scripted::new("target", []));
        let engine = Engine::new(draft, target, policy.router(None).unwrap())
            .with_notes(RunNotes::default().with_policy(policy.name(), policy.threshold()));
        let line = serde_json::to_string(&engine.run_record()).unwrap();
        // Nothing of what follows knows that the policy is registered.
        let run: RunRecord = serde_json::from_str(&line).unwrap();
        assert_eq!(run.router, "traced(τ=0.5)");
        assert_eq!(Policy::split(run.notes.policy.as_deref().unwrap()), ("traced", Some(0.5)));
    }

    #[test]
    fn names_that_are_taken_or_unreadable_are_refused() {
        let register = |name| CustomPolicy::new(name, accepting).register();
        register("taken").unwrap();
        for name in ["taken", "rsd", "mean-logprob", "", "a:b", "a b", "A"] {
            assert!(matches!(register(name), Err(PolicyError::Name { .. })), "{name}");
        }
        let rule = ThresholdRule { default: Some(2.0), ..ThresholdRule::LEARNED };
        assert!(matches!(
            CustomPolicy::new("out-of-range", accepting).with_rule(rule).register(),
            Err(PolicyError::Config(_))
        ));
    }
}
