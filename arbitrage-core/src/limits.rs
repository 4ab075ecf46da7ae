//! The limits of a solution, and the reasons for which it ends.

use serde::{Deserialize, Serialize};

use crate::{Accepted, ConfigError, Finish, Problem};

/// Limits of a solution. They count steps and tokens, never seconds, so that a run stops at the same point on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Most steps in a solution, at least 1.
    pub steps: usize,
    /// Most tokens in a step, at least 1.
    pub step_tokens: usize,
    /// Most committed tokens in a solution, at least 1. It is checked between steps, so the last step may exceed it. A step whose
    /// tokens are unknown (remote models) counts as one.
    pub tokens: usize,
    /// Consecutive blank steps that end a solution, at least 1.
    pub blank_steps: usize,
    /// Number of equal steps in a row that ends a solution as a repetition, at least 2.
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
    /// Sets the most steps in a solution.
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Sets the most tokens in a step.
    pub fn with_step_tokens(mut self, tokens: usize) -> Self {
        self.step_tokens = tokens;
        self
    }

    /// Sets the most tokens in a solution.
    pub fn with_tokens(mut self, tokens: usize) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets the number of blank steps in a row that ends a solution.
    pub fn with_blank_steps(mut self, steps: usize) -> Self {
        self.blank_steps = steps;
        self
    }

    /// Sets the number of equal steps in a row that ends a solution.
    pub fn with_repeats(mut self, times: usize) -> Self {
        self.repeats = times;
        self
    }

    /// Sets the most sequences in flight.
    pub fn with_in_flight(mut self, sequences: usize) -> Self {
        self.in_flight = sequences;
        self
    }

    /// Checks that the limits allow at least one step.
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

    /// The limits of one problem, which may set a lower limit on tokens of its own.
    pub(crate) fn for_problem(self, problem: &Problem) -> Self {
        Self { tokens: problem.max_tokens.map_or(self.tokens, |own| own.min(self.tokens)), ..self }
    }

    /// Why a solution has to stop after the last of `steps`, which have `tokens` tokens together.
    pub(crate) fn stop_reason(&self, steps: &[Accepted], tokens: usize) -> Option<Stop> {
        let last = &steps.last()?.step;
        match last.finish {
            Finish::EndOfText => return Some(Stop::EndOfText),
            Finish::Context => return Some(Stop::Context),
            Finish::Boundary | Finish::Length => {}
        }
        let last_steps = |count: usize| steps.len().checked_sub(count).map(|start| &steps[start..]);
        if last_steps(self.blank_steps).is_some_and(|steps| steps.iter().all(|a| a.step.is_blank())) {
            Some(Stop::Blank)
        } else if last_steps(self.repeats).is_some_and(|steps| steps.iter().all(|a| a.step.text == last.text)) {
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
    /// The model ended its text. Only such solutions are complete.
    EndOfText,
    /// [`Limits::steps`] was reached.
    Steps,
    /// [`Limits::tokens`] was reached, or the problem's own [`max_tokens`](Problem::max_tokens).
    Tokens,
    /// There were [`Limits::blank_steps`] blank steps in a row.
    Blank,
    /// There were [`Limits::repeats`] equal steps in a row.
    Repetition,
    /// A model's context is full.
    Context,
}
