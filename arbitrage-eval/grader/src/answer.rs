//! What an answer is: a value, a tuple, an interval, a list, a relation or words.

use super::expr::Expr;
use super::limits::{DEEPEST, MOST_ITEMS, Stop};
use super::measure::without_unit;
use super::parser::{parse, relation};
use super::token::{Relation, Tok, Token};
use super::units::Unit;

/// An answer, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Value(Value),
    /// A tuple or an interval, by its brackets.
    Ordered(char, char, Vec<Answer>),
    /// A list or a set.
    Unordered(Vec<Answer>),
    Union(Vec<Answer>),
    /// A ratio, or the time of a day.
    Ratio(Vec<Answer>),
    /// A name, what it is equal to, and both sides of the equation where they are expressions.
    Assign(String, Box<Answer>, Option<(Expr, Expr)>),
    /// An equation of two sides, or inequalities one behind the other.
    Chain(Vec<Expr>, Vec<Relation>),
    /// Anything else, in one spelling.
    Words(String),
}

/// An expression with its unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub expr: Expr,
    pub unit: Option<Unit>,
    /// The tokens in one spelling.
    pub text: String,
}

/// Reads tokens as an answer. Whatever they are, they are one.
pub(super) fn read(tokens: &[Token]) -> Result<Answer, Stop> {
    read_at(tokens, 0)
}

fn read_at(tokens: &[Token], depth: usize) -> Result<Answer, Stop> {
    if depth > DEEPEST {
        return Err(Stop::TooMuch("nesting"));
    }
    let tokens = trimmed(tokens);
    let pieces = split(tokens, separates);
    if pieces.len() > 1 {
        return members(&pieces, depth).map(one_or(Answer::Unordered));
    }
    let tokens = pieces.first().copied().unwrap_or(tokens);
    if let Some(found) = related(tokens, depth)? {
        return Ok(found);
    }
    for (op, form) in [('∪', Answer::Union as Form), (':', Answer::Ratio as Form)] {
        let pieces = split(tokens, |tok| *tok == Tok::Op(op));
        if pieces.len() > 1 {
            return members(&pieces, depth).map(form);
        }
    }
    match bracketed(tokens) {
        Some(brackets) => enclosed(tokens, brackets, depth),
        None => value(tokens),
    }
}

/// What members are made into.
type Form = fn(Vec<Answer>) -> Answer;

fn one_or(form: Form) -> impl Fn(Vec<Answer>) -> Answer {
    move |mut members| if members.len() == 1 { members.swap_remove(0) } else { form(members) }
}

fn members(pieces: &[&[Token]], depth: usize) -> Result<Vec<Answer>, Stop> {
    if pieces.len() > MOST_ITEMS {
        return Err(Stop::TooMuch("members"));
    }
    pieces.iter().map(|piece| read_at(piece, depth + 1)).collect()
}

/// Without full stops and the like around it.
fn trimmed(mut tokens: &[Token]) -> &[Token] {
    let idle = |token: &Token| matches!(token.tok, Tok::Op('.' | ',' | ';' | ':' | '\'') | Tok::Row | Tok::Column);
    while let Some((last, rest)) = tokens.split_last()
        && idle(last)
    {
        tokens = rest;
    }
    while let Some((first, rest)) = tokens.split_first()
        && idle(first)
    {
        tokens = rest;
    }
    tokens
}

fn separates(tok: &Tok) -> bool {
    match tok {
        Tok::Op(',' | ';') => true,
        Tok::Word(word) => word == "and" || word == "or",
        _ => false,
    }
}

pub(super) fn level(tok: &Tok) -> i32 {
    match tok {
        Tok::Open(_) | Tok::Begin => 1,
        Tok::Close(_) | Tok::End => -1,
        _ => 0,
    }
}

/// The pieces between tokens outside brackets that `separates` picks, but for empty ones.
fn split(tokens: &[Token], separates: impl Fn(&Tok) -> bool) -> Vec<&[Token]> {
    let mut depth = 0;
    let pieces = tokens.split(|token| {
        depth += level(&token.tok);
        depth == 0 && separates(&token.tok)
    });
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// The brackets that the first and the last token are, if they belong together.
fn bracketed(tokens: &[Token]) -> Option<(char, char)> {
    let (Tok::Open(open), Tok::Close(close)) = (&tokens.first()?.tok, &tokens.last()?.tok) else { return None };
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += level(&token.tok);
        depth == 0
    });
    (end == Some(tokens.len() - 1)).then_some((*open, *close))
}

fn enclosed(tokens: &[Token], brackets: (char, char), depth: usize) -> Result<Answer, Stop> {
    let inner = &tokens[1..tokens.len() - 1];
    let pieces = split(inner, |tok| matches!(tok, Tok::Op(',' | ';')));
    let (open, close) = match brackets {
        ('F' | 'C', _) => return value(tokens),
        ('S', 'S') | ('{', '{') if inner.is_empty() => return Ok(Answer::Unordered(Vec::new())),
        ('S', 'S') => return members(&pieces, depth).map(one_or(Answer::Unordered)),
        ('{', '{') => return read_at(inner, depth + 1),
        ('<', '<') => ('(', '('),
        both => both,
    };
    if pieces.len() > 1 {
        return members(&pieces, depth).map(|members| Answer::Ordered(open, close, members));
    }
    if open == close { read_at(inner, depth + 1) } else { Ok(words(tokens)) }
}

/// An equation, inequalities, or membership of a set.
fn related(tokens: &[Token], depth: usize) -> Result<Option<Answer>, Stop> {
    let mut relations = Vec::new();
    let mut level_now = 0;
    for token in tokens {
        level_now += level(&token.tok);
        relations.extend(relation(token).filter(|_| level_now == 0));
    }
    let mut sides = split(tokens, |tok| matches!(tok, Tok::Relation(_)));
    if relations.is_empty() || sides.len() != relations.len() + 1 || relations.contains(&Relation::Other) {
        return Ok(None);
    }
    // What follows `≈` behind an exact value only says how large that is.
    if let Some(about) = relations.iter().position(|relation| *relation == Relation::About) {
        let kept = about.max(1);
        relations.truncate(kept);
        sides.truncate(kept + 1);
        relations[kept - 1] = if about == 0 { Relation::Equal } else { relations[kept - 1] };
    }
    let (first, last) = (sides[0], sides[sides.len() - 1]);
    if relations == [Relation::In] {
        return if is_label(first) { read_at(last, depth + 1).map(Some) } else { Ok(None) };
    }
    if relations.iter().all(|relation| *relation == Relation::Equal) {
        return equation(first, last, depth).map(Some);
    }
    let chain: Result<Vec<Expr>, Stop> = sides.iter().map(|side| parse(side)).collect();
    match chain {
        Ok(_) if relations.contains(&Relation::In) => Ok(None),
        Ok(chain) => Ok(Some(Answer::Chain(chain, relations))),
        Err(Stop::Undefined) => Ok(None),
        Err(stop) => Err(stop),
    }
}

fn equation(first: &[Token], last: &[Token], depth: usize) -> Result<Answer, Stop> {
    let sides = match (parse(first), parse(last)) {
        (Ok(first), Ok(last)) => Some((first, last)),
        (Err(stop @ Stop::TooMuch(_)), _) | (_, Err(stop @ Stop::TooMuch(_))) => return Err(stop),
        _ => None,
    };
    let (label, value) = match (is_label(first), is_label(last), &sides) {
        (true, _, _) => (first, last),
        (false, true, _) => (last, first),
        (_, _, Some(_)) => {
            let (first, last) = sides.ok_or(Stop::Undefined)?;
            return Ok(Answer::Chain(vec![first, last], vec![Relation::Equal]));
        }
        _ => (first, last),
    };
    Ok(Answer::Assign(spelled(label), Box::new(read_at(value, depth + 1)?), sides))
}

/// Whether tokens only name something: `x`, `f(2)`, `(x, y)`, `|AB|`, `\angle ABC`, but no `2x` and no `x^2`.
fn is_label(tokens: &[Token]) -> bool {
    let (mut depth, mut names) = (0, false);
    let mut after_subscript = false;
    for token in tokens {
        depth += level(&token.tok);
        let fits = match &token.tok {
            Tok::Name(name) => !matches!(name.as_str(), "pi" | "infty"),
            Tok::Word(_) | Tok::Accent(_) | Tok::Bar | Tok::Open('(' | '[' | '{') | Tok::Close('(' | '[' | '{') => true,
            Tok::Op('_' | '\'' | ':') => true,
            Tok::Big(name) => matches!(*name, "deg" | "max" | "min" | "det" | "dim"),
            _ => depth > 0 || after_subscript,
        };
        if !fits {
            return false;
        }
        names |= matches!(token.tok, Tok::Name(_) | Tok::Word(_)) && depth >= 0;
        after_subscript = token.tok == Tok::Op('_');
    }
    names && tokens.len() <= 40
}

/// An expression, perhaps with a unit behind it, or else words.
fn value(tokens: &[Token]) -> Result<Answer, Stop> {
    if let Some(found) = named_set(tokens) {
        return Ok(found);
    }
    let text = spelled(tokens);
    let (inner, unit) = without_unit(tokens);
    let found = match parse(inner) {
        Err(Stop::Undefined) => return Ok(words(tokens)),
        found => found?,
    };
    let (signs, linked) = found.signs();
    match signs {
        0 => Ok(Answer::Value(Value { expr: found, unit, text })),
        1..=4 => {
            let choices = if linked { 2 } else { 1 << signs };
            let value =
                |choice| Value { expr: found.chosen(choice, linked, &mut 0), unit: unit.clone(), text: text.clone() };
            Ok(Answer::Unordered((0..choices).map(|choice| Answer::Value(value(choice))).collect()))
        }
        _ => Err(Stop::TooMuch("signs")),
    }
}

/// The real numbers and the empty set, by name.
fn named_set(tokens: &[Token]) -> Option<Answer> {
    let [Token { tok: Tok::Name(name), .. }] = tokens else { return None };
    let end = |negative: bool| {
        let infinity = Expr::Name("infty".to_owned());
        let expr = if negative { infinity.negated() } else { infinity };
        Answer::Value(Value { expr, unit: None, text: "infty".to_owned() })
    };
    match name.as_str() {
        "\\R" => Some(Answer::Ordered('(', '(', vec![end(true), end(false)])),
        "emptyset" => Some(Answer::Unordered(Vec::new())),
        _ => None,
    }
}

fn words(tokens: &[Token]) -> Answer {
    Answer::Words(spelled(tokens))
}

/// Tokens in one spelling: in lower case, without brackets around the whole.
pub(super) fn spelled(tokens: &[Token]) -> String {
    let text: String = tokens.iter().map(|token| token.tok.spelled()).collect();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Reading, lex};
    use super::*;

    fn of(text: &str) -> Answer {
        read(&lex(text, Reading::default()).unwrap().tokens).unwrap()
    }

    #[test]
    fn kinds_are_told_apart() {
        assert!(matches!(of("(1, 2]"), Answer::Ordered('(', '[', items) if items.len() == 2));
        assert!(matches!(of(r"\{1, 2\}"), Answer::Unordered(items) if items.len() == 2));
        assert!(matches!(of(r"1, 2 \text{ and } 3"), Answer::Unordered(items) if items.len() == 3));
        assert!(matches!(of("(1,2),(3,4)"), Answer::Unordered(items) if items.len() == 2));
        assert!(matches!(of(r"(1,2)\cup(3,4)"), Answer::Union(items) if items.len() == 2));
        assert!(matches!(of("f(x) = x + 1"), Answer::Assign(name, ..) if name == "f(x)"));
        assert!(matches!(of("2x + y = 3"), Answer::Chain(..)));
        assert!(matches!(of("1 < x \\le 2"), Answer::Chain(sides, _) if sides.len() == 3));
        assert!(matches!(of("7:32"), Answer::Ratio(_)));
        assert!(matches!(of(r"\text{no solution}"), Answer::Words(_)));
        assert!(matches!(of(r"5\text{ cm}^2"), Answer::Value(Value { unit: Some(Unit::Known("length", 2, _)), .. })));
        assert_eq!(of("x = 1 + 1 = 2 \\approx 3"), of("x = 2"));
        assert_eq!(of(r"\boxed{x \in (1,2)}"), of("(1,2)"));
    }
}
