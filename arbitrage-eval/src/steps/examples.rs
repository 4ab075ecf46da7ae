//! Labelled steps from a collection.

use arbitrage_core::Step;
use arbitrage_router::labels::{Example, LabelError, SolutionOutcome};

use super::{LabelledSolution, LabelledStep};
use crate::problems::normalised;

/// Both models' steps of every example, labelled with their scores, as one solution per problem. `source` names the collection.
///
/// Examples are given as [`examples`](arbitrage_router::labels::examples) returns them, those of a problem in the order of its steps. Where
/// both models wrote the same and got the same score, the step occurs once.
///
/// # Errors
/// [`LabelError::Parameter`] for a score outside [0, 1], naming problem and step.
pub fn of_examples(examples: &[Example], source: &str) -> Result<Vec<LabelledSolution>, LabelError> {
    Ok(joined(examples, source, examples.iter().map(label).collect::<Result<_, _>>()?))
}

/// The draft's step of every example, in their order, for computing hidden states. All labels are 0 and have no meaning.
pub fn drafts_of_examples(examples: &[Example], source: &str) -> Vec<LabelledSolution> {
    let draft = |example: &Example| {
        vec![LabelledStep { position: example.history.len(), step: example.draft.clone(), label: 0.0 }]
    };
    joined(examples, source, examples.iter().map(draft).collect())
}

/// The draft's step of every decision, in their order, for computing hidden states. All labels are 0 and have no meaning.
pub fn drafts_of_outcomes(outcomes: &[SolutionOutcome]) -> Vec<LabelledSolution> {
    let draft = |(position, draft): (usize, &Option<Step>)| {
        draft.clone().map(|step| LabelledStep { position, step, label: 0.0 })
    };
    let solution = |outcome: &SolutionOutcome| LabelledSolution {
        id: outcome.problem.clone(),
        source: String::new(),
        question: outcome.question.clone(),
        group: normalised(&outcome.question),
        steps: outcome.steps.clone(),
        labelled: outcome.drafts.iter().enumerate().filter_map(draft).collect(),
    };
    outcomes.iter().map(solution).collect()
}

/// Joins consecutive examples of a problem into one solution, as long as each continues the history of the one before.
fn joined(examples: &[Example], source: &str, labelled: Vec<Vec<LabelledStep>>) -> Vec<LabelledSolution> {
    let mut solutions: Vec<LabelledSolution> = Vec::new();
    for (example, labelled) in examples.iter().zip(labelled) {
        let is_continued = |solution: &&mut LabelledSolution| {
            solution.id == example.problem
                && solution.question == example.question
                && example.history.starts_with(&solution.steps)
        };
        match solutions.last_mut().filter(is_continued) {
            Some(solution) => {
                solution.steps.clone_from(&example.history);
                solution.labelled.extend(labelled);
            }
            None => solutions.push(LabelledSolution {
                id: example.problem.clone(),
                source: source.to_owned(),
                question: example.question.clone(),
                group: normalised(&example.question),
                steps: example.history.clone(),
                labelled,
            }),
        }
    }
    solutions
}

fn label(example: &Example) -> Result<Vec<LabelledStep>, LabelError> {
    let position = example.history.len();
    let labelled = |what: &str, step: &Step, label: f32| {
        if (0.0..=1.0).contains(&label) {
            return Ok(LabelledStep { position, step: step.clone(), label });
        }
        let what = format!("problem `{}`, step {}: {what} score", example.problem, example.index);
        Err(LabelError::Parameter { what, expected: "a number in 0..=1".to_owned(), found: label.to_string() })
    };
    let draft = labelled("draft", &example.draft, example.draft_score)?;
    let target = labelled("target", &example.target, example.target_score)?;
    let text = |labelled: &LabelledStep| (labelled.step.text.clone(), labelled.step.finish);
    let is_same = text(&draft) == text(&target) && draft.label == target.label;
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
    fn a_problem_is_one_solution_with_both_steps_of_every_example() {
        let mut same = example("p", &["t", "t"], [0.5, 0.5]);
        same.target = same.draft.clone();
        let examples =
            [example("p", &[], [0.25, 1.0]), example("p", &["t"], [0.0, 0.75]), same, example("q", &[], [1.0, 0.0])];
        let solutions = of_examples(&examples, "oracle").unwrap();
        let seen: Vec<Vec<_>> = solutions
            .iter()
            .map(|solution| solution.labelled.iter().map(|j| (j.position, &*j.step.text, j.label)).collect())
            .collect();
        let first = vec![(0, "d", 0.25), (0, "t", 1.0), (1, "d", 0.0), (1, "t", 0.75), (2, "d", 0.5)];
        assert_eq!(seen, [first, vec![(0, "d", 1.0), (0, "t", 0.0)]]);
        assert_eq!((solutions[0].steps.len(), &*solutions[0].group, &*solutions[0].source), (2, "q?", "oracle"));
    }

    #[test]
    fn each_example_gives_one_draft() {
        let mut same = example("p", &["t"], [9.0, f32::MAX / 4.0]);
        same.target = same.draft.clone();
        let examples =
            [example("p", &[], [0.0, 1.0]), same, example("q", &[], [1.0, 0.0]), example("p", &[], [1.0, 0.0])];
        let solutions = drafts_of_examples(&examples, "oracle");
        let sizes: Vec<_> = solutions.iter().map(|solution| (&*solution.id, solution.labelled.len())).collect();
        assert_eq!(sizes, [("p", 2), ("q", 1), ("p", 1)]);
    }

    #[test]
    fn scores_outside_of_labels_range_are_refused_by_step() {
        let error = of_examples(&[example("p", &["t"], [0.5, 9.0])], "judge").unwrap_err().to_string();
        assert_eq!(error, "problem `p`, step 1: target score: expected a number in 0..=1, found 9");
    }
}
