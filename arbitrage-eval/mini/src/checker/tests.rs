//! Each rule by itself, whole solutions, and hostile text.

use super::*;
use crate::{Generator, Stream, Tier};
use arbitrage_core::{Accepted, Author, SequenceId};
use proptest::prelude::*;

const QUESTION: &str = "Ann has 12 pens. She buys 3 packs of 14. She sells 4. How many has she now?";

fn problem() -> Problem {
    Problem::new(QUESTION).with_id("a")
}

fn accepted(text: &str) -> Accepted {
    Accepted { step: Step::new(text, Finish::Boundary), author: Author::Draft }
}

fn right(before: &[&str], text: &str, finish: Finish) -> bool {
    let (problem, steps) = (problem(), before.iter().map(|text| accepted(text)).collect::<Vec<_>>());
    is_right(&Prefix::new(SequenceId(0), &problem, &steps), &Step::new(text, finish)).unwrap()
}

#[test]
fn a_step_is_checked_at_its_index() {
    let first = "3*14=42\n\n";
    for (before, text, verdict) in [
        (&[][..], "3*14=42\n\n", true),
        (&[], "14*3=42\n\n", true),
        (&[], "3*14=42", true),
        (&[], "3*14=43\n\n", false),
        (&[], "3+14=17\n\n", false),
        (&[], "3*14=42.\n\n", false),
        (&[], "3*14=42\n\n12+42=54\n\n", false),
        (&[], r"3*14=\boxed{42}", false),
        (&[], "12+42=54\n\n", false),
        (&[], "\n\n", false),
        (&[first], "12+42=54\n\n", true),
        (&[first], "42+12=54\n\n", true),
        (&[first], "3*14=42\n\n", false),
        (&["3*14=43\n\n"], "12+43=55\n\n", true),
        (&["3*14=43\n\n"], "12+42=54\n\n", false),
        (&["What?\n\n"], "12+42=54\n\n", true),
        (&["1+1=7\n\n"], "12+7=19\n\n", true),
    ] {
        assert_eq!(right(before, text, Finish::Boundary), verdict, "{before:?} {text}");
    }
}

#[test]
fn only_the_last_step_ends_the_text() {
    let before = ["3*14=42\n\n", "12+42=54\n\n"];
    let last = r"54-4=\boxed{50}";
    for (text, finish, verdict) in [
        (last, Finish::EndOfText, true),
        (last, Finish::Boundary, false),
        (last, Finish::Length, false),
        (last, Finish::Context, false),
        ("54-4=50", Finish::EndOfText, false),
        (r"54-4=\boxed{50}!", Finish::EndOfText, false),
        (r"54-4=\boxed{51}", Finish::EndOfText, false),
    ] {
        assert_eq!(right(&before, text, finish), verdict, "{text} {finish:?}");
    }
    assert!(!right(&[], "3*14=42", Finish::EndOfText));
    assert!(!right(&[before[0], before[1], last], "50-4=46\n\n", Finish::Boundary));
}

#[test]
fn no_step_is_right_after_more_was_taken_than_is_left() {
    let before = ["3*14=42\n\n", "12+42=3\n\n"];
    assert!(!right(&before, r"3-4=\boxed{1}", Finish::EndOfText));
    assert!(!right(&before, r"54-4=\boxed{50}", Finish::EndOfText));
}

#[test]
fn problems_of_other_sources_are_errors() {
    let foreign = Problem::new("What is 6 times 7?").with_id("gsm8k-1");
    let step = Step::new("6*7=42", Finish::EndOfText);
    let error = Checker.score(&[(Prefix::new(SequenceId(0), &foreign, &[]), &step)]).unwrap_err();
    let error = error.downcast_ref::<MiniError>().unwrap();
    assert!(matches!(error, MiniError::UnknownProblem { .. }));
    assert!(error.to_string().contains("`gsm8k-1`") && error.to_string().contains("What is 6"), "{error}");
    assert!(step_kind(&foreign, 0).is_err() && is_solved(&foreign, "42").is_err());
    let negative = Problem::new("Ann has 1 pens. She sells 4. How many are left?");
    assert!(plan(&negative).unwrap_err().to_string().contains("whole results"));
    let none = Problem::new("Ann has 1 pens. How many are left?");
    assert!(plan(&none).is_err());
}

#[test]
fn kinds_and_answers() {
    let kinds: Vec<_> = (0..4).map(|index| step_kind(&problem(), index).unwrap()).collect();
    assert_eq!(kinds, [Some(StepKind::Times), Some(StepKind::Add), Some(StepKind::Subtract), None]);
    assert_eq!(StepKind::Times.tier(), Tier::Medium);
    for (text, solved) in [(r"\boxed{50}", true), ("so it is 50.", true), (r"50, no, \boxed{51}", false), ("", false)] {
        assert_eq!(is_solved(&problem(), text).unwrap(), solved, "{text}");
    }
}

/// The steps of a canonical solution, with how each ends.
fn steps(solution: &str) -> Vec<Step> {
    let pieces: Vec<&str> = solution.split_inclusive("\n\n").collect();
    let finish = |at: usize| if at + 1 == pieces.len() { Finish::EndOfText } else { Finish::Boundary };
    pieces.iter().enumerate().map(|(at, text)| Step::new(*text, finish(at))).collect()
}

#[test]
fn every_canonical_solution_is_right() {
    let generator = Generator::default();
    for (stream, index) in Stream::ALL.into_iter().flat_map(|stream| (0..2000).map(move |index| (stream, index))) {
        let mini = generator.problem(stream, index);
        assert_eq!(plan(&mini.problem).unwrap(), mini.plan, "{}", mini.problem.question);
        let steps = steps(&mini.plan.solution());
        let committed: Vec<Accepted> =
            steps.iter().map(|step| Accepted { step: step.clone(), author: Author::Target }).collect();
        assert_eq!(steps.len(), mini.plan.steps().len());
        let batch: Vec<_> = steps
            .iter()
            .enumerate()
            .map(|(at, step)| (Prefix::new(SequenceId(0), &mini.problem, &committed[..at]), step))
            .collect();
        assert_eq!(Checker.score(&batch).unwrap(), vec![1.0; steps.len()], "{}", mini.problem.question);
        assert!(is_solved(&mini.problem, &mini.plan.solution()).unwrap());
    }
}

proptest! {
    #[test]
    fn hostile_steps_are_checked(
        before in proptest::collection::vec("\\PC{0,20}|[0-9]{1,3}[*+/-][0-9]{1,3}=[0-9]{1,12}(\n\n)?", 0..6),
        text in "\\PC*|[0-9]{1,40}[*+/-][0-9]{1,40}=[0-9]{1,40}|[0-9*+=\\\\boxed{}\n]{0,30}",
        ends in any::<bool>(),
    ) {
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let finish = if ends { Finish::EndOfText } else { Finish::Boundary };
        if right(&before, &text, finish) {
            prop_assert!(Statement::parse(&text).is_some());
        }
    }

    #[test]
    fn hostile_questions_are_errors(question in "\\PC*|(Ann|Bob|has|sells|[0-9]{1,20}|pens|[.?%]| ){0,30}", text in "\\PC*") {
        let problem = Problem::new(question);
        let _ = plan(&problem);
        let _ = is_solved(&problem, &text);
    }
}
