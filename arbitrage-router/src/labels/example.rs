//! One labelled step.

use arbitrage_core::{Accepted, Candidate, Evidence, Prefix, Problem, SequenceId, Step};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::LabelError;

/// One step of an oracle's run: what a router would have seen, and the scores that say what it should have decided (paper,
/// §4.2).
///
/// The scores are finite and at most half of [`f32::MAX`] in absolute value, so that their difference is finite. This is checked
/// wherever an example is made, from numbers, a trace or a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Example {
    /// The problem's id. Examples of one problem belong to the same subset of every [split](super::Split).
    pub problem: String,
    /// Index of the step, from 0.
    pub index: usize,
    /// The question.
    pub question: String,
    /// The steps that were committed before, oldest first.
    pub history: Vec<Accepted>,
    /// The drafted step `z_d`.
    pub draft: Step,
    /// The target's step `z_t` from the same prefix.
    pub target: Step,
    /// Score of the drafted step, `s_d`.
    #[serde(deserialize_with = "finite")]
    pub draft_score: f32,
    /// Score of the target's step, `s_t`.
    #[serde(deserialize_with = "finite")]
    pub target_score: f32,
}

impl Example {
    /// A first step of a nameless problem, each step with its score.
    ///
    /// # Errors
    /// [`LabelError::Score`] for a score that is not finite or is beyond half of [`f32::MAX`].
    pub fn new(question: impl Into<String>, draft: (Step, f32), target: (Step, f32)) -> Result<Self, LabelError> {
        let example = Self {
            problem: String::new(),
            index: 0,
            question: question.into(),
            history: Vec::new(),
            draft: draft.0,
            target: target.0,
            draft_score: draft.1,
            target_score: target.1,
        };
        example.checked()
    }

    /// Sets the problem's id.
    pub fn with_problem(mut self, id: impl Into<String>) -> Self {
        self.problem = id.into();
        self
    }

    /// Sets the history, and the step's index with it.
    pub fn with_history(mut self, history: Vec<Accepted>) -> Self {
        self.index = history.len();
        self.history = history;
        self
    }

    pub(super) fn checked(self) -> Result<Self, LabelError> {
        let scores = [("draft score", self.draft_score), ("target score", self.target_score)];
        match scores.into_iter().find(|(_, score)| !is_score(*score)) {
            Some((what, found)) => Err(LabelError::Score { problem: self.problem, step: self.index, what, found }),
            None => Ok(self),
        }
    }

    /// The advantage `Δ = s_t − s_d` (paper, §4), in the scorer's unit.
    pub fn advantage(&self) -> f32 {
        self.target_score - self.draft_score
    }

    /// The label `y = 1{Δ > 0}`: whether the step should have been escalated.
    pub fn label(&self) -> bool {
        self.advantage() > 0.0
    }

    /// The problem, for [`prefix`](Self::prefix). Its seed is 0, since traces do not record seeds.
    pub fn as_problem(&self) -> Problem {
        Problem::new(&self.question).with_id(&self.problem)
    }

    /// The prefix `x` that both steps were written from. The sequence id is 0; where several examples go through a
    /// model in one batch, give each its own id: `Prefix { id, ..example.prefix(&problem) }`.
    pub fn prefix<'a>(&'a self, problem: &'a Problem) -> Prefix<'a> {
        Prefix::new(SequenceId(0), problem, &self.history)
    }

    /// What the engine would show to a router that asks for this evidence. The target's step is seen under
    /// [`Evidence::Both`] alone.
    pub fn candidate<'a>(&'a self, problem: &'a Problem, evidence: Evidence) -> Candidate<'a> {
        let target = (evidence == Evidence::Both).then_some(&self.target);
        Candidate { prefix: self.prefix(problem), draft: &self.draft, target }
    }
}

fn is_score(number: f32) -> bool {
    number.abs() <= f32::MAX / 2.0
}

/// Refuses scores that are not finite: JSON numbers beyond the range of `f32` would be read as infinity.
fn finite<'de, D: Deserializer<'de>>(source: D) -> Result<f32, D::Error> {
    let found = f32::deserialize(source)?;
    if is_score(found) { Ok(found) } else { Err(D::Error::custom(format!("expected a finite score, found {found}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::router::{AlwaysDraft, Oracle};
    use arbitrage_core::testing::TableScorer;
    use arbitrage_core::{AdvantageRouter, Author, Finish, Route};

    fn step(text: &str) -> Step {
        Step::new(text, Finish::Boundary)
    }

    fn example(draft: f32, target: f32) -> Result<Example, LabelError> {
        Example::new("?", (step("d"), draft), (step("t"), target))
    }

    #[test]
    fn a_tie_is_no_advantage() {
        for (draft, target, label) in [(0.5, 0.5, false), (0.5, 0.500_001, true), (0.5, 0.499_999, false)] {
            let example = example(draft, target).unwrap();
            assert_eq!((example.advantage(), example.label()), (target - draft, label));
        }
    }

    #[test]
    fn the_smallest_difference_counts() {
        assert!(example(0.0, f32::from_bits(1)).unwrap().label());
    }

    #[test]
    fn non_finite_scores_are_refused_by_name() {
        for (draft, target, what) in
            [(f32::NAN, 0.0, "draft"), (0.0, f32::INFINITY, "target"), (f32::MAX, 0.0, "draft")]
        {
            let error = example(draft, target).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn files_are_checked_as_traces_are() {
        let text = serde_json::to_string(&example(0.25, 0.5).unwrap().with_problem("p")).unwrap();
        let read: Example = serde_json::from_str(&text).unwrap();
        assert_eq!((read.advantage(), read.problem.as_str()), (0.25, "p"));
        for wrong in ["1e39", "null", "-3.4e38", "\"0.5\""] {
            let text = text.replace("\"target_score\":0.5", &format!("\"target_score\":{wrong}"));
            assert!(serde_json::from_str::<Example>(&text).is_err(), "{wrong}");
        }
    }

    #[test]
    fn routers_run_on_examples() {
        let history = vec![Accepted { step: step("before"), author: Author::Target }];
        let example = example(0.25, 0.5).unwrap().with_history(history);
        let problem = example.as_problem();
        assert_eq!((example.index, example.prefix(&problem).written_by(Author::Target)), (1, 1));
        let mut oracle = Oracle::new(TableScorer::new([("d", 0.25), ("t", 0.5)]), 0.0).unwrap();
        let decision = oracle.route(&example.candidate(&problem, oracle.evidence())).unwrap();
        assert_eq!((decision.route, decision.estimate), (Route::Escalate, Some(example.advantage())));
        assert!(example.candidate(&problem, AlwaysDraft.evidence()).target.is_none());
    }
}
