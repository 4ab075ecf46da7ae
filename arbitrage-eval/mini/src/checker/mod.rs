//! Exact judgement of steps and answers: [`Checker`].

use arbitrage_core::{BoxError, Finish, Prefix, Problem, Step, StepScorer};

use super::language;
use super::{Kind, MiniError, Plan, PlanStep, Statement};
use arbitrage_grader::{self, Grader};

/// The step scorer of the mini family: 1 for right steps, 0 for wrong ones.
///
/// A step is right when it states the operation that the plan calls for at its place, with the right operands and the
/// right result, **given what the earlier steps state**: a wrong result is taken as stated, so that a mistake is charged to
/// the step that makes it. Where an earlier step cannot be read, its true result counts. The order of terms and factors is
/// free. The last step puts its result into `\boxed{}` and ends the text; the others end at a boundary. A step's place is the
/// number of steps before it.
///
/// A plan is read from the question alone, so that problems of any [`Family`](super::Family) can be judged.
///
/// ```
/// use arbitrage_core::{Finish, Prefix, Problem, SequenceId, Step, StepScorer};
/// use arbitrage_mini::Checker;
///
/// let problem = Problem::new("Ann has 12 pens. She sells 3. She gives half to Bob. How many are left?");
/// let prefix = Prefix::new(SequenceId(0), &problem, &[]);
/// let [right, wrong] = ["12-3=9\n\n", "12-3=8\n\n"].map(|text| Step::new(text, Finish::Boundary));
/// assert_eq!(Checker.score(&[(prefix, &right), (prefix, &wrong)]).unwrap(), [1.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Checker;

impl StepScorer for Checker {
    fn name(&self) -> String {
        "checker".to_owned()
    }

    /// # Errors
    /// [`MiniError::Foreign`] when a problem is not of the family. No step is scored then; the engine asks again for each
    /// alone.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let verdicts: Result<Vec<bool>, MiniError> =
            steps.iter().map(|(prefix, step)| is_right(prefix, step)).collect();
        Ok(verdicts?.into_iter().map(f32::from).collect())
    }
}

/// What the question of `problem` calls for.
///
/// # Errors
/// [`MiniError::Foreign`] when no member of the family asks it.
pub fn plan(problem: &Problem) -> Result<Plan, MiniError> {
    let foreign = |(expected, found)| MiniError::Foreign { id: problem.id.clone(), expected, found };
    let story = language::story(&problem.question).map_err(foreign)?;
    let plan = story.plan().filter(|plan| plan.answer().is_some());
    plan.ok_or_else(|| foreign(("one or more steps with whole results".to_owned(), "none".to_owned())))
}

/// Whether `step` is right where `prefix` ends; see [`Checker`].
///
/// # Errors
/// As [`plan`].
pub fn is_right(prefix: &Prefix<'_>, step: &Step) -> Result<bool, MiniError> {
    let plan = plan(prefix.problem)?;
    let steps = prefix.steps.iter().take(plan.steps().len());
    let stated: Vec<Option<u64>> = steps.map(|accepted| stated(&accepted.step.text)).collect();
    Ok(judge(&plan, prefix.steps.len(), &stated, &step.text, step.finish))
}

/// What the step at place `index` of `problem` asks of a model; `None` past the last.
///
/// # Errors
/// As [`plan`].
pub fn kind_of(problem: &Problem, index: usize) -> Result<Option<Kind>, MiniError> {
    Ok(plan(problem)?.steps().get(index).map(PlanStep::kind))
}

/// Whether the final answer of `text`, a whole solution, is the true one.
///
/// # Errors
/// As [`plan`].
pub fn is_solved(problem: &Problem, text: &str) -> Result<bool, MiniError> {
    let truth = plan(problem)?.answer().map(|answer| answer.to_string()).unwrap_or_default();
    Ok(Grader::default().grade_response(&truth, text, arbitrage_grader::Kind::Response).is_correct())
}

/// The result that a step's text states; `None` when it cannot be read.
pub(super) fn stated(text: &str) -> Option<u64> {
    Statement::parse(text).map(|statement| statement.result)
}

/// Whether `text` is the right step at place `index`, given what the earlier ones state.
pub(super) fn judge(plan: &Plan, index: usize, stated: &[Option<u64>], text: &str, finish: Finish) -> bool {
    let (Some(right), Some(said)) = (plan.statement(index, stated), Statement::parse(text)) else { return false };
    let end = if right.boxed { Finish::EndOfText } else { Finish::Boundary };
    finish == end && said.agrees(&right)
}

#[cfg(test)]
mod tests;
