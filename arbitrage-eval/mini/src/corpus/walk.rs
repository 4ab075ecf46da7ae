//! Solutions with mistakes in them, labelled step by step.

use arbitrage_core::{Draw, Finish};
use serde::{Deserialize, Serialize};

use super::super::checker::{judge, stated};
use super::super::language::below;
use super::super::{Generator, Kind, MiniProblem, Operand, Plan, Statement, Stream};
use super::Mistake;

/// A step with the checker's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelledStep {
    /// The step's text, separator included.
    pub text: String,
    /// What it asks of a model.
    pub kind: Kind,
    /// Whether it is right, given what the steps before it state.
    pub right: bool,
    /// What was done to the right step; it may be right all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mistake: Option<Mistake>,
}

/// A solution, some of whose steps may be wrong. Steps after a wrong one go on from what it states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Walk {
    /// The problem's name.
    pub id: String,
    /// The question.
    pub question: String,
    /// The steps. They break off where a wrong result has left nothing right to say.
    pub steps: Vec<LabelledStep>,
}

/// A walk through the problem at `index` of `stream`, each of whose steps is spoilt with probability `mistakes`: number
/// `variant` of as many as are wanted, all different draws. The same arguments give the same walk.
///
/// ```
/// use arbitrage_mini::{Generator, Stream, corpus};
/// let walk = corpus::walk(&Generator::default(), Stream::Train, 0, 0, 0.0);
/// assert!(walk.steps.iter().all(|step| step.right));
/// ```
pub fn walk(generator: &Generator, stream: Stream, index: u64, variant: u64, mistakes: f64) -> Walk {
    let MiniProblem { problem, plan } = generator.problem(stream, index);
    let mut draw = Draw::new(Draw::new(problem.seed ^ SALT).next_u64() ^ variant);
    let mut steps: Vec<LabelledStep> = Vec::new();
    let mut said: Vec<Option<u64>> = Vec::new();
    while let Some(right) = plan.statement(steps.len(), &said) {
        let numbers = numbers(&plan, &said);
        let wrong = (draw.uniform() < mistakes).then(|| spoil(&right, &numbers, &mut draw)).flatten();
        let (statement, mistake) = wrong.map_or((right, None), |(wrong, mistake)| (wrong, Some(mistake)));
        let step = label(&plan, &said, &statement, mistake);
        said.push(stated(&step.text));
        steps.push(step);
    }
    Walk { id: problem.id, question: problem.question, steps }
}

/// Keeps the draws of walks apart from those of the problems.
const SALT: u64 = 0x6d69_7374_616b_6573;

fn spoil(right: &Statement, numbers: &[u64], draw: &mut Draw) -> Option<(Statement, Mistake)> {
    let mistake = Mistake::ALL[below(draw, Mistake::ALL.len())];
    Some((mistake.spoil(right, numbers, draw)?, mistake))
}

fn label(plan: &Plan, said: &[Option<u64>], statement: &Statement, mistake: Option<Mistake>) -> LabelledStep {
    let (index, text) = (said.len(), Plan::text(statement));
    let finish = if statement.boxed { Finish::EndOfText } else { Finish::Boundary };
    let right = judge(plan, index, said, &text, finish);
    LabelledStep { right, text, mistake, kind: plan.steps()[index].kind() }
}

/// The numbers that a careless reader may take for an operand: those of the question, and those stated so far.
fn numbers(plan: &Plan, said: &[Option<u64>]) -> Vec<u64> {
    let operands = plan.steps().iter().flat_map(|step| step.operands());
    let given = operands.filter_map(|operand| match operand {
        Operand::Given(number) => Some(*number),
        Operand::Result(_) => None,
    });
    given.chain(said.iter().copied().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker;

    fn walks(mistakes: f64) -> impl Iterator<Item = Walk> {
        (0..2000).map(move |index| walk(&Generator::default(), Stream::Train, index, 1, mistakes))
    }

    #[test]
    fn without_mistakes_a_walk_is_the_solution() {
        for (index, walk) in walks(0.0).enumerate() {
            let text: String = walk.steps.iter().map(|step| step.text.as_str()).collect();
            assert_eq!(text, Generator::default().problem(Stream::Train, index as u64).plan.solution());
            assert!(walk.steps.iter().all(|step| step.right && step.mistake.is_none()));
        }
    }

    #[test]
    fn spoilt_steps_are_wrong_unless_they_say_the_same() {
        let (mut wrong, mut same) = (0, 0);
        for walk in walks(0.5) {
            let problem = arbitrage_core::Problem::new(walk.question.clone());
            let plan = checker::plan(&problem).unwrap();
            let mut said = Vec::new();
            for step in &walk.steps {
                let right = plan.statement(said.len(), &said).unwrap();
                let equal = Statement::parse(&step.text).unwrap().agrees(&right);
                assert_eq!(step.right, equal, "{} {}", walk.question, step.text);
                assert!(step.right || step.mistake.is_some());
                wrong += usize::from(!step.right);
                same += usize::from(step.right && step.mistake.is_some());
                said.push(checker::stated(&step.text));
            }
        }
        assert!(wrong > 1500 && same > 100, "{wrong} {same}");
    }

    #[test]
    fn every_mistake_is_made() {
        for mistake in Mistake::ALL {
            let made = walks(0.5).flat_map(|walk| walk.steps).filter(|step| step.mistake == Some(mistake)).count();
            assert!(made > 200, "{mistake:?} {made}");
        }
    }

    #[test]
    fn variants_differ_and_repeat() {
        let generator = Generator::default();
        let [one, again, other] = [1, 1, 2].map(|variant| walk(&generator, Stream::Train, 3, variant, 0.9));
        assert_eq!(one, again);
        assert_ne!(one, other);
    }
}
