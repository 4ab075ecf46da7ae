//! Qwen's `math_equal`.

use super::super::Rule;
use super::super::canon::{Form, canonical};
use super::super::expr::Expr;
use super::super::limits::{Stop, Work};
use super::super::poly::Poly;
use super::super::probe;
use super::extract::letters;
use super::latex::{Read, read};
use super::numbers::digits;

/// Deepest nesting of lists in lists.
const DEEPEST: usize = 8;

/// Whether two normal forms are equal, and the rule that decided.
pub(super) fn equal(pred: &str, gold: &str) -> (Result<bool, Stop>, Rule) {
    let mut work = Work::new();
    let mut rule = Rule::Words;
    (same(pred, gold, 0, &mut work, &mut rule), rule)
}

fn same(pred: &str, gold: &str, depth: usize, work: &mut Work, rule: &mut Rule) -> Result<bool, Stop> {
    work.spend(1 + (pred.len() + gold.len()) / 64)?;
    if pred.trim().to_lowercase() == gold.trim().to_lowercase() {
        *rule = Rule::Symbols;
        return Ok(true);
    }
    if matches!(gold, "A" | "B" | "C" | "D" | "E") && letter(pred) == gold {
        *rule = Rule::Choice;
        return Ok(true);
    }
    if let (Some(pred), Some(gold)) = (digits(pred), digits(gold)) {
        *rule = Rule::Tolerance;
        return Ok([gold / 100.0, gold, gold * 100.0].into_iter().any(|gold| close(pred, gold)));
    }
    if pred.is_empty() || depth == DEEPEST {
        return Ok(false);
    }
    let (pred, gold) = (pred.trim(), gold.trim());
    let gold_matrix = if pred.contains("pmatrix") && !gold.contains("pmatrix") { Some(matrix_of(gold)) } else { None };
    let gold = gold_matrix.as_deref().unwrap_or(gold);
    if without_brackets(pred, gold) {
        *rule = Rule::Symbols;
        return Ok(true);
    }
    for parts in [lists(pred, gold), matrices(pred, gold)].into_iter().flatten() {
        *rule = Rule::Ordered;
        if all(&parts, depth, work, rule)? {
            return Ok(true);
        }
    }
    if equations(pred, gold, depth, work, rule)? {
        return Ok(true);
    }
    *rule = Rule::Canonical;
    symbolic(pred, gold, work)
}

/// A choice's letter, or what else there is.
fn letter(pred: &str) -> String {
    let text =
        pred.trim_matches('\n').trim_end_matches('.').trim_end_matches('/').trim_matches(' ').trim_start_matches(':');
    let found = letters(&text.to_uppercase()).next_back();
    found.map_or_else(|| text.trim().trim_matches('.').trim_end_matches('/').to_owned(), String::from)
}

/// Python's `isclose` with a relative tolerance of 1e-4.
fn close(one: f64, other: f64) -> bool {
    one == other || ((one - other).abs() <= 1e-4 * one.abs().max(other.abs()) && one.is_finite() && other.is_finite())
}

fn without_brackets(pred: &str, gold: &str) -> bool {
    let within = |text: &str, open: char, close: char| text.starts_with(open) && text.ends_with(close);
    let strips =
        (within(pred, '[', ']') && !gold.starts_with('(')) || (within(pred, '(', ')') && !gold.starts_with('['));
    let bare = |text: &str| {
        let text = if strips { text.trim_matches(['[', ']', '(', ')']) } else { text };
        text.replace(['{', '}', '(', ')'], "").to_lowercase()
    };
    bare(pred) == bare(gold)
}

type Pairs<'t> = Vec<(&'t str, &'t str)>;

fn all(pairs: &[(&str, &str)], depth: usize, work: &mut Work, rule: &mut Rule) -> Result<bool, Stop> {
    for (pred, gold) in pairs {
        if !same(pred, gold, depth + 1, work, rule)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What begins with a bracket and has a closing one further on, between its first and last character, by commas.
fn lists<'t>(pred: &'t str, gold: &'t str) -> Option<Pairs<'t>> {
    let inner = |text: &'t str| {
        let rest = text.strip_prefix(['(', '['])?;
        let closes = rest.char_indices().skip(1).any(|(_, c)| matches!(c, ')' | ']'));
        let last = rest.chars().next_back()?;
        closes.then(|| &rest[..rest.len() - last.len_utf8()])
    };
    let (pred, gold) = (inner(pred)?, inner(gold)?);
    paired(pred.split(','), gold.split(','))
}

fn paired<'t>(pred: impl Iterator<Item = &'t str>, gold: impl Iterator<Item = &'t str>) -> Option<Pairs<'t>> {
    let (pred, gold): (Vec<_>, Vec<_>) = (pred.collect(), gold.collect());
    (pred.len() == gold.len()).then(|| pred.into_iter().zip(gold).collect())
}

fn matrices<'t>(pred: &'t str, gold: &'t str) -> Option<Pairs<'t>> {
    let rows = |text: &'t str| -> Option<Vec<&'t str>> {
        let inner = text.strip_prefix("\\begin{pmatrix}")?.strip_suffix("\\end{pmatrix}")?;
        Some(inner.split("\\\\").map(str::trim).filter(|row| !row.is_empty()).collect())
    };
    let (pred, gold) = (rows(pred)?, rows(gold)?);
    let mut pairs = Vec::new();
    if pred.len() != gold.len() {
        return None;
    }
    for (pred, gold) in pred.into_iter().zip(gold) {
        pairs.extend(paired(pred.split('&'), gold.split('&'))?);
    }
    Some(pairs)
}

/// `{1,2}` as the matrix that Qwen's evaluation makes of it.
fn matrix_of(gold: &str) -> String {
    let (Some(open), Some(close)) = (gold.find('{'), gold.rfind('}')) else { return String::new() };
    if open > close || !gold[open..close].contains(',') {
        return String::new();
    }
    let inner = gold[open..=close].trim_matches(['{', '}']).replace(',', "\\");
    format!("\\begin{{pmatrix}}{inner}\\end{{pmatrix}}")
}

fn equations(pred: &str, gold: &str, depth: usize, work: &mut Work, rule: &mut Rule) -> Result<bool, Stop> {
    let sides = |text: &str| {
        let (left, right) = text.split_once('=')?;
        (!right.contains('=')).then(|| (left.trim().to_owned(), right.trim().to_owned()))
    };
    let short = |left: &str| left.chars().count() <= 2;
    match (sides(pred), sides(gold)) {
        (Some(pred), Some(gold)) => {
            *rule = Rule::Relation;
            let difference = |(left, right): &(String, String)| format!("{left} - ({right})");
            let (pred, gold) = (difference(&pred), difference(&gold));
            Ok(symbolic(&pred, &gold, work)? || symbolic(&format!("-({pred})"), &gold, work)?)
        }
        (Some((left, right)), None) if short(&left) && !gold.contains('=') => same(&right, gold, depth + 1, work, rule),
        (None, Some((left, right))) if short(&left) && !pred.contains('=') => same(pred, &right, depth + 1, work, rule),
        _ => Ok(false),
    }
}

/// What sympy would say of two formulas.
fn symbolic(one: &str, other: &str, work: &mut Work) -> Result<bool, Stop> {
    match (read(one), read(other)) {
        (Read::Text, Read::Text) => Ok(one == other),
        (Read::Value(one), Read::Value(other)) => values(&one, &other, work),
        (Read::Relation(left, right), Read::Relation(other_left, other_right)) => {
            let difference = |left: Expr, right: Expr| Expr::Sum(vec![left, right.negated()]);
            let (one, other) = (difference(left, right), difference(other_left, other_right));
            Ok(values(&one, &other, work)? || values(&one.negated(), &other, work)?)
        }
        _ => Ok(false),
    }
}

fn values(one: &Expr, other: &Expr, work: &mut Work) -> Result<bool, Stop> {
    if one == other {
        return Ok(true);
    }
    match (canonical(one, work), canonical(other, work)) {
        (Err(stop @ Stop::TooMuch(_)), _) | (_, Err(stop @ Stop::TooMuch(_))) => Err(stop),
        (Ok(Form::Scalar(one)), Ok(Form::Scalar(other))) => scalars(&one, &other, work),
        (Ok(Form::Matrix(one)), Ok(Form::Matrix(other))) if one.len() == other.len() => {
            for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
                if !scalars(one, other, work)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn scalars(one: &Poly, other: &Poly, work: &mut Work) -> Result<bool, Stop> {
    if one == other {
        return Ok(true);
    }
    if let (Some(one), Some(other)) = (probe::number(one, work)?, probe::number(other, work)?) {
        return Ok(close(one, other));
    }
    match probe::vanishes(&one.minus(other)?, work) {
        // Where sympy finds no value, it says no.
        Err(Stop::TooMuch("a value")) => Ok(false),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_merits_are_kept() {
        for (pred, gold, expected) in [
            ("300", "3", true),
            ("0.03", "3", true),
            ("20001", "20000", true),
            ("301", "3", false),
            ("[1,2]", "(1,2)", true),
            ("(2,1)", "(1,2)", false),
            ("\\frac{x}{7}+\\frac{2}{7}", "\\frac{x+2}{7}", true),
            ("2y-2=0", "y-1=0", false),
            ("1-y=0", "y-1=0", true),
            ("4_9", "4_8", false),
            ("(B)", "B", true),
            ("3,4", "34", true),
            ("", "1", false),
        ] {
            assert_eq!(equal(pred, gold).0, Ok(expected), "{pred} {gold}");
        }
    }
}
