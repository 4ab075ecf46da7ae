//! Solutions with planted mistakes, labelled step by step.

use arbitrage_core::{Draw, Finish};
use serde::{Deserialize, Serialize};

use super::super::checker::{is_right_step, stated_result};
use super::super::language::uniform_below;
use super::super::{Generator, MiniProblem, Operand, SolutionPlan, Statement, StepKind, Stream};
use super::Mistake;

/// A step that may be corrupted, with the checker's label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SyntheticStep {
    /// The step's text with its separator.
    pub text: String,
    /// The kind of the right step at this position.
    pub kind: StepKind,
    /// Whether the step is right, given the results that the steps before it state.
    pub right: bool,
    /// The mistake that was planted. The step may still be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mistake: Option<Mistake>,
}

/// A solution with planted mistakes. Steps after a wrong step continue from the result that it states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SyntheticSolution {
    /// The problem's id.
    pub id: String,
    /// The question.
    pub question: String,
    /// The steps. They end early where a wrong result makes the next operation impossible.
    pub steps: Vec<SyntheticStep>,
}

/// The problem of a [`SyntheticSolution`], and which of its variants to draw. Different variants are independent draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntheticSource {
    /// The stream of the problem.
    pub stream: Stream,
    /// The problem's index in the stream.
    pub index: u64,
    /// The number of the variant.
    pub variant: u64,
}

/// A solution of a problem in which each step is corrupted with the probability `mistake_rate`. The same arguments give the same
/// solution.
///
/// ```
/// use arbitrage_mini::{Generator, Stream, corpus};
/// let source = corpus::SyntheticSource { stream: Stream::Train, index: 0, variant: 0 };
/// let solution = corpus::synthetic_solution(&Generator::default(), source, 0.0);
/// assert!(solution.steps.iter().all(|step| step.right));
/// ```
pub fn synthetic_solution(generator: &Generator, source: SyntheticSource, mistake_rate: f64) -> SyntheticSolution {
    let MiniProblem { problem, plan } = generator.problem(source.stream, source.index);
    let mut draw = Draw::new(Draw::new(problem.seed ^ MISTAKE_SEED).next_u64() ^ source.variant);
    let mut steps: Vec<SyntheticStep> = Vec::new();
    let mut stated: Vec<Option<u64>> = Vec::new();
    while let Some(right) = plan.statement(steps.len(), &stated) {
        let numbers = numbers_in_sight(&plan, &stated);
        let wrong = (draw.uniform() < mistake_rate).then(|| corrupt(&right, &numbers, &mut draw)).flatten();
        let (statement, mistake) = wrong.map_or((right, None), |(wrong, mistake)| (wrong, Some(mistake)));
        let step = label(&plan, &stated, &statement, mistake);
        stated.push(stated_result(&step.text));
        steps.push(step);
    }
    SyntheticSolution { id: problem.id, question: problem.question, steps }
}

/// Separates the draws of mistakes from those of problems.
const MISTAKE_SEED: u64 = 0x6d69_7374_616b_6573;

fn corrupt(right: &Statement, numbers: &[u64], draw: &mut Draw) -> Option<(Statement, Mistake)> {
    let mistake = Mistake::ALL[uniform_below(draw, Mistake::ALL.len())];
    Some((mistake.corrupt(right, numbers, draw)?, mistake))
}

fn label(
    plan: &SolutionPlan,
    stated: &[Option<u64>],
    statement: &Statement,
    mistake: Option<Mistake>,
) -> SyntheticStep {
    let (index, text) = (stated.len(), SolutionPlan::text(statement));
    let finish = if statement.boxed { Finish::EndOfText } else { Finish::Boundary };
    let right = is_right_step(plan, index, stated, &text, finish);
    SyntheticStep { right, text, mistake, kind: plan.steps()[index].kind() }
}

/// The numbers that may replace an operand by mistake: those of the question, and the results stated so far.
fn numbers_in_sight(plan: &SolutionPlan, stated: &[Option<u64>]) -> Vec<u64> {
    let operands = plan.steps().iter().flat_map(|step| step.operands());
    let given = operands.filter_map(|operand| match operand {
        Operand::Given(number) => Some(*number),
        Operand::Result(_) => None,
    });
    given.chain(stated.iter().copied().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker;

    fn solutions(mistake_rate: f64) -> impl Iterator<Item = SyntheticSolution> {
        let source = |index| SyntheticSource { stream: Stream::Train, index, variant: 1 };
        (0..2000).map(move |index| synthetic_solution(&Generator::default(), source(index), mistake_rate))
    }

    #[test]
    fn without_mistakes_it_is_the_canonical_solution() {
        for (index, solution) in solutions(0.0).enumerate() {
            let text: String = solution.steps.iter().map(|step| step.text.as_str()).collect();
            assert_eq!(text, Generator::default().problem(Stream::Train, index as u64).plan.solution());
            assert!(solution.steps.iter().all(|step| step.right && step.mistake.is_none()));
        }
    }

    #[test]
    fn corrupted_steps_are_wrong_unless_they_state_the_same() {
        let (mut wrong, mut same) = (0, 0);
        for solution in solutions(0.5) {
            let problem = arbitrage_core::Problem::new(solution.question.clone());
            let plan = checker::plan(&problem).unwrap();
            let mut stated = Vec::new();
            for step in &solution.steps {
                let right = plan.statement(stated.len(), &stated).unwrap();
                let equal = Statement::parse(&step.text).unwrap().agrees(&right);
                assert_eq!(step.right, equal, "{} {}", solution.question, step.text);
                assert!(step.right || step.mistake.is_some());
                wrong += usize::from(!step.right);
                same += usize::from(step.right && step.mistake.is_some());
                stated.push(checker::stated_result(&step.text));
            }
        }
        assert!(wrong > 1500 && same > 100, "{wrong} {same}");
    }

    #[test]
    fn every_mistake_is_made() {
        for mistake in Mistake::ALL {
            let made =
                solutions(0.5).flat_map(|solution| solution.steps).filter(|step| step.mistake == Some(mistake)).count();
            assert!(made > 200, "{mistake:?} {made}");
        }
    }

    #[test]
    fn variants_differ_and_repeat() {
        let generator = Generator::default();
        let source = |variant| SyntheticSource { stream: Stream::Train, index: 3, variant };
        let [one, again, other] = [1, 1, 2].map(|variant| synthetic_solution(&generator, source(variant), 0.9));
        assert_eq!(one, again);
        assert_ne!(one, other);
    }
}
