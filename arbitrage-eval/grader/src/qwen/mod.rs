//! The profile `qwen-compat`: what the grader behind Qwen2.5-Math's scores says (`evaluation/parser.py` and `evaluation/grader.py` of
//! QwenLM/Qwen2.5-Math), written anew. Its calls of sympy's parsers stand for reading the beginning of a formula; see `latex`.

mod equal;
mod extract;
mod latex;
mod numbers;
mod strip;
mod tokens;
mod units;

use super::extract::end_of;
use super::limits::{LONGEST_ANSWER, LONGEST_RESPONSE, Stop};
use super::{Found, Grade, Kind, Rule, Verdict};

/// Grades `response` as Qwen's evaluation would.
pub(super) fn grade(gold: &str, response: &str, kind: Kind) -> Grade {
    let response = end_of(response, LONGEST_RESPONSE);
    let boxed = |text: &str| text.contains("boxed");
    let (found, pred) = match kind {
        Kind::Choice => (Found::Letter, extract::choice(response)),
        Kind::Response => extract::answer(response),
        Kind::Answer if boxed(response) => extract::answer(response),
        Kind::Answer => (Found::Whole, response.to_owned()),
    };
    let gold = if boxed(gold) { extract::answer(gold).1 } else { gold.to_owned() };
    let mut grade = Grade {
        verdict: Verdict::NoAnswer,
        rule: Rule::Nothing,
        found,
        extracted: pred.clone(),
        gold_form: String::new(),
        pred_form: String::new(),
        flags: Vec::new(),
    };
    if pred.len() > LONGEST_ANSWER || gold.len() > LONGEST_ANSWER {
        grade.extracted.clear();
        grade.verdict = Verdict::Refused { reason: "text".to_owned() };
        return grade;
    }
    grade.gold_form = strip::stripped(&gold);
    grade.pred_form = if kind == Kind::Choice { pred } else { strip::stripped(&pred) };
    let outcome = equal::equal(&grade.pred_form, &grade.gold_form);
    grade.rule = outcome.1;
    grade.verdict = match outcome.0 {
        Ok(true) => Verdict::Correct,
        Ok(false) | Err(Stop::Undefined) if grade.pred_form.is_empty() => Verdict::NoAnswer,
        Ok(false) | Err(Stop::Undefined) => Verdict::Incorrect,
        Err(Stop::TooMuch(reason)) => Verdict::Refused { reason: reason.to_owned() },
    };
    grade
}
