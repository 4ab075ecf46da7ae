//! Judged steps from a collection.

use arbitrage_core::Step;
use arbitrage_router::labels::{Example, LabelError};

use super::{JudgedSolution, JudgedStep};
use crate::problems::normalised;

/// Both steps of every example with their scores as labels, one solution a problem. `source` names the collection.
///
/// Examples come as [`examples`](arbitrage_router::labels::examples) gives them, those of a problem in the order of its steps. Where
/// both models wrote the same and got the same score, the step is there once.
///
/// # Errors
/// [`LabelError::Parameter`] for a score outside [0, 1], naming problem and step.
pub fn of_examples(examples: &[Example], source: &str) -> Result<Vec<JudgedSolution>, LabelError> {
    Ok(joined(examples, source, examples.iter().map(judge).collect::<Result<_, _>>()?))
}

/// The draft's step of every example, in their order, for [`read_states`](super::read_states). Labels are 0: nothing is judged.
pub fn drafts_of_examples(examples: &[Example], source: &str) -> Vec<JudgedSolution> {
    let draft =
        |example: &Example| vec![JudgedStep { place: example.history.len(), step: example.draft.clone(), label: 0.0 }];
    joined(examples, source, examples.iter().map(draft).collect())
}

/// One solution for the examples of a problem, as long as each goes on from the one before.
fn joined(examples: &[Example], source: &str, judged: Vec<Vec<JudgedStep>>) -> Vec<JudgedSolution> {
    let mut solutions: Vec<JudgedSolution> = Vec::new();
    for (example, judged) in examples.iter().zip(judged) {
        let goes_on = |solution: &&mut JudgedSolution| {
            solution.id == example.problem
                && solution.question == example.question
                && example.history.starts_with(&solution.steps)
        };
        match solutions.last_mut().filter(goes_on) {
            Some(solution) => {
                solution.steps.clone_from(&example.history);
                solution.judged.extend(judged);
            }
            None => solutions.push(JudgedSolution {
                id: example.problem.clone(),
                source: source.to_owned(),
                question: example.question.clone(),
                group: normalised(&example.question),
                steps: example.history.clone(),
                judged,
            }),
        }
    }
    solutions
}

fn judge(example: &Example) -> Result<Vec<JudgedStep>, LabelError> {
    let place = example.history.len();
    let judged = |what: &str, step: &Step, label: f32| {
        if (0.0..=1.0).contains(&label) {
            return Ok(JudgedStep { place, step: step.clone(), label });
        }
        let what = format!("problem `{}`, step {}: {what} score", example.problem, example.index);
        Err(LabelError::Parameter { what, expected: "a number in 0..=1".to_owned(), found: label.to_string() })
    };
    let draft = judged("draft", &example.draft, example.draft_score)?;
    let target = judged("target", &example.target, example.target_score)?;
    let said = |judged: &JudgedStep| (judged.step.text.clone(), judged.step.finish);
    let is_same = said(&draft) == said(&target) && draft.label == target.label;
    Ok([draft].into_iter().chain((!is_same).then_some(target)).collect())
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Accepted, Author, Finish};

    use super::*;

    fn step(text: &str) -> Step {
        Step::new(text, Finish::Boundary)
    }

    fn example(problem: &str, history: &[&str], scores: [f32; 2]) -> Example {
        let accepted = |text: &&str| Accepted { step: step(text), author: Author::Target };
        let example = Example::new("Q?", (step("d"), scores[0]), (step("t"), scores[1])).unwrap();
        example.with_problem(problem).with_history(history.iter().map(accepted).collect())
    }

    #[test]
    fn a_problem_is_one_solution_with_both_steps_of_every_place() {
        let mut same = example("p", &["t", "t"], [0.5, 0.5]);
        same.target = same.draft.clone();
        let examples =
            [example("p", &[], [0.25, 1.0]), example("p", &["t"], [0.0, 0.75]), same, example("q", &[], [1.0, 0.0])];
        let solutions = of_examples(&examples, "oracle").unwrap();
        let seen: Vec<Vec<_>> = solutions
            .iter()
            .map(|solution| solution.judged.iter().map(|j| (j.place, &*j.step.text, j.label)).collect())
            .collect();
        let first = vec![(0, "d", 0.25), (0, "t", 1.0), (1, "d", 0.0), (1, "t", 0.75), (2, "d", 0.5)];
        assert_eq!(seen, [first, vec![(0, "d", 1.0), (0, "t", 0.0)]]);
        assert_eq!((solutions[0].steps.len(), &*solutions[0].group, &*solutions[0].source), (2, "q?", "oracle"));
    }

    #[test]
    fn drafts_are_read_one_an_example() {
        let mut same = example("p", &["t"], [9.0, f32::MAX / 4.0]);
        same.target = same.draft.clone();
        let examples =
            [example("p", &[], [0.0, 1.0]), same, example("q", &[], [1.0, 0.0]), example("p", &[], [1.0, 0.0])];
        let solutions = drafts_of_examples(&examples, "oracle");
        let sizes: Vec<_> = solutions.iter().map(|solution| (&*solution.id, solution.judged.len())).collect();
        assert_eq!(sizes, [("p", 2), ("q", 1), ("p", 1)]);
    }

    #[test]
    fn scores_that_are_no_labels_are_refused_by_step() {
        let error = of_examples(&[example("p", &["t"], [0.5, 9.0])], "judge").unwrap_err().to_string();
        assert_eq!(error, "problem `p`, step 1: target score: expected a number in 0..=1, found 9");
    }
}
