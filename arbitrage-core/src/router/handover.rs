//! The target keeps writing after it was called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::AdvantageRouter;
use crate::{Author, BoxError, Candidate, ConfigError, Decision, Prefix, Route, forward_methods};

/// When the target keeps writing, and for how long. Written `H`, to the end of the solution, or `H:K`, for K steps.
///
/// The steps that a router escalates are counted. After the one that makes `H`, the next `K` steps, or all that follow, are the
/// target's too, and no draft of them is written. After `K` steps the drafter takes over again, and counting starts anew.
///
/// ```
/// use arbitrage_core::{Author::{Draft, Target}, router::HandoverRule};
/// let rule: HandoverRule = "2:1".parse()?;
/// assert!(!rule.is_handed_over([Target, Draft]));
/// assert!(rule.is_handed_over([Target, Draft, Target]));
/// assert!(!rule.is_handed_over([Target, Draft, Target, Target]), "one step, then the drafter takes over");
/// assert_eq!(rule.to_string(), "2:1");
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HandoverRule {
    after: usize,
    steps: Option<usize>,
}

impl HandoverRule {
    /// After the `after`-th escalated step, the target writes all further steps.
    ///
    /// # Errors
    /// [`ConfigError::Limit`] unless `after` is at least 1.
    pub fn to_the_end(after: usize) -> Result<Self, ConfigError> {
        match after {
            0 => Err(ConfigError::Limit { name: "handover", least: 1, found: 0 }),
            after => Ok(Self { after, steps: None }),
        }
    }

    /// After the `after`-th escalated step, the target writes `steps` further steps.
    ///
    /// # Errors
    /// [`ConfigError::Limit`] unless both are at least 1.
    pub fn for_steps(after: usize, steps: usize) -> Result<Self, ConfigError> {
        match steps {
            0 => Err(ConfigError::Limit { name: "steps of a handover", least: 1, found: 0 }),
            steps => Ok(Self { steps: Some(steps), ..Self::to_the_end(after)? }),
        }
    }

    /// Whether the next step is the target's without a draft, after steps by these authors.
    pub fn is_handed_over(&self, authors: impl IntoIterator<Item = Author>) -> bool {
        // Escalations counted, and the steps that the target still has of a handover.
        let (mut escalated, mut left) = (0, 0);
        for author in authors {
            match (left, author) {
                (0, Author::Draft) => {}
                (0, Author::Target) if escalated + 1 < self.after => escalated += 1,
                (0, Author::Target) => (escalated, left) = (0, self.steps.unwrap_or(usize::MAX)),
                (_, _) => left -= 1,
            }
        }
        left > 0
    }
}

impl fmt::Display for HandoverRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps {
            None => write!(f, "{}", self.after),
            Some(steps) => write!(f, "{}:{steps}", self.after),
        }
    }
}

impl FromStr for HandoverRule {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let number = |number: &str| {
            number.parse().map_err(|_| ConfigError::Parameter {
                what: "handover".to_owned(),
                expected: "a number of escalations such as 1, with or without a number of steps, such as 1:3"
                    .to_owned(),
                found: format!("`{text}`"),
            })
        };
        match text.split_once(':') {
            None => Self::to_the_end(number(text)?),
            Some((after, steps)) => Self::for_steps(number(after)?, number(steps)?),
        }
    }
}

impl TryFrom<String> for HandoverRule {
    type Error = ConfigError;
    fn try_from(text: String) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl From<HandoverRule> for String {
    fn from(rule: HandoverRule) -> Self {
        rule.to_string()
    }
}

/// Decides as another router does, and lets the target keep writing after some of the escalated steps, so that the two models do
/// not have to read each other's text again and again.
///
/// Who wrote the steps is seen in the prefix, so the router keeps no state for a sequence. While the target keeps writing, no draft
/// is written, and neither the inner router nor its scorer is called. Every step by the target that is not part of a handover
/// counts as escalated, also one that was escalated because the router failed. Inside of a [`Budget`](super::Budget), the budget
/// counts all steps of the target and ends the handover when it is spent.
///
/// ```
/// use arbitrage_core::router::{Handover, HandoverRule};
/// use arbitrage_core::{Engine, Problem, Route, router_fn, testing::Scripted};
/// let (draft, target) = (Scripted::new("draft", ["a\n\n", "?\n\n", "c"]), Scripted::new("target", ["A\n\n", "B\n\n", "C"]));
/// let router = router_fn(|c| Route::escalate_if(c.draft.text.contains('?')));
/// let mut engine = Engine::new(draft, target, Handover::new(router, HandoverRule::to_the_end(1)?));
/// assert_eq!(engine.solve(&Problem::new("?"))?.text(), "a\n\nB\n\nC");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Handover<R> {
    router: R,
    rule: HandoverRule,
}

impl<R: AdvantageRouter> Handover<R> {
    /// Decides as `router`, with handovers by `rule`.
    pub fn new(router: R, rule: HandoverRule) -> Self {
        Self { router, rule }
    }

    /// The decision on a step that the target keeps.
    fn handed_over(&self, prefix: &Prefix<'_>) -> Option<Decision> {
        let authors = prefix.steps.iter().map(|accepted| accepted.author);
        self.rule.is_handed_over(authors).then(|| Route::Escalate.into())
    }
}

impl<R: AdvantageRouter> AdvantageRouter for Handover<R> {
    forward_methods!(AdvantageRouter, self => self.router; evidence, release);

    fn name(&self) -> String {
        format!("handover({}, after={})", self.router.name(), self.rule)
    }

    fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
        self.handed_over(prefix).or_else(|| self.router.before_draft(prefix))
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        match self.handed_over(&candidate.prefix) {
            Some(decision) => Ok(decision),
            None => self.router.route(candidate),
        }
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        // The engine calls `before_draft` first, so that only other callers come here with a step that the target keeps.
        if candidates.iter().any(|candidate| self.handed_over(&candidate.prefix).is_some()) {
            candidates.iter().map(|candidate| self.route(candidate)).collect()
        } else {
            self.router.route_batch(candidates)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["1", "2", "1:3", "12:1"] {
            assert_eq!(text.parse::<HandoverRule>().unwrap().to_string(), text);
        }
        for text in ["", "0", "0:1", "1:0", "1:", ":1", "-1", "x", "1:2:3"] {
            assert!(text.parse::<HandoverRule>().unwrap_err().to_string().contains("handover"), "{text}");
        }
    }
}
