//! Parses an answer: a value, a tuple, an interval, a list, a relation or words.

use super::expression::Expr;
use super::limits::{Abort, MAX_DEPTH, MAX_ITEMS};
use super::parser::{parse_expression, relation};
use super::token::{MathToken, Relation, SpacedToken};
use super::unit_suffix::without_unit;
use super::units::MeasurementUnit;

/// Longest label, such as `f(x)`, in tokens.
const MAX_LABEL_TOKENS: usize = 40;

/// A parsed answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ParsedAnswer {
    Value(Quantity),
    /// A tuple or an interval, with its opening and closing brackets.
    Ordered(char, char, Vec<ParsedAnswer>),
    /// A list or a set.
    Unordered(Vec<ParsedAnswer>),
    Union(Vec<ParsedAnswer>),
    /// A ratio, or the time of a day.
    Ratio(Vec<ParsedAnswer>),
    /// A name and what it equals. The equation is there where both sides are expressions.
    Assign {
        name: String,
        value: Box<ParsedAnswer>,
        equation: Option<RelationChain>,
    },
    /// An equation of two sides, or a chain of inequalities.
    Chain(RelationChain),
    /// Text that no other rule parses, in lower case.
    Words(String),
}

/// An expression with its unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    pub expr: Expr,
    pub unit: Option<MeasurementUnit>,
    /// The tokens as normalized text, for comparisons with words.
    pub text: String,
}

impl Quantity {
    /// A bare expression, without a unit and without text.
    pub(crate) fn bare(expr: Expr) -> Self {
        Self { expr, unit: None, text: String::new() }
    }
}

/// Expressions with a relation between each two neighbours, as in `1 < x \le 2`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RelationChain {
    pub sides: Vec<Expr>,
    /// One fewer than `sides`.
    pub relations: Vec<Relation>,
}

impl RelationChain {
    fn equation(left: Expr, right: Expr) -> Self {
        Self { sides: vec![left, right], relations: vec![Relation::Equal] }
    }
}

/// Parses tokens as an answer. Text that no rule parses becomes [`ParsedAnswer::Words`], so the only errors are exceeded limits.
pub(super) fn parse_answer(tokens: &[SpacedToken]) -> Result<ParsedAnswer, Abort> {
    parse_nested(tokens, 0)
}

fn parse_nested(tokens: &[SpacedToken], depth: usize) -> Result<ParsedAnswer, Abort> {
    if depth > MAX_DEPTH {
        return Err(Abort::TooComplex("nesting"));
    }
    let tokens = without_punctuation(tokens);
    let pieces = split(tokens, is_separator);
    if pieces.len() > 1 {
        return members(&pieces, depth).map(single_or(ParsedAnswer::Unordered));
    }
    let tokens = pieces.first().copied().unwrap_or(tokens);
    if let Some(found) = parse_relation(tokens, depth)? {
        return Ok(found);
    }
    let operators = [('∪', ParsedAnswer::Union as FromMembers), (':', ParsedAnswer::Ratio as FromMembers)];
    for (operator, from_members) in operators {
        let pieces = split(tokens, |token| *token == MathToken::Op(operator));
        if pieces.len() > 1 {
            return members(&pieces, depth).map(from_members);
        }
    }
    match enclosing_brackets(tokens) {
        Some(brackets) => parse_bracketed(tokens, brackets, depth),
        None => parse_value(tokens),
    }
}

/// Makes an answer of its members.
type FromMembers = fn(Vec<ParsedAnswer>) -> ParsedAnswer;

/// The only member itself, or an answer of all members.
fn single_or(from_members: FromMembers) -> impl Fn(Vec<ParsedAnswer>) -> ParsedAnswer {
    move |mut members| if members.len() == 1 { members.swap_remove(0) } else { from_members(members) }
}

fn members(pieces: &[&[SpacedToken]], depth: usize) -> Result<Vec<ParsedAnswer>, Abort> {
    if pieces.len() > MAX_ITEMS {
        return Err(Abort::TooComplex("members"));
    }
    pieces.iter().map(|piece| parse_nested(piece, depth + 1)).collect()
}

/// The tokens without full stops, commas and line breaks at either end.
fn without_punctuation(mut tokens: &[SpacedToken]) -> &[SpacedToken] {
    let is_punctuation = |token: &SpacedToken| {
        matches!(token.token, MathToken::Op('.' | ',' | ';' | ':' | '\'') | MathToken::Row | MathToken::Column)
    };
    while let Some((last, rest)) = tokens.split_last()
        && is_punctuation(last)
    {
        tokens = rest;
    }
    while let Some((first, rest)) = tokens.split_first()
        && is_punctuation(first)
    {
        tokens = rest;
    }
    tokens
}

fn is_separator(token: &MathToken) -> bool {
    match token {
        MathToken::Op(',' | ';') => true,
        MathToken::Word(word) => word == "and" || word == "or",
        _ => false,
    }
}

/// By how much a token changes the depth of brackets.
pub(super) fn depth_change(token: &MathToken) -> i32 {
    match token {
        MathToken::Open(_) | MathToken::Begin => 1,
        MathToken::Close(_) | MathToken::End => -1,
        _ => 0,
    }
}

/// The non-empty pieces between the tokens outside brackets that `is_separator` picks.
fn split(tokens: &[SpacedToken], is_separator: impl Fn(&MathToken) -> bool) -> Vec<&[SpacedToken]> {
    let mut depth = 0;
    let pieces = tokens.split(|token| {
        depth += depth_change(&token.token);
        depth == 0 && is_separator(&token.token)
    });
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// The first and the last token, where they are brackets that belong together.
fn enclosing_brackets(tokens: &[SpacedToken]) -> Option<(char, char)> {
    let (MathToken::Open(open), MathToken::Close(close)) = (&tokens.first()?.token, &tokens.last()?.token) else {
        return None;
    };
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += depth_change(&token.token);
        depth == 0
    });
    (end == Some(tokens.len() - 1)).then_some((*open, *close))
}

fn parse_bracketed(tokens: &[SpacedToken], brackets: (char, char), depth: usize) -> Result<ParsedAnswer, Abort> {
    let inner = &tokens[1..tokens.len() - 1];
    let pieces = split(inner, |token| matches!(token, MathToken::Op(',' | ';')));
    let (open, close) = match brackets {
        ('F' | 'C', _) => return parse_value(tokens),
        ('S', 'S') | ('{', '{') if inner.is_empty() => return Ok(ParsedAnswer::Unordered(Vec::new())),
        ('S', 'S') => return members(&pieces, depth).map(single_or(ParsedAnswer::Unordered)),
        ('{', '{') => return parse_nested(inner, depth + 1),
        ('<', '<') => ('(', '('),
        both => both,
    };
    if pieces.len() > 1 {
        return members(&pieces, depth).map(|members| ParsedAnswer::Ordered(open, close, members));
    }
    if open == close { parse_nested(inner, depth + 1) } else { Ok(words(tokens)) }
}

/// An equation, inequalities, or membership of a set. `None` where the tokens are none of these.
fn parse_relation(tokens: &[SpacedToken], depth: usize) -> Result<Option<ParsedAnswer>, Abort> {
    let mut relations = Vec::new();
    let mut bracket_depth = 0;
    for token in tokens {
        bracket_depth += depth_change(&token.token);
        relations.extend(relation(token).filter(|_| bracket_depth == 0));
    }
    let mut sides = split(tokens, |token| matches!(token, MathToken::Relation(_)));
    if relations.is_empty() || sides.len() != relations.len() + 1 || relations.contains(&Relation::Other) {
        return Ok(None);
    }
    // `≈` after an exact value only gives its size, so what follows it is ignored.
    if let Some(about) = relations.iter().position(|relation| *relation == Relation::About) {
        let kept = about.max(1);
        relations.truncate(kept);
        sides.truncate(kept + 1);
        relations[kept - 1] = if about == 0 { Relation::Equal } else { relations[kept - 1] };
    }
    let (first, last) = (sides[0], sides[sides.len() - 1]);
    if relations == [Relation::In] {
        return if is_label(first) { parse_nested(last, depth + 1).map(Some) } else { Ok(None) };
    }
    if relations.iter().all(|relation| *relation == Relation::Equal) {
        return parse_equation(first, last, depth).map(Some);
    }
    let sides: Result<Vec<Expr>, Abort> = sides.iter().map(|side| parse_expression(side)).collect();
    match sides {
        Ok(_) if relations.contains(&Relation::In) => Ok(None),
        Ok(sides) => Ok(Some(ParsedAnswer::Chain(RelationChain { sides, relations }))),
        Err(Abort::Undefined) => Ok(None),
        Err(abort) => Err(abort),
    }
}

fn parse_equation(first: &[SpacedToken], last: &[SpacedToken], depth: usize) -> Result<ParsedAnswer, Abort> {
    let equation = match (parse_expression(first), parse_expression(last)) {
        (Ok(first), Ok(last)) => Some(RelationChain::equation(first, last)),
        (Err(abort @ Abort::TooComplex(_)), _) | (_, Err(abort @ Abort::TooComplex(_))) => return Err(abort),
        _ => None,
    };
    let (label, value) = match (is_label(first), is_label(last), equation.is_some()) {
        (true, ..) => (first, last),
        (false, true, _) => (last, first),
        (false, false, true) => return equation.map(ParsedAnswer::Chain).ok_or(Abort::Undefined),
        (false, false, false) => (first, last),
    };
    Ok(ParsedAnswer::Assign { name: normalized(label), value: Box::new(parse_nested(value, depth + 1)?), equation })
}

/// Whether tokens only name something: `x`, `f(2)`, `(x, y)`, `|AB|`, `\angle ABC`, but not `2x` or `x^2`.
fn is_label(tokens: &[SpacedToken]) -> bool {
    let (mut depth, mut names) = (0, false);
    let mut after_subscript = false;
    for token in tokens {
        depth += depth_change(&token.token);
        let fits = match &token.token {
            MathToken::Name(name) => !matches!(name.as_str(), "pi" | "infty"),
            MathToken::Word(_) | MathToken::Accent(_) | MathToken::Bar => true,
            MathToken::Open('(' | '[' | '{') | MathToken::Close('(' | '[' | '{') => true,
            MathToken::Op('_' | '\'' | ':') => true,
            MathToken::Big(name) => matches!(*name, "deg" | "max" | "min" | "det" | "dim"),
            _ => depth > 0 || after_subscript,
        };
        if !fits {
            return false;
        }
        names |= matches!(token.token, MathToken::Name(_) | MathToken::Word(_)) && depth >= 0;
        after_subscript = token.token == MathToken::Op('_');
    }
    names && tokens.len() <= MAX_LABEL_TOKENS
}

/// An expression, with a unit after it or not, or else words.
fn parse_value(tokens: &[SpacedToken]) -> Result<ParsedAnswer, Abort> {
    if let Some(found) = named_set(tokens) {
        return Ok(found);
    }
    let text = normalized(tokens);
    let (inner, unit) = without_unit(tokens);
    let expr = match parse_expression(inner) {
        Err(Abort::Undefined) => return Ok(words(tokens)),
        expr => expr?,
    };
    let signs = expr.open_signs();
    match signs.count {
        0 => Ok(ParsedAnswer::Value(Quantity { expr, unit, text })),
        1..=4 => {
            let choices = if signs.linked { 2 } else { 1 << signs.count };
            let value = |choice| {
                let expr = expr.with_signs(choice, signs.linked, &mut 0);
                ParsedAnswer::Value(Quantity { expr, unit: unit.clone(), text: text.clone() })
            };
            Ok(ParsedAnswer::Unordered((0..choices).map(value).collect()))
        }
        _ => Err(Abort::TooComplex("signs")),
    }
}

/// The real numbers and the empty set, by name.
fn named_set(tokens: &[SpacedToken]) -> Option<ParsedAnswer> {
    let [SpacedToken { token: MathToken::Name(name), .. }] = tokens else { return None };
    let bound = |expr: Expr| ParsedAnswer::Value(Quantity { text: "infty".to_owned(), ..Quantity::bare(expr) });
    let infinity = || Expr::Name("infty".to_owned());
    match name.as_str() {
        "\\R" => Some(ParsedAnswer::Ordered('(', '(', vec![bound(infinity().negated()), bound(infinity())])),
        "emptyset" => Some(ParsedAnswer::Unordered(Vec::new())),
        _ => None,
    }
}

fn words(tokens: &[SpacedToken]) -> ParsedAnswer {
    ParsedAnswer::Words(normalized(tokens))
}

/// Tokens as text in lower case, without the braces of LaTeX groups.
fn normalized(tokens: &[SpacedToken]) -> String {
    let text: String = tokens.iter().map(|token| token.token.to_text()).collect();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{LexOptions, lex};
    use super::*;

    fn of(text: &str) -> ParsedAnswer {
        parse_answer(&lex(text, LexOptions::default()).unwrap().tokens).unwrap()
    }

    #[test]
    fn kinds_are_distinguished() {
        assert!(matches!(of("(1, 2]"), ParsedAnswer::Ordered('(', '[', items) if items.len() == 2));
        assert!(matches!(of(r"\{1, 2\}"), ParsedAnswer::Unordered(items) if items.len() == 2));
        assert!(matches!(of(r"1, 2 \text{ and } 3"), ParsedAnswer::Unordered(items) if items.len() == 3));
        assert!(matches!(of("(1,2),(3,4)"), ParsedAnswer::Unordered(items) if items.len() == 2));
        assert!(matches!(of(r"(1,2)\cup(3,4)"), ParsedAnswer::Union(items) if items.len() == 2));
        assert!(matches!(of("f(x) = x + 1"), ParsedAnswer::Assign { name, .. } if name == "f(x)"));
        assert!(matches!(of("2x + y = 3"), ParsedAnswer::Chain(_)));
        assert!(matches!(of("1 < x \\le 2"), ParsedAnswer::Chain(chain) if chain.sides.len() == 3));
        assert!(matches!(of("7:32"), ParsedAnswer::Ratio(_)));
        assert!(matches!(of(r"\text{no solution}"), ParsedAnswer::Words(_)));
        let area = of(r"5\text{ cm}^2");
        assert!(matches!(
            area,
            ParsedAnswer::Value(Quantity {
                unit: Some(MeasurementUnit::Known { dimension: "length", power: 2, .. }),
                ..
            })
        ));
        assert_eq!(of("x = 1 + 1 = 2 \\approx 3"), of("x = 2"));
        assert_eq!(of(r"\boxed{x \in (1,2)}"), of("(1,2)"));
    }
}
