//! The same steps under another scorer's labels.

use std::collections::HashMap;

use super::Example;

/// The steps that two sets of labels have in common.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rescored {
    /// The common steps with the others' scores, in their order.
    pub examples: Vec<Example>,
    /// The index of each common step among the rescored examples, ascending.
    pub indices: Vec<usize>,
    /// Steps that the others do not have.
    pub missing: usize,
    /// Steps of the others with another text or prefix, whose scores do not apply.
    pub changed: usize,
    /// Steps of the others that the examples do not have.
    pub extra: usize,
}

/// `examples` with the scores that `others` have for them. A step is the same where problem, index, question, history and both
/// models' texts are the same.
///
/// A router that was trained on one scorer's labels may have learned that scorer's errors. Measured with the labels of a scorer
/// that was not used for training, these count against it.
pub fn rescored(examples: &[Example], others: &[Example]) -> Rescored {
    let mut found = Rescored::default();
    let mut by_step: HashMap<(&str, usize), &Example> = others.iter().map(|other| (step_key(other), other)).collect();
    found.extra = others.len() - by_step.len();
    for (at, example) in examples.iter().enumerate() {
        match by_step.remove(&step_key(example)) {
            Some(other) if is_same(example, other) => {
                let mut example = example.clone();
                (example.draft_score, example.target_score) = (other.draft_score, other.target_score);
                found.examples.push(example);
                found.indices.push(at);
            }
            Some(_) => found.changed += 1,
            None => found.missing += 1,
        }
    }
    found.extra += by_step.len();
    found
}

fn step_key(example: &Example) -> (&str, usize) {
    (&example.problem, example.index)
}

fn is_same(one: &Example, other: &Example) -> bool {
    let steps = || one.history.iter().zip(&other.history);
    one.question == other.question
        && one.draft.text == other.draft.text
        && one.target.text == other.target.text
        && one.history.len() == other.history.len()
        && steps().all(|(one, other)| one.step.text == other.step.text && one.author == other.author)
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Accepted, Author, Finish, Step};
    use proptest::prelude::*;

    use super::*;

    fn step(text: &str) -> Step {
        Step::new(text, Finish::Boundary)
    }

    fn example(problem: &str, index: usize, scores: (f32, f32)) -> Example {
        let before = |at: usize| Accepted { step: step(&at.to_string()), author: Author::Draft };
        let example = Example::new("?", (step("d"), scores.0), (step("t"), scores.1)).unwrap();
        example.with_problem(problem).with_history((0..index).map(before).collect())
    }

    #[test]
    fn a_step_is_the_same_if_everything_that_was_scored_is() {
        let own = [example("a", 2, (0.25, 0.5))];
        let good = example("a", 2, (1.0, 0.0));
        let found = rescored(&own, std::slice::from_ref(&good));
        assert_eq!((found.examples, found.indices), (vec![good.clone()], vec![0]));
        type Change = (fn(&mut Example), [usize; 3]);
        let changes: [Change; 8] = [
            (|other| other.question = "!".to_owned(), [0, 1, 0]),
            (|other| other.draft = step("D"), [0, 1, 0]),
            (|other| other.target = step("T"), [0, 1, 0]),
            (|other| other.history[1].step = step("x"), [0, 1, 0]),
            (|other| other.history[0].author = Author::Target, [0, 1, 0]),
            (|other| drop(other.history.pop()), [0, 1, 0]),
            (|other| other.problem = "b".to_owned(), [1, 0, 1]),
            (|other| other.index = 3, [1, 0, 1]),
        ];
        for (at, (change, counts)) in changes.into_iter().enumerate() {
            let mut other = good.clone();
            change(&mut other);
            let found = rescored(&own, &[other]);
            assert!(found.examples.is_empty() && found.indices.is_empty(), "{at}");
            assert_eq!([found.missing, found.changed, found.extra], counts, "{at}");
        }
    }

    proptest! {
        #[test]
        fn every_step_is_counted_once(own in prop::collection::vec(0usize..12, 0..12), others in prop::collection::vec(0usize..12, 0..12)) {
            let examples = |steps: &[usize], score: f32| -> Vec<Example> {
                let mut steps = steps.to_vec();
                steps.dedup();
                steps.iter().map(|at| example(&(at / 4).to_string(), at % 4, (score, 0.5))).collect()
            };
            let (own, others) = (examples(&own, 0.25), examples(&others, 0.75));
            let found = rescored(&own, &others);
            prop_assert_eq!(found.examples.len() + found.missing + found.changed, own.len());
            prop_assert_eq!(found.examples.len() + found.changed + found.extra, others.len());
            prop_assert!(found.indices.is_sorted_by(|a, b| a < b));
            for (example, index) in found.examples.iter().zip(&found.indices) {
                prop_assert_eq!((&example.problem, example.index), (&own[*index].problem, own[*index].index));
                prop_assert_eq!(example.draft_score, 0.75);
            }
        }
    }
}
