//! What is told for each move, and with which numbers.

use arbitrage_core::Draw;

use super::super::family::{Dial, Move, Span};
use super::super::language::{Event, below};

/// Rates of percentages.
const RATES: [u64; 4] = [10, 20, 25, 50];
/// What the base of a percentage is a multiple of, so that every rate gives a whole number.
const ROUND: u64 = 20;

/// The sentences of a move at `running`, with their numbers; `None` when no numbers fit.
pub(super) fn events(kind: Move, dial: &Dial, running: u64, draw: &mut Draw) -> Option<Vec<(Event, [u64; 2])>> {
    let one = |event: Event, numbers: [u64; 2]| Some(vec![(event, numbers)]);
    let (a, b) = (within(dial.first, draw), within(dial.second, draw));
    match kind {
        Move::Gain => one(Event::Gain, [a, 0]),
        Move::Lose => one(Event::Lose, [a, 0]),
        Move::Double => one(Event::Double, [0, 0]),
        Move::Half => one(Event::Half, [0, 0]),
        Move::Times => one(Event::Times, [a, 0]),
        Move::Sum => one(Event::Sum, [a, b]),
        Move::Share => one(Event::Share, [divisor(dial.first, running, draw)?, 0]),
        Move::Rest => one(Event::Rest, [a, 0]),
        Move::Price | Move::Cost => one(Event::Price, [a, 0]),
        Move::Packs | Move::BigPacks => one(either(Event::PacksIn, Event::PacksOut, draw), [a, b]),
        Move::Percent => {
            let rate = RATES[below(draw, RATES.len())];
            one(either(Event::PercentIn, Event::PercentOut, draw), [rate, round(dial.second, draw)?])
        }
        Move::Compare => Some(vec![comparison(a, draw), (Event::AskOther, [0, 0])]),
        Move::Both => Some(vec![comparison(a, draw), (Event::AskBoth, [0, 0])]),
    }
}

/// One of a span's numbers, each as likely.
pub(super) fn within(span: Span, draw: &mut Draw) -> u64 {
    span.least + below(draw, (span.most.saturating_sub(span.least) + 1) as usize) as u64
}

fn either(one: Event, other: Event, draw: &mut Draw) -> Event {
    if draw.uniform() < 0.5 { one } else { other }
}

fn comparison(a: u64, draw: &mut Draw) -> (Event, [u64; 2]) {
    match below(draw, 4) {
        0 => (Event::More, [a, 0]),
        1 => (Event::Fewer, [a, 0]),
        2 => (Event::Twice, [0, 0]),
        _ => (Event::HalfAsMany, [0, 0]),
    }
}

/// A number that divides `running`.
fn divisor(span: Span, running: u64, draw: &mut Draw) -> Option<u64> {
    let divides = |divisor: &u64| running.checked_rem(*divisor) == Some(0);
    one_of(&(span.least..=span.most).filter(divides).collect::<Vec<_>>(), draw)
}

fn round(span: Span, draw: &mut Draw) -> Option<u64> {
    let (least, most) = (span.least.div_ceil(ROUND), span.most / ROUND);
    (least <= most).then(|| ROUND * within(Span::new(least, most), draw))
}

fn one_of(numbers: &[u64], draw: &mut Draw) -> Option<u64> {
    numbers.get(below(draw, numbers.len())).copied()
}
