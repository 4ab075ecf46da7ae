//! A model with given steps.

use std::collections::HashMap;

use crate::{Drafter, Finish, Prefix, Rewrite, Step, StepCost, StepResult, StepRule, Verifier};

/// Writes the k-th text of its script as step k, and ends its text with the last one. It is a [`Drafter`] and a
/// [`Verifier`].
///
/// What it writes depends on the number of steps in the prefix alone, whoever wrote them, so that a router chooses between two
/// scripts step by step. After the end of its script it writes nothing and ends its text. A word counts as a token.
///
/// ```
/// use arbitrage_core::{Engine, Problem, router::AlwaysTarget, testing::Scripted};
/// let target = Scripted::new("target", ["Add.\n\n", "It is 4."]).with_problem("hard", ["I do not know."]);
/// let mut engine = Engine::new(Scripted::new("draft", []), target, AlwaysTarget);
/// assert_eq!(engine.solve(&Problem::new("2 + 2?"))?.text(), "Add.\n\nIt is 4.");
/// assert_eq!(engine.solve(&Problem::new("P = NP?").with_id("hard"))?.text(), "I do not know.");
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    name: String,
    script: Vec<Step>,
    scripts: HashMap<String, Vec<Step>>,
    seconds_per_token: f64,
}

impl Scripted {
    /// A model with one script for all problems.
    pub fn new<'t>(name: impl Into<String>, texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self { name: name.into(), script: script(texts), ..Self::default() }
    }

    /// A model that writes these steps unchanged, with their log-probabilities, entropies and endings.
    pub fn from_steps(name: impl Into<String>, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { name: name.into(), script: steps.into_iter().collect(), ..Self::default() }
    }

    /// Adds a script for the problem with this id.
    pub fn with_problem<'t>(mut self, id: impl Into<String>, texts: impl IntoIterator<Item = &'t str>) -> Self {
        self.scripts.insert(id.into(), script(texts));
        self
    }

    /// Reports this time for each token, in seconds; otherwise it reports 0.
    pub fn with_seconds_per_token(mut self, seconds: f64) -> Self {
        self.seconds_per_token = seconds;
        self
    }

    fn write(&self, prefix: &Prefix<'_>, rule: &StepRule<'_>) -> Step {
        let script = self.scripts.get(&prefix.problem.id).unwrap_or(&self.script);
        let step = script.get(prefix.steps.len()).cloned().unwrap_or_else(|| Step::new("", Finish::EndOfText));
        self.cut(step, rule)
    }

    /// Cuts a step to the rule's maximum length and counts its tokens.
    fn cut(&self, mut step: Step, rule: &StepRule<'_>) -> Step {
        let words: Vec<&str> = step.text.split_inclusive(char::is_whitespace).collect();
        let kept = words.len().min(rule.max_tokens);
        if kept < words.len() {
            step.text = words[..kept].concat();
            step.tokens.truncate(kept);
            step.logprobs.truncate(kept);
            step.finish = rule.finish_at(kept);
        }
        step.cost = StepCost::new(0, 0, kept, kept as f64 * self.seconds_per_token);
        step
    }
}

fn script<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<Step> {
    let mut script: Vec<_> = texts.into_iter().map(|text| Step::new(text, Finish::Boundary)).collect();
    if let Some(last) = script.last_mut() {
        last.finish = Finish::EndOfText;
    }
    script
}

impl Drafter for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().map(|prefix| Ok(self.write(prefix, rule))).collect()
    }
}

impl Verifier for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        requests.iter().map(|request| Ok(self.write(&request.prefix, rule))).collect()
    }
}
