//! The unit at the end of a value.

use dashu_ratio::RBig;

use super::answer::level;
use super::token::{Tok, Token};
use super::units::{Unit, unit};

/// Splits off a percent sign, degrees or words of a unit.
pub(super) fn without_unit(tokens: &[Token]) -> (&[Token], Option<Unit>) {
    let Some((last, rest)) = tokens.split_last() else { return (tokens, None) };
    match &last.tok {
        Tok::Op('%') => return (rest, Some(Unit::Percent)),
        // The degrees of a function's argument belong to it.
        Tok::Op('°') if tokens.iter().any(|token| matches!(token.tok, Tok::Func(_))) => {}
        Tok::Op('°') => return (rest, Some(Unit::Known("angle", 1, RBig::ONE))),
        Tok::Name(scale) if matches!(scale.as_str(), "C" | "F") && rest.last().is_some_and(is_degree) => {
            return (&rest[..rest.len() - 1], Some(Unit::Other));
        }
        _ => {}
    }
    let mut depth = 0;
    let start = tokens.iter().position(|token| {
        depth += level(&token.tok);
        depth == 0 && begins_unit(&token.tok)
    });
    match start {
        Some(start) if start > 0 => match named_unit(&tokens[start..]) {
            Some(unit) => (&tokens[..start], Some(unit)),
            None => (tokens, None),
        },
        _ => (tokens, None),
    }
}

/// Whether a word may be a unit: a single letter mostly is a variable.
fn begins_unit(tok: &Tok) -> bool {
    let Tok::Word(word) = tok else { return false };
    word.chars().count() > 1 || matches!(word.as_str(), "m" | "s" | "g" | "h" | "L" | "p" | "a")
}

fn is_degree(token: &Token) -> bool {
    token.tok == Tok::Op('°')
}

/// The unit that tokens are, if they are nothing but words and what belongs to units.
fn named_unit(tokens: &[Token]) -> Option<Unit> {
    let (mut words, mut power) = (Vec::new(), None);
    for (at, token) in tokens.iter().enumerate() {
        match &token.tok {
            Tok::Word(word) => words.push(word.clone()),
            Tok::Number(value, _) if at > 0 && tokens[at - 1].tok == Tok::Op('^') => {
                power = u32::try_from(value.numerator()).ok();
            }
            Tok::Number(value, _) if at > 1 && matches!(tokens[at - 1].tok, Tok::Open('{')) => {
                power = u32::try_from(value.numerator()).ok();
            }
            Tok::Op('.' | '^' | '/' | '*' | '-' | '\'') | Tok::Open('{' | '(') | Tok::Close('{' | '(') => {}
            _ => return None,
        }
    }
    let compound = tokens.iter().any(|token| matches!(token.tok, Tok::Op('/' | '*')));
    Some(if compound { Unit::Other } else { unit(&words, power) })
}
