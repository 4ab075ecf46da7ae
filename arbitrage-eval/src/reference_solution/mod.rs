//! Scores steps by the reference solution of a problem.

mod equations;
mod lexer;

use std::collections::HashMap;

use arbitrage_core::trace::Trace;
use arbitrage_core::{BoxError, Finish, Prefix, Step, StepScorer};

use crate::gold::Gold;
use crate::harness::grade;
use crate::problems::ProblemRow;
use crate::results::Outcome;
use equations::{Equation, equations, numbers};

/// Scores steps of word problems by the numbers of a reference solution, such as GSM8K's answers. It needs no model, so that many thousands
/// of steps can be labelled at no cost.
///
/// | score | the step |
/// |---|---|
/// | 0 | states false arithmetic, or ends in a wrong answer |
/// | ½ | states a result that is neither in the question, nor in the prefix, nor in the reference solution |
/// | 1 | anything else |
///
/// A right approach that differs from the reference solution gets ½ for both models' steps, so that its advantage is 0. The evaluation
/// results in `docs` compare these scores with roll-outs.
#[derive(Clone, Debug)]
pub struct ReferenceSolutionScorer {
    gold: Gold,
    /// The reference solution's results, by question.
    values: HashMap<String, Vec<f64>>,
    /// Where the reference solutions are from, which is the scorer's name.
    source: &'static str,
}

/// A problem without a reference solution.
#[derive(Debug, thiserror::Error)]
#[error(
    "problem `{id}` comes without a worked solution: expected one in the field `answer` of its row, ending in `####` and the result"
)]
pub struct NoReferenceSolution {
    /// The problem's id.
    pub id: String,
}

impl ReferenceSolutionScorer {
    /// A scorer for the problems of `rows`, all of which need a reference solution.
    ///
    /// # Errors
    /// [`NoReferenceSolution`] for the first row whose `answer` is absent or does not end in `####` and a result.
    pub fn new<'r>(rows: impl IntoIterator<Item = &'r ProblemRow>) -> Result<Self, NoReferenceSolution> {
        let rows: Vec<_> = rows.into_iter().collect();
        let values = |row: &&ProblemRow| {
            let missing = || NoReferenceSolution { id: row.problem.id.clone() };
            let values = row.answer.as_deref().and_then(values).ok_or_else(missing)?;
            Ok((row.problem.question.clone(), values))
        };
        let values = rows.iter().map(values).collect::<Result<_, _>>()?;
        Ok(Self { gold: Gold::new(rows), values, source: "worked solution" })
    }

    /// A scorer whose reference solutions are those of `runs` that are right, such as the target's own solutions: for problems whose rows
    /// have a final answer and no worked solution. Where no solution is right, the answer is the only known number.
    pub fn from_runs(rows: &[ProblemRow], runs: &Trace) -> Self {
        let gold = Gold::new(rows);
        let answer = |row: &ProblemRow| {
            let known = gold.answer(&row.problem).map_or_else(|_| Vec::new(), |answer| numbers(&answer).collect());
            (row.problem.question.clone(), known)
        };
        let mut values: HashMap<String, Vec<f64>> = rows.iter().map(answer).collect();
        let graded = runs.solutions().into_iter().zip(grade(runs, &gold));
        for (end, _) in graded.filter(|(_, row)| row.verdict == Outcome::Right) {
            if let Some(known) = values.get_mut(&end.question) {
                known.extend(equations(&end.text).into_iter().map(|equation| equation.stated));
            }
        }
        Self { gold, values, source: "right solutions of a run" }
    }

    fn score_step(&self, prefix: &Prefix<'_>, step: &Step) -> Result<f32, NoReferenceSolution> {
        let missing = || NoReferenceSolution { id: prefix.problem.id.clone() };
        let values = self.values.get(&prefix.problem.question).ok_or_else(missing)?;
        let found = equations(&step.text);
        if found.iter().any(|equation| equation.holds() == Some(false)) {
            return Ok(0.0);
        }
        if step.finish == Finish::EndOfText || step.text.contains(r"\boxed{") {
            let right = self.gold.is_solved(prefix.problem, &step.text).map_err(|_| missing())?;
            return Ok(f32::from(u8::from(right)));
        }
        let known: Vec<f64> = numbers(&prefix.problem.question).chain(numbers(&prefix.text())).collect();
        let is_unknown = |equation: &Equation| !values.iter().chain(&known).any(|value| same(*value, equation.stated));
        Ok(if found.iter().any(is_unknown) { 0.5 } else { 1.0 })
    }
}

impl StepScorer for ReferenceSolutionScorer {
    fn name(&self) -> String {
        self.source.to_owned()
    }

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        steps.iter().map(|(prefix, step)| Ok(self.score_step(prefix, step)?)).collect()
    }
}

/// The results in a solution of GSM8K's format: prose with `<<48/2=24>>` before each result, and `#### 72` at the end. `None` for other
/// formats.
fn values(answer: &str) -> Option<Vec<f64>> {
    let (solution, last) = answer.rsplit_once("####")?;
    let noted = solution.split("<<").skip(1).filter_map(|rest| rest.split_once(">>"));
    let results = noted.filter_map(|(note, _)| numbers(note.rsplit_once('=')?.1).next());
    (!last.trim().is_empty()).then(|| results.chain(numbers(last)).collect())
}

/// Equal up to rounding at a relative error of 1e-6.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-6 * one.abs().max(other.abs()).max(1.0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arbitrage_core::trace::Record;
    use arbitrage_core::{Accepted, Author, Problem, SequenceId};

    use super::*;
    use crate::problems::{BadRows, read};

    const QUESTION: &str = "Natalia sold clips to 48 friends in April, and half as many in May. How many in both?";

    fn rows(answer: &str) -> Vec<ProblemRow> {
        let line = serde_json::json!({ "question": QUESTION, "answer": answer }).to_string();
        read(Path::new("gsm8k.jsonl"), line.as_bytes(), BadRows::Fail).unwrap().rows
    }

    fn scorer() -> ReferenceSolutionScorer {
        ReferenceSolutionScorer::new(&rows(
            "She sold 48/2 = <<48/2=24>>24 in May.\n48+24 = <<48+24=72>>72 in both.\n#### 72",
        ))
        .unwrap()
    }

    fn score(before: &[&str], step: &str, finish: Finish) -> f32 {
        let problem = Problem::new(QUESTION);
        let accept = |text: &&str| Accepted { step: Step::new(*text, Finish::Boundary), author: Author::Draft };
        let steps: Vec<Accepted> = before.iter().map(accept).collect();
        let prefix = Prefix::new(SequenceId(0), &problem, &steps);
        scorer().score(&[(prefix, &Step::new(step, finish))]).unwrap()[0]
    }

    #[test]
    fn steps_are_scored_by_their_numbers() {
        let boundary = Finish::Boundary;
        for (before, step, finish, expected) in [
            (&[][..], "Let's go step by step.\n\n", boundary, 1.0),
            (&[], "In May: \\[ \\frac{48}{2} = 24 \\]\n\n", boundary, 1.0),
            (&[], "In May: \\[ 48 \\times 2 = 96 \\]\n\n", boundary, 0.5),
            (&[], "In May: \\[ 48 / 2 = 26 \\]\n\n", boundary, 0.0),
            (&["\\[ 48 \\times 2 = 96 \\]\n\n"], "So she sold \\[ x = 96 \\]\n\n", boundary, 1.0),
            (&["\\[ 48/2 = 24 \\]\n\n"], r"In all \boxed{72}.", Finish::EndOfText, 1.0),
            (&["\\[ 48/2 = 24 \\]\n\n"], r"In all \boxed{72 \text{ clips}}.", Finish::EndOfText, 1.0),
            (&["\\[ 48/2 = 24 \\]\n\n"], r"In all \boxed{24}.", Finish::EndOfText, 0.0),
            (&[], "No idea", Finish::EndOfText, 0.0),
        ] {
            assert_eq!(score(before, step, finish), expected, "{step}");
        }
    }

    #[test]
    fn right_solutions_of_a_run_are_references() {
        let rows = rows("72");
        let score = |solutions: &[(&str, Option<&str>)], step: &str| {
            let record = |(text, error): &(&str, Option<&str>)| {
                let mut end = serde_json::json!({
                    "problem": "gsm8k-1", "question": QUESTION, "text": text, "usage": arbitrage_core::Usage::default(),
                });
                if let Some(error) = error {
                    end["error"] = (*error).into();
                }
                Record::Solution(serde_json::from_value(end).unwrap())
            };
            let runs = Trace::from_records(solutions.iter().map(record)).unwrap();
            let prefix = Prefix::new(SequenceId(0), &rows[0].problem, &[]);
            let step = Step::new(step, Finish::Boundary);
            ReferenceSolutionScorer::from_runs(&rows, &runs).score(&[(prefix, &step)]).unwrap()[0]
        };
        let (half, whole) = ("May: \\[ 48/2 = 24 \\]\n\n", "both: \\[ 48+24 = 72 \\]\n\n");
        let right = r"\[ 48/2 = 24 \] \[ 48 + 24 = 72 \] \boxed{72}";
        let wrong = r"\[ 48/2 = 24 \] \boxed{24}";
        for (solutions, step, expected) in [
            (&[(right, None)][..], half, 1.0),
            (&[(wrong, None)], half, 0.5),
            (&[(right, Some("stopped"))], half, 0.5),
            (&[], half, 0.5),
            (&[], whole, 1.0),
            (&[(right, None)], "May: \\[ 48/2 = 25 \\]\n\n", 0.0),
            (&[(right, None)], "May: \\[ 48*2 = 96 \\]\n\n", 0.5),
        ] {
            assert_eq!(score(solutions, step), expected, "{solutions:?}: {step}");
        }
    }

    #[test]
    fn a_problem_without_a_reference_solution_is_named() {
        for answer in ["72", "so ####  "] {
            let error = ReferenceSolutionScorer::new(&rows(answer)).unwrap_err().to_string();
            assert!(error.contains("`gsm8k-1`") && error.contains("####"), "{error}");
        }
        let problem = Problem::new("Another?").with_id("other");
        let step = Step::new("so", Finish::Boundary);
        let error = scorer().score(&[(Prefix::new(SequenceId(0), &problem, &[]), &step)]).unwrap_err();
        assert!(error.to_string().contains("`other`"), "{error}");
    }
}
