//! Separates the unit at the end of a value from the value.

use dashu_ratio::RBig;

use super::answer::depth_change;
use super::token::{MathToken, SpacedToken};
use super::units::{MeasurementUnit, unit_named};

/// The tokens before a percent sign, a degree sign or the words of a unit, and that unit.
pub(super) fn without_unit(tokens: &[SpacedToken]) -> (&[SpacedToken], Option<MeasurementUnit>) {
    let Some((last, rest)) = tokens.split_last() else { return (tokens, None) };
    match &last.token {
        MathToken::Op('%') => return (rest, Some(MeasurementUnit::Percent)),
        // In `sin 30°` the degree sign belongs to the function's argument.
        MathToken::Op('°') if tokens.iter().any(|token| matches!(token.token, MathToken::Func(_))) => {}
        MathToken::Op('°') => {
            return (rest, Some(MeasurementUnit::Known { dimension: "angle", power: 1, size: RBig::ONE }));
        }
        MathToken::Name(scale) if matches!(scale.as_str(), "C" | "F") && rest.last().is_some_and(is_degree) => {
            return (&rest[..rest.len() - 1], Some(MeasurementUnit::Other));
        }
        _ => {}
    }
    let mut depth = 0;
    let start = tokens.iter().position(|token| {
        depth += depth_change(&token.token);
        depth == 0 && begins_unit(&token.token)
    });
    match start {
        Some(start) if start > 0 => match named_unit(&tokens[start..]) {
            Some(unit) => (&tokens[..start], Some(unit)),
            None => (tokens, None),
        },
        _ => (tokens, None),
    }
}

/// Whether a word may begin a unit. Most single letters are variables.
fn begins_unit(tok: &MathToken) -> bool {
    let MathToken::Word(word) = tok else { return false };
    word.chars().count() > 1 || matches!(word.as_str(), "m" | "s" | "g" | "h" | "L" | "p" | "a")
}

fn is_degree(token: &SpacedToken) -> bool {
    token.token == MathToken::Op('°')
}

/// The unit that tokens name. `None` where there are tokens that no unit has.
fn named_unit(tokens: &[SpacedToken]) -> Option<MeasurementUnit> {
    let (mut words, mut power) = (Vec::new(), None);
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            MathToken::Word(word) => words.push(word.clone()),
            MathToken::Number(value, _) if at > 0 && tokens[at - 1].token == MathToken::Op('^') => {
                power = u32::try_from(value.numerator()).ok();
            }
            MathToken::Number(value, _) if at > 1 && matches!(tokens[at - 1].token, MathToken::Open('{')) => {
                power = u32::try_from(value.numerator()).ok();
            }
            MathToken::Op('.' | '^' | '/' | '*' | '-' | '\'')
            | MathToken::Open('{' | '(')
            | MathToken::Close('{' | '(') => {}
            _ => return None,
        }
    }
    let compound = tokens.iter().any(|token| matches!(token.token, MathToken::Op('/' | '*')));
    Some(if compound { MeasurementUnit::Other } else { unit_named(&words, power) })
}
