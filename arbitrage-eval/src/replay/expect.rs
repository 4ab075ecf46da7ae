//! The work that a solution is expected to take.

use super::{Collected, Place};
use crate::cost::{Judge, RoleWork, Work};

/// What a policy asks of the models, beside its decisions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Habits {
    /// A draft is written before the decision.
    pub drafts: bool,
    /// Both steps are written before the decision.
    pub writes_both: bool,
    /// What decides.
    pub judge: Judge,
}

/// Expected work along the collected places, where place `i` is escalated with probability `escalations[i]`, whatever becomes of the
/// others.
///
/// Caches are those of the engine: a model that is asked again reads what the other wrote meanwhile, and the last token of its own that
/// it has not been through. Where it wrote a step itself that was not kept, it has read as far as the two agree.
pub(super) fn work(problem: &Collected, escalations: &[f64], habits: Habits) -> Work {
    let places = || problem.places.iter().zip(escalations.iter().copied());
    let asked: Vec<f64> = escalations.iter().map(|e| if habits.writes_both { 1.0 } else { *e }).collect();
    let sum = |figure: &dyn Fn(&Place) -> usize| -> f64 {
        problem.places.iter().zip(&asked).map(|(place, asked)| asked * figure(place) as f64).sum()
    };
    let drafted: f64 = problem.places.iter().map(|place| place.draft.decoded as f64).sum();
    let mut work = Work::default();
    work.target.decoded = sum(&|place| place.target.decoded);
    work.target.prefilled = read_by_target(places(), &asked, habits.writes_both);
    if habits.drafts {
        work.draft = RoleWork { decoded: drafted, prefilled: read_by_draft(places()), ..RoleWork::default() };
        work.target.guessed = sum(&|place| place.target.guessed);
        work.target.confirmed = sum(&|place| place.target.confirmed);
    }
    work.routed = if habits.judge == Judge::Router { problem.places.len() as f64 } else { 0.0 };
    work.scored = match habits.judge {
        Judge::Nothing | Judge::Router => 0.0,
        Judge::Draft => drafted,
        Judge::Both => drafted + work.target.decoded,
    };
    work
}

/// The draft is asked at every place. The last step is read by nobody.
fn read_by_draft<'p>(places: impl DoubleEndedIterator<Item = (&'p Place, f64)> + Clone) -> f64 {
    let prompt = places.clone().next().map_or(0.0, |(place, _)| place.draft.context as f64);
    let later = places.rev().skip(1).map(|(place, escalated)| {
        escalated * caught_up(place.target.tokens, (place.draft.tokens, place.shared)) + (1.0 - escalated)
    });
    prompt + later.sum::<f64>()
}

/// A step is read by the target if it is asked at a later place. What the draft writes behind the target's last step is read by nobody,
/// and where the target is asked at no place, neither is the prompt: so much laziness saves.
fn read_by_target<'p>(
    places: impl DoubleEndedIterator<Item = (&'p Place, f64)> + ExactSizeIterator + Clone,
    asked: &[f64],
    writes_both: bool,
) -> f64 {
    let prompt = places.clone().next().map_or(0.0, |(place, _)| place.target.context as f64);
    let (mut never_later, mut read) = (1.0, 0.0);
    for ((place, escalated), asked) in places.rev().zip(asked.iter().rev()) {
        let drafted = place.draft.tokens;
        let foreign =
            if writes_both { caught_up(drafted, (place.target.tokens, place.shared)) } else { drafted as f64 };
        read += (1.0 - never_later) * (escalated + (1.0 - escalated) * foreign);
        never_later *= 1.0 - asked;
    }
    read + (1.0 - never_later) * prompt
}

/// Tokens of a foreign step that a model reads which has written one of its own there, of which the two share a beginning. It has not
/// been through the last token of its own, and goes through the last one of all anew to draw what follows.
fn caught_up(foreign: usize, (own, shared): (usize, usize)) -> f64 {
    foreign.saturating_sub(shared.min(own.saturating_sub(1))).max(1) as f64
}

#[cfg(test)]
mod tests;
