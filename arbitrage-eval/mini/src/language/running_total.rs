//! The plan of a story, computed sentence by sentence.

use super::super::solution_plan::{Operand, SolutionPlan};
use super::super::statement::Operation;
use super::{Sentence, SentenceKind};

/// An unfinished plan, with the running total after the last sentence and the one before it.
#[derive(Clone, Debug)]
pub(crate) struct RunningTotal {
    pub(crate) plan: SolutionPlan,
    running: Operand,
    before: Operand,
}

impl Default for RunningTotal {
    fn default() -> Self {
        Self { plan: SolutionPlan::default(), running: Operand::Given(0), before: Operand::Given(0) }
    }
}

impl RunningTotal {
    /// The running total, which counts the things that the story is about.
    pub(crate) fn running(&self) -> u64 {
        self.plan.value(self.running, &[]).unwrap_or_default()
    }

    /// Adds the steps of a sentence. `None` where a step has no result.
    pub(crate) fn add(&mut self, sentence: &Sentence) -> Option<()> {
        let [a, b] = sentence.numbers.map(Operand::Given);
        let (v, two, plan) = (self.running, Operand::Given(2), &mut self.plan);
        let after = match sentence.kind {
            SentenceKind::Start => Some(a),
            SentenceKind::Gain | SentenceKind::More => plan.push(Operation::Add, vec![v, a]),
            SentenceKind::Lose | SentenceKind::Fewer => plan.push(Operation::Subtract, vec![v, a]),
            SentenceKind::Double | SentenceKind::Twice => plan.push(Operation::Multiply, vec![v, two]),
            SentenceKind::Half | SentenceKind::HalfAsMany => plan.push(Operation::Divide, vec![v, two]),
            SentenceKind::Times | SentenceKind::Price => plan.push(Operation::Multiply, vec![v, a]),
            SentenceKind::Sum => plan.push(Operation::Add, vec![v, a, b]),
            SentenceKind::Share => plan.push(Operation::Divide, vec![v, a]),
            SentenceKind::Rest => plan.push(Operation::Remainder, vec![v, a]),
            SentenceKind::PacksIn | SentenceKind::PacksOut => plan.push(Operation::Multiply, vec![a, b]),
            SentenceKind::PercentIn | SentenceKind::PercentOut => plan.push(Operation::Percent, vec![a, b]),
            SentenceKind::Ask | SentenceKind::AskOther => Some(v),
            SentenceKind::AskBoth => plan.push(Operation::Add, vec![self.before, v]),
        };
        let after = match sentence.kind {
            SentenceKind::PacksIn | SentenceKind::PercentIn => plan.push(Operation::Add, vec![v, after?]),
            SentenceKind::PacksOut | SentenceKind::PercentOut => plan.push(Operation::Subtract, vec![v, after?]),
            _ => after,
        };
        (self.before, self.running) = (v, after?);
        Some(())
    }
}
