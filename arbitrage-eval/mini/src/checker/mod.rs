//! Checks steps and answers exactly: [`Checker`].

use arbitrage_core::{BoxError, Finish, Prefix, Problem, Step, StepScorer};

use super::language::{self, Mismatch};
use super::{MiniError, PlanStep, SolutionPlan, Statement, StepKind};
use arbitrage_grader::{Grader, InputKind};

/// The step scorer of the mini family: 1 for right steps, 0 for wrong ones.
///
/// A step is right when it states the operation that the plan has at its index, with the right operands and the right result, **given
/// the results that the earlier steps state**. A wrong result is used as stated, so that a mistake counts against the step that makes it
/// and not against the steps after it. Where an earlier step cannot be parsed, its true result is used. The order of terms and factors is
/// free. The last step has its result in `\boxed{}` and ends the text, and the others end at a boundary.
///
/// The plan is derived from the question alone, so problems of any [`Family`](super::Family) can be checked.
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
    /// [`MiniError::UnknownProblem`] where a problem is not of the family. No step of the batch is scored then, and the engine scores each
    /// step by itself.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let verdicts: Result<Vec<bool>, MiniError> =
            steps.iter().map(|(prefix, step)| is_right(prefix, step)).collect();
        Ok(verdicts?.into_iter().map(f32::from).collect())
    }
}

/// The steps that solve `problem`.
///
/// # Errors
/// [`MiniError::UnknownProblem`] where the question is not one of the family.
pub fn plan(problem: &Problem) -> Result<SolutionPlan, MiniError> {
    let unknown = |mismatch: Mismatch| MiniError::UnknownProblem {
        id: problem.id.clone(),
        expected: mismatch.expected,
        found: mismatch.found,
    };
    let story = language::parse_story(&problem.question).map_err(unknown)?;
    let plan = story.plan().filter(|plan| plan.answer().is_some());
    plan.ok_or_else(|| unknown(Mismatch::new("one or more steps with whole results", "none")))
}

/// Whether `step` is right after `prefix`, by the rules of [`Checker`].
///
/// # Errors
/// As [`plan`].
pub fn is_right(prefix: &Prefix<'_>, step: &Step) -> Result<bool, MiniError> {
    let plan = plan(prefix.problem)?;
    let steps = prefix.steps.iter().take(plan.steps().len());
    let stated: Vec<Option<u64>> = steps.map(|accepted| stated_result(&accepted.step.text)).collect();
    Ok(is_right_step(&plan, prefix.steps.len(), &stated, &step.text, step.finish))
}

/// The kind of step `index` of `problem`. `None` past the last step.
///
/// # Errors
/// As [`plan`].
pub fn step_kind(problem: &Problem, index: usize) -> Result<Option<StepKind>, MiniError> {
    Ok(plan(problem)?.steps().get(index).map(PlanStep::kind))
}

/// Whether the final answer of the whole solution `text` is right.
///
/// # Errors
/// As [`plan`].
pub fn is_solved(problem: &Problem, text: &str) -> Result<bool, MiniError> {
    let truth = plan(problem)?.answer().map(|answer| answer.to_string()).unwrap_or_default();
    Ok(Grader::default().grade_response(&truth, text, InputKind::Response).is_correct())
}

/// The result that the text of a step states. `None` where it cannot be parsed.
pub(super) fn stated_result(text: &str) -> Option<u64> {
    Statement::parse(text).map(|statement| statement.result)
}

/// Whether `text` is right as step `index`, given the results that the earlier steps state.
pub(super) fn is_right_step(
    plan: &SolutionPlan,
    index: usize,
    stated: &[Option<u64>],
    text: &str,
    finish: Finish,
) -> bool {
    let (Some(right), Some(statement)) = (plan.statement(index, stated), Statement::parse(text)) else { return false };
    let end = if right.boxed { Finish::EndOfText } else { Finish::Boundary };
    finish == end && statement.agrees(&right)
}

#[cfg(test)]
mod tests;
