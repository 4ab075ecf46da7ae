//! Draws the sentences of a move, with their numbers.

use arbitrage_core::Draw;

use super::super::family::{Move, MoveConfig, NumberRange};
use super::super::language::{SentenceKind, uniform_below};

/// The rates of percentages.
const PERCENT_RATES: [u64; 4] = [10, 20, 25, 50];
/// The base of a percentage is a multiple of this, so that every rate gives a whole number.
const PERCENT_BASE_UNIT: u64 = 20;

/// The sentences of a move at the running total `running`, with their numbers. `None` where no numbers fit.
pub(super) fn sentences(
    kind: Move,
    config: &MoveConfig,
    running: u64,
    draw: &mut Draw,
) -> Option<Vec<(SentenceKind, [u64; 2])>> {
    let one = |sentence: SentenceKind, numbers: [u64; 2]| Some(vec![(sentence, numbers)]);
    let (a, b) = (draw_within(config.first, draw), draw_within(config.second, draw));
    match kind {
        Move::Gain => one(SentenceKind::Gain, [a, 0]),
        Move::Lose => one(SentenceKind::Lose, [a, 0]),
        Move::Double => one(SentenceKind::Double, [0, 0]),
        Move::Half => one(SentenceKind::Half, [0, 0]),
        Move::Times => one(SentenceKind::Times, [a, 0]),
        Move::Sum => one(SentenceKind::Sum, [a, b]),
        Move::Share => one(SentenceKind::Share, [divisor(config.first, running, draw)?, 0]),
        Move::Rest => one(SentenceKind::Rest, [a, 0]),
        Move::Price | Move::Cost => one(SentenceKind::Price, [a, 0]),
        Move::Packs | Move::BigPacks => one(either(SentenceKind::PacksIn, SentenceKind::PacksOut, draw), [a, b]),
        Move::Percent => {
            let rate = PERCENT_RATES[uniform_below(draw, PERCENT_RATES.len())];
            one(
                either(SentenceKind::PercentIn, SentenceKind::PercentOut, draw),
                [rate, percent_base(config.second, draw)?],
            )
        }
        Move::Compare => Some(vec![comparison(a, draw), (SentenceKind::AskOther, [0, 0])]),
        Move::Both => Some(vec![comparison(a, draw), (SentenceKind::AskBoth, [0, 0])]),
    }
}

/// A number of the range, drawn uniformly.
pub(super) fn draw_within(range: NumberRange, draw: &mut Draw) -> u64 {
    range.least + uniform_below(draw, (range.most.saturating_sub(range.least) + 1) as usize) as u64
}

fn either(one: SentenceKind, other: SentenceKind, draw: &mut Draw) -> SentenceKind {
    if draw.uniform() < 0.5 { one } else { other }
}

fn comparison(a: u64, draw: &mut Draw) -> (SentenceKind, [u64; 2]) {
    match uniform_below(draw, 4) {
        0 => (SentenceKind::More, [a, 0]),
        1 => (SentenceKind::Fewer, [a, 0]),
        2 => (SentenceKind::Twice, [0, 0]),
        _ => (SentenceKind::HalfAsMany, [0, 0]),
    }
}

/// A number of the range that divides `running`.
fn divisor(range: NumberRange, running: u64, draw: &mut Draw) -> Option<u64> {
    let divides = |divisor: &u64| running.checked_rem(*divisor) == Some(0);
    one_of(&(range.least..=range.most).filter(divides).collect::<Vec<_>>(), draw)
}

/// A number of the range of which every percent rate is a whole number.
fn percent_base(range: NumberRange, draw: &mut Draw) -> Option<u64> {
    let (least, most) = (range.least.div_ceil(PERCENT_BASE_UNIT), range.most / PERCENT_BASE_UNIT);
    (least <= most).then(|| PERCENT_BASE_UNIT * draw_within(NumberRange::new(least, most), draw))
}

fn one_of(numbers: &[u64], draw: &mut Draw) -> Option<u64> {
    numbers.get(uniform_below(draw, numbers.len())).copied()
}
