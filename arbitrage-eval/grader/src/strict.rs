//! The profile `strict`: finds, reads, compares.

use std::collections::BTreeSet;

use super::Kind;
use super::answer::{Answer, read};
use super::boxes::{boxes, last_joined};
use super::choice;
use super::compare::Comparison;
use super::extract::{end_of, final_answer};
use super::form::form;
use super::lexer::{Lexed, Reading, lex};
use super::limits::{LONGEST_ANSWER, LONGEST_RESPONSE, Stop};
use super::token::{Tok, Token};
use super::verdict::{Flag, Found, Grade, Rule, Verdict};

/// Grades `response` under the profile `strict`.
pub(super) fn grade(gold: &str, response: &str, kind: Kind, tolerance: f64) -> Grade {
    let gold = gold.trim();
    let response = end_of(response, LONGEST_RESPONSE).trim();
    if gold.is_empty() || response.is_empty() {
        return undecided(Verdict::NoAnswer, Found::Whole, response);
    }
    let found = match kind {
        Kind::Choice => return choice(gold, response),
        Kind::Answer => Some((Found::Whole, unboxed(response))),
        Kind::Response => final_answer(response),
    };
    if gold == response && !matches!(found, Some((Found::Boxed, _))) {
        let rule = Rule::Symbols;
        return Grade { rule, ..undecided(Verdict::Correct, Found::Whole, response) };
    }
    let Some((found, pred)) = found else { return undecided(Verdict::NoAnswer, Found::Whole, "") };
    let gold = match kind {
        Kind::Response => of_gold(gold),
        _ => unboxed(gold),
    };
    compared(&gold, &pred, found, tolerance)
}

/// The answer of a gold that may be a worked solution.
pub(super) fn of_gold(gold: &str) -> String {
    match final_answer(gold) {
        Some((Found::Boxed | Found::Boxes | Found::Hashes | Found::Phrase, answer)) => answer,
        _ => gold.to_owned(),
    }
}

/// The contents of the last box of a bare answer, or all of it.
fn unboxed(text: &str) -> String {
    if !text.contains("box") || text.len() > LONGEST_ANSWER {
        return text.to_owned();
    }
    let (found, _) = boxes(text);
    last_joined(text, &found).map_or_else(|| text.to_owned(), |(answer, _)| answer)
}

fn undecided(verdict: Verdict, found: Found, extracted: &str) -> Grade {
    let extracted = if extracted.len() <= LONGEST_ANSWER { extracted.to_owned() } else { String::new() };
    let (gold_form, pred_form) = (String::new(), String::new());
    Grade { verdict, rule: Rule::Nothing, found, extracted, gold_form, pred_form, flags: Vec::new() }
}

fn choice(gold: &str, response: &str) -> Grade {
    let (right, chosen) = (choice::right(gold), choice::chosen(response));
    let text = |letter: Option<char>| letter.map_or_else(String::new, String::from);
    Grade {
        verdict: match (right, chosen) {
            (_, None) => Verdict::NoAnswer,
            (right, chosen) if right == chosen => Verdict::Correct,
            _ => Verdict::Incorrect,
        },
        rule: Rule::Choice,
        found: Found::Letter,
        extracted: text(chosen),
        gold_form: text(right),
        pred_form: text(chosen),
        flags: Vec::new(),
    }
}

/// Compares two bare answers in every reading that makes sense of them, until they are equal in one.
fn compared(gold: &str, pred: &str, found: Found, tolerance: f64) -> Grade {
    let mut grade = undecided(Verdict::Incorrect, found, pred);
    if pred.trim().is_empty() || gold.trim().is_empty() {
        return Grade { verdict: Verdict::NoAnswer, ..grade };
    }
    if gold == pred {
        identical(&mut grade, gold);
        return Grade { verdict: Verdict::Correct, ..grade };
    }
    if gold.len() > LONGEST_ANSWER || pred.len() > LONGEST_ANSWER {
        return Grade { verdict: refused(Stop::TooMuch("text")), ..grade };
    }
    let first = attempt((gold, pred), Reading::default(), tolerance, &mut grade);
    let mut outcome = first.as_ref().map(|outcome| outcome.right);
    let others = first.as_ref().map(|outcome| outcome.readings.clone()).unwrap_or_default();
    for (reading, flag) in others {
        if outcome == Ok(true) {
            break;
        }
        let mut again = grade.clone();
        if let Ok(Attempt { right: true, .. }) = attempt((gold, pred), reading, tolerance, &mut again) {
            grade = again;
            grade.flags.push(flag);
            grade.flags.sort();
            outcome = Ok(true);
        }
    }
    grade.verdict = match outcome {
        Ok(true) => Verdict::Correct,
        Ok(false) => Verdict::Incorrect,
        Err(stop) => refused(*stop),
    };
    grade
}

/// Notes that both answers are this one, whose normal form is what is written where it is too complex to be read.
fn identical(grade: &mut Grade, answer: &str) {
    grade.rule = Rule::Symbols;
    if answer.len() <= LONGEST_ANSWER {
        let read = lex(answer, Reading::default()).and_then(|lexed| read(&lexed.tokens));
        grade.gold_form = read.map_or_else(|_| answer.to_owned(), |answer| form(&answer));
        grade.pred_form = grade.gold_form.clone();
    }
}

fn refused(stop: Stop) -> Verdict {
    match stop {
        Stop::TooMuch(reason) => Verdict::Refused { reason: reason.to_owned() },
        Stop::Undefined => Verdict::Incorrect,
    }
}

struct Attempt {
    right: bool,
    /// Other readings that may say otherwise.
    readings: Vec<(Reading, Flag)>,
}

fn attempt((gold, pred): (&str, &str), reading: Reading, tolerance: f64, grade: &mut Grade) -> Result<Attempt, Stop> {
    let written = gold;
    let (gold, pred) = (lex(gold, reading)?, lex(pred, reading)?);
    let readings = readings(&gold, &pred);
    if !gold.tokens.is_empty() && gold.tokens == pred.tokens {
        identical(grade, written);
        return Ok(Attempt { right: true, readings });
    }
    let (gold, pred) = (read(&gold.tokens)?, read(&pred.tokens)?);
    (grade.gold_form, grade.pred_form) = (form(&gold), form(&pred));
    if empty(&pred) || empty(&gold) {
        return Ok(Attempt { right: false, readings });
    }
    let mut comparison = Comparison::new(tolerance);
    let (right, rule) = match comparison.same(&gold, &pred) {
        Err(Stop::Undefined) => (false, Rule::Kinds),
        outcome => outcome?,
    };
    grade.rule = rule;
    grade.flags = if right { comparison.flags.into_iter().collect() } else { Vec::new() };
    Ok(Attempt { right, readings })
}

fn empty(answer: &Answer) -> bool {
    matches!(answer, Answer::Words(words) if words.is_empty())
}

fn readings(gold: &Lexed, pred: &Lexed) -> Vec<(Reading, Flag)> {
    let mut found = Vec::new();
    if gold.commas || pred.commas {
        found.push((Reading { commas_separate: true, ..Reading::default() }, Flag::CommasAsList));
    }
    let folds = |lexed: &Lexed| {
        let names = names(&lexed.tokens);
        let lower: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        (lower.len() == names.len(), names.iter().any(|name| name.chars().any(char::is_uppercase)))
    };
    let ((gold_fits, gold_folds), (pred_fits, pred_folds)) = (folds(gold), folds(pred));
    if gold_fits && pred_fits && (gold_folds || pred_folds) {
        found.push((Reading { lower_case: true, ..Reading::default() }, Flag::CaseIgnored));
    }
    found
}

/// The single letters among tokens.
fn names(tokens: &[Token]) -> BTreeSet<&str> {
    let letters =
        tokens.iter().filter_map(|token| if let Tok::Name(name) = &token.tok { Some(name.as_str()) } else { None });
    letters.filter(|name| name.len() == 1).collect()
}
