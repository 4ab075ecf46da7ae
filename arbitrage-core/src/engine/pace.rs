//! Whether to overlap the next turn, and the measurement that settles it.

use super::Overlap;

/// Turns of one stretch, all of them with overlap or all without.
const STRETCH: usize = 5;
/// Stretches that are measured; a multiple of 4, so that the pattern ends as it began.
const STRETCHES: usize = 12;
/// Overlap spends energy and memory, so it has to save more than this share of the time.
const LEAST_GAIN: f64 = 0.05;

/// What a turn was like. A turn with a step by the target takes several times as long as one without, and reading a new
/// prompt is a cost of its own: how many of either fall into a stretch is chance. So turns are compared with their like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// A sequence wrote its first step.
    pub opening: bool,
    /// The target wrote a step that was committed.
    pub escalated: bool,
}

/// What the turns of one kind took.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    seconds: f64,
    tokens: f64,
}

/// The turns so far, without overlap and with, by kind.
type Tallies = [[Tally; 4]; 2];

/// Decides which turns overlap.
#[derive(Debug)]
pub(super) struct Pace {
    choice: Option<bool>,
    turn: usize,
    tallies: Tallies,
}

impl Pace {
    pub fn new(overlap: Overlap) -> Self {
        let choice = match overlap {
            Overlap::Off => Some(false),
            Overlap::On => Some(true),
            Overlap::Measured => None,
        };
        Self { choice, turn: 0, tallies: Tallies::default() }
    }

    /// What was chosen, once it is.
    pub fn choice(&self) -> Option<bool> {
        self.choice
    }

    /// Whether the coming turn overlaps. While it is measured: off, on, on, off and so on, so that what drifts (contexts
    /// grow, processors warm up) falls on both alike.
    pub fn overlaps(&self) -> bool {
        self.choice.unwrap_or(matches!(self.turn / STRETCH % 4, 1 | 2))
    }

    /// Takes note of a turn's wall time in seconds and of the tokens that it committed.
    pub fn record(&mut self, kind: Kind, seconds: f64, tokens: usize) {
        if self.choice.is_some() {
            return;
        }
        // A stretch's first turn has its drafts from the stretch before, or lacks them: it is neither with nor without.
        if !self.turn.is_multiple_of(STRETCH) && tokens > 0 {
            let kind = usize::from(kind.opening) * 2 + usize::from(kind.escalated);
            let tally = &mut self.tallies[usize::from(self.overlaps())][kind];
            tally.seconds += seconds;
            tally.tokens += tokens as f64;
        }
        self.turn += 1;
        if self.turn == STRETCH * STRETCHES {
            self.choice = Some(pays(&self.tallies));
        }
    }
}

/// Whether all tokens, at the rates measured with overlap, would have taken less time than at those without. Kinds that
/// were not seen on both sides say nothing.
fn pays([without, with]: &Tallies) -> bool {
    let (mut seconds_without, mut seconds_with) = (0.0, 0.0);
    for (without, with) in without.iter().zip(with).filter(|(a, b)| a.tokens > 0.0 && b.tokens > 0.0) {
        let tokens = without.tokens + with.tokens;
        seconds_without += tokens * without.seconds / without.tokens;
        seconds_with += tokens * with.seconds / with.tokens;
    }
    seconds_with < seconds_without * (1.0 - LEAST_GAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Kind = Kind { opening: false, escalated: false };
    const ESCALATED: Kind = Kind { opening: false, escalated: true };

    /// Runs the measurement on turns whose kind, seconds and tokens are given by number and by overlap.
    fn settle(turn: impl Fn(usize, bool) -> (Kind, f64, usize)) -> bool {
        let mut pace = Pace::new(Overlap::Measured);
        for number in 0..STRETCH * STRETCHES {
            assert_eq!(pace.choice(), None);
            let (kind, seconds, tokens) = turn(number, pace.overlaps());
            pace.record(kind, seconds, tokens);
        }
        let choice = pace.choice().unwrap();
        assert_eq!(pace.overlaps(), choice);
        choice
    }

    #[test]
    fn what_is_set_is_not_measured() {
        for (overlap, choice) in [(Overlap::Off, false), (Overlap::On, true)] {
            let mut pace = Pace::new(overlap);
            (0..500).for_each(|turn| pace.record(PLAIN, if turn < 100 { 1.0 } else { 9.0 }, 10));
            assert_eq!((pace.choice(), pace.overlaps()), (Some(choice), choice));
        }
    }

    #[test]
    fn overlap_is_kept_if_it_gains_more_than_a_twentieth() {
        for (seconds, kept) in [(0.5, true), (0.94, true), (0.96, false), (1.0, false), (2.0, false)] {
            assert_eq!(settle(|_, overlaps| (PLAIN, if overlaps { seconds } else { 1.0 }, 10)), kept, "{seconds}");
        }
    }

    #[test]
    fn drift_falls_on_both() {
        // Every turn takes longer than the one before, by far more than what overlap gains or loses.
        for (factor, kept) in [(0.9, true), (1.1, false)] {
            let drifting = |n: usize, overlaps| (PLAIN, (1.0 + n as f64) * if overlaps { factor } else { 1.0 }, 10);
            assert_eq!(settle(drifting), kept);
        }
    }

    #[test]
    fn half_of_the_turns_overlap() {
        let (mut pace, mut overlapped) = (Pace::new(Overlap::Measured), 0);
        while pace.choice().is_none() {
            overlapped += usize::from(pace.overlaps());
            pace.record(PLAIN, 1.0, 10);
        }
        assert_eq!(overlapped * 2, STRETCH * STRETCHES);
    }

    #[test]
    fn seconds_count_by_the_token() {
        // Turns with overlap happen to write twice the tokens, and take a little longer.
        assert!(settle(|_, overlaps| if overlaps { (PLAIN, 1.2, 20) } else { (PLAIN, 1.0, 10) }));
        assert!(!settle(|_, overlaps| if overlaps { (PLAIN, 0.9, 5) } else { (PLAIN, 1.0, 10) }));
    }

    #[test]
    fn turns_are_compared_with_their_like() {
        // Overlap is slower in either kind, but by chance the target has more to write without.
        let turn = |number: usize, overlaps: bool| {
            let escalated = if overlaps { number.is_multiple_of(7) } else { number.is_multiple_of(2) };
            let kind = if escalated { ESCALATED } else { PLAIN };
            (kind, if escalated { 10.0 } else { 1.0 } * if overlaps { 1.1 } else { 1.0 }, 10)
        };
        assert!(!settle(turn));
        // A kind that was seen on one side alone says nothing.
        assert!(settle(|number, overlaps| match overlaps {
            true if number % STRETCH == 2 => (ESCALATED, 90.0, 10),
            true => (PLAIN, 0.8, 10),
            false => (PLAIN, 1.0, 10),
        }));
        assert!(!settle(|_, overlaps| if overlaps { (ESCALATED, 0.1, 10) } else { (PLAIN, 1.0, 10) }));
    }

    #[test]
    fn kinds_weigh_what_their_tokens_do() {
        // A loss on long steps is more than a gain on short ones, though the short ones' rates are higher.
        let turn = |number: usize, overlaps: bool| match (number.is_multiple_of(2), overlaps) {
            (true, false) => (PLAIN, 10.0, 100),
            (true, true) => (PLAIN, 15.0, 100),
            (false, false) => (ESCALATED, 1.0, 1),
            (false, true) => (ESCALATED, 0.7, 1),
        };
        assert!(!settle(turn));
    }

    #[test]
    fn a_stretchs_first_turn_does_not_count() {
        // It is where the drafts of the stretch before are missing, or are had for nothing.
        let turn = |number: usize, overlaps: bool| match (number % STRETCH, overlaps) {
            (0, true) => (PLAIN, 100.0, 10),
            (0, false) => (PLAIN, 0.0, 10),
            (_, true) => (PLAIN, 0.8, 10),
            (_, false) => (PLAIN, 1.0, 10),
        };
        assert!(settle(turn));
    }

    #[test]
    fn turns_that_commit_nothing_do_not_count() {
        assert!(!settle(|_, _| (PLAIN, 1.0, 0)));
        assert!(settle(|number, overlaps| match (number % STRETCH, overlaps) {
            (3, true) => (PLAIN, 50.0, 0),
            (_, true) => (PLAIN, 0.8, 10),
            (_, false) => (PLAIN, 1.0, 10),
        }));
    }
}
