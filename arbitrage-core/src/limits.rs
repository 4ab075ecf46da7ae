//! When to stop.

use serde::{Deserialize, Serialize};

use crate::{Accepted, ConfigError, Finish, Problem};

/// Caps on a solution. Counted in work, never in seconds, so that a run stops at the same place on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Most steps a solution, at least 1.
    pub steps: usize,
    /// Most tokens a step, at least 1.
    pub step_tokens: usize,
    /// Most committed tokens a solution, at least 1. It is looked at between steps, so the last step may pass it. Steps
    /// without token counts (remote models) count one each.
    pub tokens: usize,
    /// Consecutive blank steps that end a solution, at least 1.
    pub blank_steps: usize,
    /// Times in a row that a step's text may occur: with the last of them, the solution is cut as a repetition. At
    /// least 2.
    pub repeats: usize,
    /// Most sequences in flight in [`Engine::solve_all`](crate::Engine::solve_all), at least 1.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 100, step_tokens: 512, tokens: 4096, blank_steps: 2, repeats: 3, in_flight: 8 }
    }
}

impl Limits {
    /// Sets the most steps a solution.
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Sets the most tokens a step.
    pub fn with_step_tokens(mut self, tokens: usize) -> Self {
        self.step_tokens = tokens;
        self
    }

    /// Sets the most tokens a solution.
    pub fn with_tokens(mut self, tokens: usize) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets the blank steps in a row that end a solution.
    pub fn with_blank_steps(mut self, steps: usize) -> Self {
        self.blank_steps = steps;
        self
    }

    /// Sets the times that a step in a row is a repetition.
    pub fn with_repeats(mut self, times: usize) -> Self {
        self.repeats = times;
        self
    }

    /// Sets the most sequences in flight.
    pub fn with_in_flight(mut self, sequences: usize) -> Self {
        self.in_flight = sequences;
        self
    }

    /// Refuses limits under which nothing could be written.
    ///
    /// # Errors
    /// [`ConfigError::Limit`], naming the limit, its least value and the value found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let least = [
            ("steps", self.steps, 1),
            ("step_tokens", self.step_tokens, 1),
            ("tokens", self.tokens, 1),
            ("blank_steps", self.blank_steps, 1),
            ("repeats", self.repeats, 2),
            ("in_flight", self.in_flight, 1),
        ];
        match least.into_iter().find(|(_, value, least)| value < least) {
            Some((name, found, least)) => Err(ConfigError::Limit { name, least, found }),
            None => Ok(()),
        }
    }

    /// The limits of one problem, which may ask for fewer tokens than all may have.
    pub(crate) fn of(self, problem: &Problem) -> Self {
        Self { tokens: problem.most_tokens.map_or(self.tokens, |most| most.min(self.tokens)), ..self }
    }

    /// Whether a solution has to stop after its latest step.
    pub(crate) fn stop(&self, steps: &[Accepted], tokens: usize) -> Option<Stop> {
        let last = &steps.last()?.step;
        match last.finish {
            Finish::EndOfText => return Some(Stop::EndOfText),
            Finish::Context => return Some(Stop::Context),
            Finish::Boundary | Finish::Length => {}
        }
        let tail = |count: usize| steps.len().checked_sub(count).map(|start| &steps[start..]);
        if tail(self.blank_steps).is_some_and(|tail| tail.iter().all(|a| a.step.is_blank())) {
            Some(Stop::Blank)
        } else if tail(self.repeats).is_some_and(|tail| tail.iter().all(|a| a.step.text == last.text)) {
            Some(Stop::Repetition)
        } else if tokens >= self.tokens {
            Some(Stop::Tokens)
        } else if steps.len() >= self.steps {
            Some(Stop::Steps)
        } else {
            None
        }
    }
}

/// Why a solution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stop {
    /// The last step's writer ended its text: the only complete ending.
    EndOfText,
    /// [`Limits::steps`] was reached.
    Steps,
    /// [`Limits::tokens`] was reached, or the problem's own [`most_tokens`](Problem::most_tokens).
    Tokens,
    /// [`Limits::blank_steps`] blank steps in a row.
    Blank,
    /// One step's text [`Limits::repeats`] times in a row.
    Repetition,
    /// A model's context is full.
    Context,
}
