//! Compares two normalized answers as Qwen's `math_equal` does.

use super::super::GradingRule;
use super::super::canonical::{CanonicalForm, canonical};
use super::super::expression::Expr;
use super::super::limits::{Abort, WorkBudget};
use super::super::numeric_equality;
use super::super::polynomial::Poly;
use super::extract::choice_letters;
use super::latex::{ParsedLatex, parse_latex};
use super::numbers::parse_number;

/// Deepest nesting of lists in lists that is compared member by member.
const MAX_LIST_DEPTH: usize = 8;

/// Whether two answers are equal, and the rule that decided.
pub(super) struct MathEqual {
    pub equal: Result<bool, Abort>,
    pub rule: GradingRule,
}

/// Compares two normalized answers.
pub(super) fn math_equal(pred: &str, gold: &str) -> MathEqual {
    let mut comparison = MathComparison { work: WorkBudget::new(), rule: GradingRule::Words };
    let equal = comparison.equal(pred, gold, 0);
    MathEqual { equal, rule: comparison.rule }
}

/// A comparison in progress: what it may still cost, and the rule that was applied last.
struct MathComparison {
    work: WorkBudget,
    rule: GradingRule,
}

impl MathComparison {
    /// `depth` counts the lists and equations around the two answers.
    fn equal(&mut self, pred: &str, gold: &str, depth: usize) -> Result<bool, Abort> {
        self.work.spend(1 + (pred.len() + gold.len()) / 64)?;
        if pred.trim().to_lowercase() == gold.trim().to_lowercase() {
            self.rule = GradingRule::Symbols;
            return Ok(true);
        }
        if matches!(gold, "A" | "B" | "C" | "D" | "E") && chosen_letter(pred) == gold {
            self.rule = GradingRule::Choice;
            return Ok(true);
        }
        if let (Some(pred), Some(gold)) = (parse_number(pred), parse_number(gold)) {
            self.rule = GradingRule::Tolerance;
            return Ok([gold / 100.0, gold, gold * 100.0].into_iter().any(|gold| close(pred, gold)));
        }
        if pred.is_empty() || depth == MAX_LIST_DEPTH {
            return Ok(false);
        }
        let (pred, gold) = (pred.trim(), gold.trim());
        let gold_matrix = (pred.contains("pmatrix") && !gold.contains("pmatrix")).then(|| matrix_from_braces(gold));
        let gold = gold_matrix.as_deref().unwrap_or(gold);
        if equal_without_brackets(pred, gold) {
            self.rule = GradingRule::Symbols;
            return Ok(true);
        }
        for parts in [list_members(pred, gold), matrix_entries(pred, gold)].into_iter().flatten() {
            self.rule = GradingRule::Ordered;
            if self.all_equal(&parts, depth)? {
                return Ok(true);
            }
        }
        if self.equations(pred, gold, depth)? {
            return Ok(true);
        }
        self.rule = GradingRule::Canonical;
        symbolically_equal(pred, gold, &mut self.work)
    }

    fn all_equal(&mut self, pairs: &[(&str, &str)], depth: usize) -> Result<bool, Abort> {
        for (pred, gold) in pairs {
            if !self.equal(pred, gold, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn equations(&mut self, pred: &str, gold: &str, depth: usize) -> Result<bool, Abort> {
        let sides = |text: &str| {
            let (left, right) = text.split_once('=')?;
            (!right.contains('=')).then(|| (left.trim().to_owned(), right.trim().to_owned()))
        };
        let is_name = |left: &str| left.chars().count() <= 2;
        match (sides(pred), sides(gold)) {
            (Some(pred), Some(gold)) => {
                self.rule = GradingRule::Relation;
                let difference = |(left, right): &(String, String)| format!("{left} - ({right})");
                let (pred, gold) = (difference(&pred), difference(&gold));
                Ok(symbolically_equal(&pred, &gold, &mut self.work)?
                    || symbolically_equal(&format!("-({pred})"), &gold, &mut self.work)?)
            }
            (Some((left, right)), None) if is_name(&left) && !gold.contains('=') => self.equal(&right, gold, depth + 1),
            (None, Some((left, right))) if is_name(&left) && !pred.contains('=') => self.equal(pred, &right, depth + 1),
            _ => Ok(false),
        }
    }
}

/// The letter of a choice, or else the text without punctuation around it.
fn chosen_letter(pred: &str) -> String {
    let text =
        pred.trim_matches('\n').trim_end_matches('.').trim_end_matches('/').trim_matches(' ').trim_start_matches(':');
    let found = choice_letters(&text.to_uppercase()).next_back();
    found.map_or_else(|| text.trim().trim_matches('.').trim_end_matches('/').to_owned(), String::from)
}

/// Python's `isclose` with a relative tolerance of 1e-4.
fn close(one: f64, other: f64) -> bool {
    one == other || ((one - other).abs() <= 1e-4 * one.abs().max(other.abs()) && one.is_finite() && other.is_finite())
}

/// Whether both are the same text without brackets, where the original removes those.
fn equal_without_brackets(pred: &str, gold: &str) -> bool {
    let within = |text: &str, open: char, close: char| text.starts_with(open) && text.ends_with(close);
    let strips =
        (within(pred, '[', ']') && !gold.starts_with('(')) || (within(pred, '(', ')') && !gold.starts_with('['));
    let bare = |text: &str| {
        let text = if strips { text.trim_matches(['[', ']', '(', ')']) } else { text };
        text.replace(['{', '}', '(', ')'], "").to_lowercase()
    };
    bare(pred) == bare(gold)
}

type TextPairs<'t> = Vec<(&'t str, &'t str)>;

/// The members of two lists of equal length, in pairs. A list starts with a bracket and has a closing bracket somewhere after it; its
/// members are between its first and its last character.
fn list_members<'t>(pred: &'t str, gold: &'t str) -> Option<TextPairs<'t>> {
    let inner = |text: &'t str| {
        let rest = text.strip_prefix(['(', '['])?;
        let closes = rest.char_indices().skip(1).any(|(_, c)| matches!(c, ')' | ']'));
        let last = rest.chars().next_back()?;
        closes.then(|| &rest[..rest.len() - last.len_utf8()])
    };
    let (pred, gold) = (inner(pred)?, inner(gold)?);
    paired(pred.split(','), gold.split(','))
}

fn paired<'t>(pred: impl Iterator<Item = &'t str>, gold: impl Iterator<Item = &'t str>) -> Option<TextPairs<'t>> {
    let (pred, gold): (Vec<_>, Vec<_>) = (pred.collect(), gold.collect());
    (pred.len() == gold.len()).then(|| pred.into_iter().zip(gold).collect())
}

/// The entries of two matrices of the same shape, in pairs.
fn matrix_entries<'t>(pred: &'t str, gold: &'t str) -> Option<TextPairs<'t>> {
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

/// The matrix that Qwen's evaluation makes of a list in braces, such as `{1,2}`.
fn matrix_from_braces(gold: &str) -> String {
    let (Some(open), Some(close)) = (gold.find('{'), gold.rfind('}')) else { return String::new() };
    if open > close || !gold[open..close].contains(',') {
        return String::new();
    }
    let inner = gold[open..=close].trim_matches(['{', '}']).replace(',', "\\");
    format!("\\begin{{pmatrix}}{inner}\\end{{pmatrix}}")
}

/// Whether sympy would find two formulas equal.
fn symbolically_equal(one: &str, other: &str, work: &mut WorkBudget) -> Result<bool, Abort> {
    match (parse_latex(one), parse_latex(other)) {
        (ParsedLatex::Text, ParsedLatex::Text) => Ok(one == other),
        (ParsedLatex::Value(one), ParsedLatex::Value(other)) => expressions_equal(&one, &other, work),
        (ParsedLatex::Relation(left, right), ParsedLatex::Relation(other_left, other_right)) => {
            let difference = |left: Expr, right: Expr| Expr::Sum(vec![left, right.negated()]);
            let (one, other) = (difference(left, right), difference(other_left, other_right));
            Ok(expressions_equal(&one, &other, work)? || expressions_equal(&one.negated(), &other, work)?)
        }
        _ => Ok(false),
    }
}

fn expressions_equal(one: &Expr, other: &Expr, work: &mut WorkBudget) -> Result<bool, Abort> {
    if one == other {
        return Ok(true);
    }
    match (canonical(one, work), canonical(other, work)) {
        (Err(stop @ Abort::TooComplex(_)), _) | (_, Err(stop @ Abort::TooComplex(_))) => Err(stop),
        (Ok(CanonicalForm::Scalar(one)), Ok(CanonicalForm::Scalar(other))) => scalars_equal(&one, &other, work),
        (Ok(CanonicalForm::Matrix(one)), Ok(CanonicalForm::Matrix(other))) if one.len() == other.len() => {
            for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
                if !scalars_equal(one, other, work)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn scalars_equal(one: &Poly, other: &Poly, work: &mut WorkBudget) -> Result<bool, Abort> {
    if one == other {
        return Ok(true);
    }
    if let (Some(one), Some(other)) =
        (numeric_equality::real_value(one, work)?, numeric_equality::real_value(other, work)?)
    {
        return Ok(close(one, other));
    }
    match numeric_equality::is_zero_everywhere(&one.minus(other)?, work) {
        // Where no value can be computed, sympy finds the two unequal.
        Err(Abort::TooComplex("a value")) => Ok(false),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_the_original() {
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
            assert_eq!(math_equal(pred, gold).equal, Ok(expected), "{pred} {gold}");
        }
    }
}
