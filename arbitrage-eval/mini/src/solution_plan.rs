//! The steps that solve a problem: [`SolutionPlan`].

use super::statement::{Operation, Statement};
use super::step_kind::StepKind;

/// The source of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A number of the question, or the meaning of a word such as "half".
    Given(u64),
    /// The result of an earlier step, by its index from 0.
    Result(usize),
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    operation: Operation,
    operands: Vec<Operand>,
    values: Vec<u64>,
    result: u64,
}

impl PlanStep {
    /// The operation.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The sources of the operands.
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// The operands where every earlier step is right.
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// The result where every earlier step is right.
    pub fn result(&self) -> u64 {
        self.result
    }

    /// The kind of the step.
    pub fn kind(&self) -> StepKind {
        StepKind::of(self.operation, &self.values)
    }
}

/// The steps that solve a problem, in order. They depend on the question alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SolutionPlan {
    steps: Vec<PlanStep>,
}

impl SolutionPlan {
    /// The steps.
    pub fn steps(&self) -> &[PlanStep] {
        &self.steps
    }

    /// The true answer. `None` for a plan without steps, which no problem has.
    pub fn answer(&self) -> Option<u64> {
        self.steps.last().map(PlanStep::result)
    }

    /// The right statement of step `index`, given the results that earlier steps state: `stated[i]` for step `i`, or its true result where
    /// that is `None` or missing. The statement is `None` past the end of the plan, and where a wrong result makes the operation
    /// impossible, as when more is taken away than is left.
    pub fn statement(&self, index: usize, stated: &[Option<u64>]) -> Option<Statement> {
        let step = self.steps.get(index)?;
        let value = |operand: &Operand| self.value(*operand, stated);
        let operands: Vec<u64> = step.operands.iter().map(value).collect::<Option<_>>()?;
        let result = step.operation.apply(&operands)?;
        let boxed = index + 1 == self.steps.len();
        Some(Statement { operation: step.operation, operands, result, boxed })
    }

    /// The text of a step that states `statement`: all but the last end with a blank line.
    pub fn text(statement: &Statement) -> String {
        if statement.boxed { statement.to_string() } else { format!("{statement}\n\n") }
    }

    /// The canonical solution: the text of every right step, with the answer in `\boxed{}`.
    pub fn solution(&self) -> String {
        let steps = (0..self.steps.len()).filter_map(|index| self.statement(index, &[]));
        steps.map(|statement| Self::text(&statement)).collect()
    }

    /// Adds a step and returns its result as an operand of later steps. `None` where the operation has no result.
    pub(super) fn push(&mut self, operation: Operation, operands: Vec<Operand>) -> Option<Operand> {
        let values: Vec<u64> = operands.iter().map(|operand| self.value(*operand, &[])).collect::<Option<_>>()?;
        let result = operation.apply(&values)?;
        self.steps.push(PlanStep { operation, operands, values, result });
        Some(Operand::Result(self.steps.len() - 1))
    }

    /// The value of an operand, given the results that earlier steps state.
    pub(super) fn value(&self, operand: Operand, stated: &[Option<u64>]) -> Option<u64> {
        match operand {
            Operand::Given(number) => Some(number),
            Operand::Result(index) => {
                let truth = || self.steps.get(index).map(PlanStep::result);
                stated.get(index).copied().flatten().or_else(truth)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of 12 and 3 packs of 14.
    fn plan() -> SolutionPlan {
        let mut plan = SolutionPlan::default();
        let packs = plan.push(Operation::Multiply, vec![Operand::Given(3), Operand::Given(14)]).unwrap();
        let all = plan.push(Operation::Add, vec![Operand::Given(12), packs]).unwrap();
        plan.push(Operation::Divide, vec![all, Operand::Given(2)]).unwrap();
        plan
    }

    #[test]
    fn the_solution_is_every_right_step() {
        assert_eq!(plan().solution(), "3*14=42\n\n12+42=54\n\n54/2=\\boxed{27}");
        assert_eq!(plan().answer(), Some(27));
    }

    #[test]
    fn a_wrong_result_is_taken_as_stated() {
        let statement = |stated: &[Option<u64>]| plan().statement(1, stated).unwrap().to_string();
        assert_eq!(statement(&[Some(43)]), "12+43=55");
        assert_eq!(statement(&[None]), "12+42=54");
        assert_eq!(plan().statement(2, &[Some(43), Some(55)]).unwrap().to_string(), r"55/2=\boxed{27}");
        assert_eq!(plan().statement(3, &[]), None);
    }

    #[test]
    fn no_statement_is_right_where_more_is_taken_than_is_left() {
        let mut plan = SolutionPlan::default();
        let rest = plan.push(Operation::Subtract, vec![Operand::Given(50), Operand::Given(20)]).unwrap();
        plan.push(Operation::Subtract, vec![rest, Operand::Given(25)]).unwrap();
        assert_eq!(plan.statement(1, &[Some(20)]), None);
        assert_eq!(plan.push(Operation::Subtract, vec![rest, Operand::Given(31)]), None);
    }
}
