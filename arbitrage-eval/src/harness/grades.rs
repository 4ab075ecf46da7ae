//! Verdicts on a run's solutions.

use arbitrage_core::Problem;
use arbitrage_core::trace::{SolutionRecord, Trace};

use crate::gold::Gold;
use crate::results::{GradeRow, Outcome};

/// Verdicts on the [solutions](Trace::solutions) of a trace, in its order. They depend on nothing but the trace, so that solutions can be
/// graded again at any time.
pub fn grade(trace: &Trace, gold: &Gold) -> Vec<GradeRow> {
    trace.solutions().into_iter().map(|end| grade_row(end, gold)).collect()
}

fn grade_row(end: &SolutionRecord, gold: &Gold) -> GradeRow {
    let problem = Problem::new(&end.question).with_id(&end.problem);
    let answer = gold.answer(&problem).map_or_else(|_| String::new(), |answer| answer.into_owned());
    let grade = gold.grade(&problem, &end.text).ok();
    let verdict = match &grade {
        Some(grade) if end.error.is_none() && grade.is_correct() => Outcome::Right,
        Some(_) if end.error.is_none() => Outcome::Wrong,
        _ => Outcome::Errored,
    };
    let row = GradeRow::new(&end.problem, verdict).with_gold(answer, gold.profile());
    match &grade {
        Some(grade) => row.with_grade(grade),
        None => row,
    }
}

#[cfg(test)]
mod tests {
    use arbitrage_core::Usage;
    use arbitrage_core::trace::Record;

    use super::*;

    fn row(question: &str, text: &str, error: Option<&str>) -> serde_json::Value {
        let mut end =
            serde_json::json!({ "problem": "p", "question": question, "text": text, "usage": Usage::default() });
        if let Some(error) = error {
            end["error"] = error.into();
        }
        let end: SolutionRecord = serde_json::from_value(end).unwrap();
        let trace = Trace::from_records([Record::Solution(end)]).unwrap();
        let rows = grade(&trace, &Gold::default().with_fallback(arbitrage_mini::answer));
        serde_json::to_value(&rows[0]).unwrap()
    }

    #[test]
    fn a_row_has_the_answer_and_the_reason() {
        let question = "Ann has 12 pens. She gives 3 to Bob. She gives half to Bob. How many are left?";
        let right = row(question, r"12-3=9, so 9 div 2 is \boxed{4}", None);
        assert_eq!(right["gold"], "4");
        for (field, value) in [
            ("verdict", "right"),
            ("profile", "strict"),
            ("extracted", "4"),
            ("grade", "correct"),
            ("found", "boxed"),
            ("pred_form", "4"),
            ("rule", "symbols"),
        ] {
            assert_eq!(right[field], value, "{right}");
        }
        assert_eq!(row(question, r"\boxed{5}", None)["verdict"], "wrong");
        assert_eq!(row(question, r"\boxed{4}", Some("no answer in time"))["verdict"], "errored");
        let unknown = row("How many?", r"\boxed{5}", None);
        assert_eq!(unknown["verdict"], "errored");
        assert_eq!(unknown.get("rule"), None);
    }
}
