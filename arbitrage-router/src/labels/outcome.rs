//! What the decisions of a run led to.

use arbitrage_core::trace::{SolutionRecord, StepRecord, Trace, Trajectory};
use arbitrage_core::{Accepted, Author, Candidate, Prefix, Problem, SequenceId, Step, StepCost, add_by_field};
use serde::{Deserialize, Serialize};

/// Tokens that draft and target compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenWork {
    /// Tokens that the draft decodes one by one.
    pub draft_decoded: f64,
    /// Tokens that the draft reads, such as the target's steps.
    pub draft_read: f64,
    /// Tokens that the target decodes one by one, without those that it only had to verify.
    pub target_decoded: f64,
    /// Tokens that the target reads: prompt, drafted steps, and speculative tokens that it verifies.
    pub target_read: f64,
}

add_by_field!(TokenWork { draft_decoded, draft_read, target_decoded, target_read });

impl TokenWork {
    /// The work of writing a step.
    fn of(author: Author, cost: &StepCost) -> Self {
        let decoded = cost.decoded.saturating_sub(cost.confirmed) as f64;
        let read = (cost.prefilled + cost.guessed) as f64;
        match author {
            Author::Draft => Self { draft_decoded: decoded, draft_read: read, ..Self::default() },
            Author::Target => Self { target_decoded: decoded, target_read: read, ..Self::default() },
        }
    }

    /// The four counts, in the order of the fields.
    pub fn counts(self) -> [f64; 4] {
        [self.draft_decoded, self.draft_read, self.target_decoded, self.target_read]
    }

    /// From the four counts, in the order of the fields.
    pub fn from_counts([draft_decoded, draft_read, target_decoded, target_read]: [f64; 4]) -> Self {
        Self { draft_decoded, draft_read, target_decoded, target_read }
    }
}

/// A finished solution of a run: the decisions about its steps, whether its answer is right, and the work that followed each decision.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SolutionOutcome {
    /// The problem's id. All outcomes of one problem belong to the same subset of every [split](super::Split).
    pub problem: String,
    /// The question.
    pub question: String,
    /// Whether the final answer is right.
    pub is_solved: bool,
    /// The committed steps. Their authors say what was decided.
    pub steps: Vec<Accepted>,
    /// The drafted step at each position; `None` where the policy decided before a draft was written.
    pub drafts: Vec<Option<Step>>,
    /// The work of both models after the decision at each position, up to the end of the solution. The drafted step that was decided
    /// about is not part of it, since it had been written.
    pub work: Vec<TokenWork>,
}

impl SolutionOutcome {
    /// Positions of the steps that were decided with a draft.
    pub fn decisions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.drafts.len()).filter(|&position| self.drafts[position].is_some())
    }

    /// Whether the step at `position` was escalated.
    pub fn is_escalated(&self, position: usize) -> bool {
        self.steps[position].author == Author::Target
    }

    /// The problem, for [`candidate`](Self::candidate).
    pub fn as_problem(&self) -> Problem {
        Problem::new(&self.question).with_id(&self.problem)
    }

    /// What a router saw at `position`; `None` where no draft was written.
    pub fn candidate<'a>(&'a self, problem: &'a Problem, position: usize) -> Option<Candidate<'a>> {
        let prefix = Prefix::new(SequenceId(0), problem, &self.steps[..position]);
        Some(Candidate { prefix, draft: self.drafts.get(position)?.as_ref()?, target: None })
    }

    /// The work of each step that the target wrote.
    pub fn target_steps(&self) -> impl Iterator<Item = TokenWork> + '_ {
        let by_target = self.steps.iter().filter(|accepted| accepted.author == Author::Target);
        by_target.map(|accepted| TokenWork::of(Author::Target, &accepted.step.cost))
    }

    fn new(end: &SolutionRecord, trajectory: &Trajectory, is_solved: bool) -> Option<Self> {
        let steps = trajectory.history();
        let records: Vec<&StepRecord> = trajectory.steps.values().collect();
        let is_whole = !records.is_empty() && steps.len() == records.len();
        let (problem, question) = (end.problem.clone(), end.question.clone());
        let drafts = records.iter().map(|record| record.draft.clone()).collect();
        is_whole.then(|| Self { problem, question, is_solved, steps, drafts, work: work_ahead(&records) })
    }
}

/// For each step, the work after the decision about it.
fn work_ahead(records: &[&StepRecord]) -> Vec<TokenWork> {
    let mut ahead = TokenWork::default();
    let mut all = Vec::with_capacity(records.len());
    for record in records.iter().rev() {
        // A step that both models wrote, as in a collection, costs no more here than the one that was committed would have.
        let target = record.target.as_ref().filter(|_| record.author == Author::Target);
        let discarded = record.discarded.map(|cost| TokenWork::of(Author::Draft, &cost));
        ahead += target.map(|step| TokenWork::of(Author::Target, &step.cost)).unwrap_or_default();
        ahead += discarded.unwrap_or_default();
        all.push(ahead);
        ahead += record.draft.as_ref().map(|step| TokenWork::of(Author::Draft, &step.cost)).unwrap_or_default();
    }
    all.reverse();
    all
}

/// The finished solutions of a run, by problem id. `is_solved` judges a final answer; a solution of which it knows nothing, one
/// that failed, and one of which a step is missing are left out.
pub fn outcomes(trace: &Trace, mut is_solved: impl FnMut(&SolutionRecord) -> Option<bool>) -> Vec<SolutionOutcome> {
    let outcome = |trajectory: &Trajectory| {
        let end = trajectory.final_end().filter(|end| end.error.is_none())?;
        SolutionOutcome::new(end, trajectory, is_solved(end)?)
    };
    trace.trajectories.values().filter_map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arbitrage_core::router::{AlwaysTarget, Oracle};
    use arbitrage_core::testing::{Scripted, TableScorer};
    use arbitrage_core::{AdvantageRouter, Engine, Route, router_fn};

    use super::*;

    fn trace(router: impl AdvantageRouter, problems: &[Problem]) -> Trace {
        let trace = Arc::new(Mutex::new(Trace::default()));
        let draft = Scripted::new("d", ["one two\n\n", "three four five\n\n", "six"]);
        let target = Scripted::new("t", ["1 2\n\n", "3 4 5 6\n\n", "7 8"]);
        let mut engine = Engine::new(draft, target, router).with_sink(trace.clone());
        engine.solve_all(problems).into_iter().for_each(|solution| drop(solution.unwrap()));
        trace.lock().unwrap().clone()
    }

    fn problems(ids: &[&str]) -> Vec<Problem> {
        ids.iter().map(|id| Problem::new("why?").with_id(*id)).collect()
    }

    #[test]
    fn a_decision_leads_to_the_work_after_it() {
        let second = router_fn(|c| Route::escalate_if(c.prefix.steps.len() == 1));
        let found = outcomes(&trace(second, &problems(&["a"])), |_| Some(true));
        let [outcome] = &found[..] else { panic!("{found:?}") };
        assert_eq!((outcome.steps.len(), outcome.decisions().count(), outcome.is_solved), (3, 3, true));
        assert_eq!([0, 1, 2].map(|at| outcome.is_escalated(at)), [false, true, false]);
        let decoded: Vec<_> = outcome.work.iter().map(|work| (work.draft_decoded, work.target_decoded)).collect();
        // After the first: drafts of 4 and 1 tokens, and the target's 5. At the second decision its draft has been written.
        assert_eq!(decoded, [(5.0, 5.0), (1.0, 5.0), (0.0, 0.0)]);
        let problem = outcome.as_problem();
        let candidate = outcome.candidate(&problem, 2).unwrap();
        assert_eq!(
            (candidate.draft.text.as_str(), candidate.prefix.text().as_str()),
            ("six", "one two\n\n3 4 5 6\n\n")
        );
        assert!(outcome.candidate(&problem, 3).is_none());
    }

    #[test]
    fn a_target_step_that_was_not_committed_costs_nothing() {
        let accepting = Oracle::new(TableScorer::new([("six", 1.0)]).with_default(0.5), 0.0).unwrap();
        let found = outcomes(&trace(accepting, &problems(&["a"])), |_| Some(false));
        assert!(found[0].work.iter().all(|work| work.target_decoded == 0.0), "{:?}", found[0].work);
    }

    #[test]
    fn solutions_without_a_draft_or_a_verdict() {
        let trace = trace(AlwaysTarget, &problems(&["a", "b"]));
        let found = outcomes(&trace, |end| (end.problem == "b").then_some(true));
        assert_eq!(found.iter().map(|one| one.problem.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!((found[0].decisions().count(), found[0].steps.len()), (0, 3), "no draft was written");
    }

    #[test]
    fn killed_and_failed_solutions_are_left_out() {
        let mut trace = trace(AlwaysTarget, &problems(&["a", "b", "c", "d"]));
        trace.trajectories.get_mut("a").unwrap().end = None;
        trace.trajectories.get_mut("b").unwrap().end.as_mut().unwrap().error = Some("broken".to_owned());
        trace.trajectories.get_mut("c").unwrap().steps.remove(&1);
        let found = outcomes(&trace, |_| Some(true));
        assert_eq!(found.iter().map(|one| one.problem.as_str()).collect::<Vec<_>>(), ["d"]);
    }
}
