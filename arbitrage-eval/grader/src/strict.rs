//! The profile `strict`: finds the answer, parses it, and compares it with the gold answer.

use std::collections::BTreeSet;

use super::InputKind;
use super::answer::{ParsedAnswer, parse_answer};
use super::boxes::{boxes, last_joined};
use super::compare::AnswerComparison;
use super::extract::{end_of, final_answer};
use super::lexer::{LexOptions, LexedAnswer, lex};
use super::limits::{Abort, MAX_ANSWER_BYTES, MAX_RESPONSE_BYTES};
use super::multiple_choice;
use super::printer::print_normal_form;
use super::token::{MathToken, SpacedToken};
use super::verdict::{AnswerSource, Grade, GradingRule, Leniency, Verdict};

/// Grades `response` under the profile `strict`.
pub(super) fn grade(gold: &str, response: &str, kind: InputKind, tolerance: f64) -> Grade {
    let gold = gold.trim();
    let response = end_of(response, MAX_RESPONSE_BYTES).trim();
    if gold.is_empty() || response.is_empty() {
        return without_comparison(Verdict::NoAnswer, AnswerSource::Whole, response);
    }
    let found = match kind {
        InputKind::Choice => return multiple_choice(gold, response),
        InputKind::Answer => Some((AnswerSource::Whole, unboxed(response))),
        InputKind::Response => final_answer(response),
    };
    if gold == response && !matches!(found, Some((AnswerSource::Boxed, _))) {
        let rule = GradingRule::Symbols;
        return Grade { rule, ..without_comparison(Verdict::Correct, AnswerSource::Whole, response) };
    }
    let Some((found, pred)) = found else { return without_comparison(Verdict::NoAnswer, AnswerSource::Whole, "") };
    let gold = match kind {
        InputKind::Response => answer_of_gold(gold),
        _ => unboxed(gold),
    };
    BareAnswers { gold: &gold, pred: &pred, tolerance }.grade(found)
}

/// The answer of a gold text that may be a worked solution.
pub(super) fn answer_of_gold(gold: &str) -> String {
    match final_answer(gold) {
        Some((AnswerSource::Boxed | AnswerSource::Boxes | AnswerSource::Hashes | AnswerSource::Phrase, answer)) => {
            answer
        }
        _ => gold.to_owned(),
    }
}

/// The contents of the last box of a bare answer, or the whole answer.
fn unboxed(text: &str) -> String {
    if !text.contains("box") || text.len() > MAX_ANSWER_BYTES {
        return text.to_owned();
    }
    let (found, _) = boxes(text);
    last_joined(text, &found).map_or_else(|| text.to_owned(), |(answer, _)| answer)
}

fn without_comparison(verdict: Verdict, found: AnswerSource, extracted: &str) -> Grade {
    let extracted = if extracted.len() <= MAX_ANSWER_BYTES { extracted.to_owned() } else { String::new() };
    let (gold_form, pred_form) = (String::new(), String::new());
    Grade { verdict, rule: GradingRule::Nothing, found, extracted, gold_form, pred_form, flags: Vec::new() }
}

fn multiple_choice(gold: &str, response: &str) -> Grade {
    let (right, chosen) = (multiple_choice::gold_letter(gold), multiple_choice::chosen_letter(response));
    let text = |letter: Option<char>| letter.map_or_else(String::new, String::from);
    Grade {
        verdict: match (right, chosen) {
            (_, None) => Verdict::NoAnswer,
            (right, chosen) if right == chosen => Verdict::Correct,
            _ => Verdict::Incorrect,
        },
        rule: GradingRule::Choice,
        found: AnswerSource::Letter,
        extracted: text(chosen),
        gold_form: text(right),
        pred_form: text(chosen),
        flags: Vec::new(),
    }
}

/// Two bare answers that are to be compared.
#[derive(Clone, Copy)]
struct BareAnswers<'t> {
    gold: &'t str,
    pred: &'t str,
    tolerance: f64,
}

/// The outcome of a comparison under one way of reading ambiguous text.
struct Attempt {
    right: bool,
    /// Other ways of reading the text, which may give another outcome.
    alternatives: Vec<(LexOptions, Leniency)>,
}

impl BareAnswers<'_> {
    /// Compares the answers under each way of reading them, until they are equal under one.
    fn grade(self, found: AnswerSource) -> Grade {
        let Self { gold, pred, .. } = self;
        let mut grade = without_comparison(Verdict::Incorrect, found, pred);
        if pred.trim().is_empty() || gold.trim().is_empty() {
            return Grade { verdict: Verdict::NoAnswer, ..grade };
        }
        if gold == pred {
            note_identical(&mut grade, gold);
            return Grade { verdict: Verdict::Correct, ..grade };
        }
        if gold.len() > MAX_ANSWER_BYTES || pred.len() > MAX_ANSWER_BYTES {
            return Grade { verdict: verdict_of_abort(Abort::TooComplex("text")), ..grade };
        }
        let first = self.attempt(LexOptions::default(), &mut grade);
        let (mut outcome, alternatives) = match first {
            Ok(Attempt { right, alternatives }) => (Ok(right), alternatives),
            Err(abort) => (Err(abort), Vec::new()),
        };
        for (options, flag) in alternatives {
            if outcome == Ok(true) {
                break;
            }
            let mut again = grade.clone();
            if let Ok(Attempt { right: true, .. }) = self.attempt(options, &mut again) {
                grade = again;
                grade.flags.push(flag);
                grade.flags.sort();
                outcome = Ok(true);
            }
        }
        grade.verdict = match outcome {
            Ok(true) => Verdict::Correct,
            Ok(false) => Verdict::Incorrect,
            Err(abort) => verdict_of_abort(abort),
        };
        grade
    }

    /// Compares the answers as `options` read them, and writes everything but the verdict into `grade`.
    fn attempt(self, options: LexOptions, grade: &mut Grade) -> Result<Attempt, Abort> {
        let (gold, pred) = (lex(self.gold, options)?, lex(self.pred, options)?);
        let alternatives = alternatives(&gold, &pred);
        if !gold.tokens.is_empty() && gold.tokens == pred.tokens {
            note_identical(grade, self.gold);
            return Ok(Attempt { right: true, alternatives });
        }
        let (gold, pred) = (parse_answer(&gold.tokens)?, parse_answer(&pred.tokens)?);
        (grade.gold_form, grade.pred_form) = (print_normal_form(&gold), print_normal_form(&pred));
        if is_empty(&pred) || is_empty(&gold) {
            return Ok(Attempt { right: false, alternatives });
        }
        let mut comparison = AnswerComparison::new(self.tolerance);
        let (right, rule) = match comparison.equal(&gold, &pred) {
            Err(Abort::Undefined) => (false, GradingRule::Kinds),
            outcome => outcome?,
        };
        grade.rule = rule;
        grade.flags = if right { comparison.flags.into_iter().collect() } else { Vec::new() };
        Ok(Attempt { right, alternatives })
    }
}

/// Notes in `grade` that both answers are `answer`. Where it is too complex to parse, its text stands for its normal form.
fn note_identical(grade: &mut Grade, answer: &str) {
    grade.rule = GradingRule::Symbols;
    if answer.len() <= MAX_ANSWER_BYTES {
        let parsed = lex(answer, LexOptions::default()).and_then(|lexed| parse_answer(&lexed.tokens));
        grade.gold_form = parsed.map_or_else(|_| answer.to_owned(), |answer| print_normal_form(&answer));
        grade.pred_form = grade.gold_form.clone();
    }
}

fn verdict_of_abort(abort: Abort) -> Verdict {
    match abort {
        Abort::TooComplex(reason) => Verdict::Refused { reason: reason.to_owned() },
        Abort::Undefined => Verdict::Incorrect,
    }
}

fn is_empty(answer: &ParsedAnswer) -> bool {
    matches!(answer, ParsedAnswer::Words(words) if words.is_empty())
}

/// Other ways to read the two texts: with commas as separators of a list, and with letters in lower case.
fn alternatives(gold: &LexedAnswer, pred: &LexedAnswer) -> Vec<(LexOptions, Leniency)> {
    let mut found = Vec::new();
    if gold.has_thousands_commas || pred.has_thousands_commas {
        found.push((LexOptions { commas_separate: true, ..LexOptions::default() }, Leniency::CommasAsList));
    }
    let (gold, pred) = (single_letters(&gold.tokens), single_letters(&pred.tokens));
    let keeps_apart = |letters: &BTreeSet<&str>| {
        letters.iter().map(|letter| letter.to_lowercase()).collect::<BTreeSet<_>>().len() == letters.len()
    };
    let has_uppercase = |letters: &BTreeSet<&str>| letters.iter().any(|letter| letter.chars().any(char::is_uppercase));
    if keeps_apart(&gold) && keeps_apart(&pred) && (has_uppercase(&gold) || has_uppercase(&pred)) {
        found.push((LexOptions { lower_case: true, ..LexOptions::default() }, Leniency::CaseIgnored));
    }
    found
}

/// The variables of one letter.
fn single_letters(tokens: &[SpacedToken]) -> BTreeSet<&str> {
    let letters = tokens.iter().filter_map(|token| match &token.token {
        MathToken::Name(name) => Some(name.as_str()),
        _ => None,
    });
    letters.filter(|name| name.len() == 1).collect()
}
