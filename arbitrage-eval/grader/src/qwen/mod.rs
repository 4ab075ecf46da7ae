//! The profile `qwen-compat`: a reimplementation of the grader behind Qwen2.5-Math's scores (`evaluation/parser.py` and
//! `evaluation/grader.py` of QwenLM/Qwen2.5-Math). Where the original calls sympy's parsers, `latex` parses what those accept.

mod extract;
mod latex;
mod latex_tokens;
mod math_equal;
mod normalize;
mod numbers;
mod unit_words;

use super::extract::end_of;
use super::limits::{Abort, MAX_ANSWER_BYTES, MAX_RESPONSE_BYTES};
use super::{AnswerSource, Grade, GradingRule, InputKind, Verdict};

/// Grades `response` as Qwen's evaluation would.
pub(super) fn grade(gold: &str, response: &str, kind: InputKind) -> Grade {
    let response = end_of(response, MAX_RESPONSE_BYTES);
    let boxed = |text: &str| text.contains("boxed");
    let (found, pred) = match kind {
        InputKind::Choice => (AnswerSource::Letter, extract::choice(response)),
        InputKind::Response => extract::answer(response),
        InputKind::Answer if boxed(response) => extract::answer(response),
        InputKind::Answer => (AnswerSource::Whole, response.to_owned()),
    };
    let gold = if boxed(gold) { extract::answer(gold).1 } else { gold.to_owned() };
    let mut grade = Grade {
        verdict: Verdict::NoAnswer,
        rule: GradingRule::Nothing,
        found,
        extracted: pred.clone(),
        gold_form: String::new(),
        pred_form: String::new(),
        flags: Vec::new(),
    };
    if pred.len() > MAX_ANSWER_BYTES || gold.len() > MAX_ANSWER_BYTES {
        grade.extracted.clear();
        grade.verdict = Verdict::Refused { reason: "text".to_owned() };
        return grade;
    }
    grade.gold_form = normalize::normalized(&gold);
    grade.pred_form = if kind == InputKind::Choice { pred } else { normalize::normalized(&pred) };
    let outcome = math_equal::math_equal(&grade.pred_form, &grade.gold_form);
    grade.rule = outcome.rule;
    grade.verdict = match outcome.equal {
        Ok(true) => Verdict::Correct,
        Ok(false) | Err(Abort::Undefined) if grade.pred_form.is_empty() => Verdict::NoAnswer,
        Ok(false) | Err(Abort::Undefined) => Verdict::Incorrect,
        Err(Abort::TooComplex(reason)) => Verdict::Refused { reason: reason.to_owned() },
    };
    grade
}
