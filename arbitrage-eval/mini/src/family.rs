//! The family's difficulty as data: [`Family`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::MiniError;

/// Whole numbers from `least` to `most`, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The smallest.
    pub least: u64,
    /// The greatest.
    pub most: u64,
}

impl Span {
    /// The numbers from `least` to `most`.
    pub const fn new(least: u64, most: u64) -> Self {
        Self { least, most }
    }

    /// Whether `number` is one of them.
    pub fn contains(&self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

/// What a problem is put together from. `v` is the number that the story has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Move {
    /// `v+a`.
    Gain,
    /// `v-a`.
    Lose,
    /// `v*2`.
    Double,
    /// `v/2`, exact.
    Half,
    /// `v*a`.
    Times,
    /// `v+a+b`.
    Sum,
    /// `v/a`, exact.
    Share,
    /// `a*b`, added to `v` or taken from it: two steps.
    Packs,
    /// 10, 20, 25 or 50% of `b`, a multiple of 20, added to `v` or taken from it: two steps.
    Percent,
    /// `v*a`, the last step.
    Price,
    /// Another has `v+a`, `v-a`, twice or half as many: the last step.
    Compare,
    /// As [`Compare`](Self::Compare), then the sum of both: the last two steps.
    Both,
    /// As [`Packs`](Self::Packs), in the hard share.
    BigPacks,
    /// As [`Price`](Self::Price), in the hard share.
    Cost,
    /// `v mod a`, in the hard share.
    Rest,
}

impl Move {
    /// Steps that it takes.
    pub fn steps(self) -> usize {
        match self {
            Self::Packs | Self::BigPacks | Self::Percent | Self::Both => 2,
            _ => 1,
        }
    }

    /// Whether the problem ends with it.
    pub fn is_last(self) -> bool {
        matches!(self, Self::Price | Self::Cost | Self::Compare | Self::Both)
    }

    /// Whether only problems of the hard share have it.
    pub fn is_hard(self) -> bool {
        matches!(self, Self::BigPacks | Self::Cost | Self::Rest)
    }
}

/// How often a [`Move`] is made, and with which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dial {
    /// Its weight among the moves that are possible, 0 or more.
    pub weight: f64,
    /// The `v` at which it may be made.
    pub running: Span,
    /// `a`; not looked at by moves that have none, or a fixed choice of it.
    #[serde(default)]
    pub first: Span,
    /// `b`; not looked at by moves that have none.
    #[serde(default)]
    pub second: Span,
}

/// The distribution of the problems. Everything that sets their difficulty is here; the language is not.
///
/// Absent fields of a file are those of [`Family::default`]; `moves`, when present, replaces all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Family {
    /// Steps a problem, within 2 and 5; each number as likely.
    pub steps: Span,
    /// How many there are at first.
    pub start: Span,
    /// Results of steps, up to 999. A product of two numbers of two digits may pass `most`, up to 9,801.
    pub result: Span,
    /// Share of problems that have at least one hard move, within 0 and 1. The others have none.
    pub hard_share: f64,
    /// The moves.
    pub moves: BTreeMap<Move, Dial>,
}

/// The greatest number that a [`Span`] may hold: three digits.
const MOST_OPERAND: u64 = 999;
const MOST_STEPS: u64 = 5;

impl Family {
    /// What the shipped pair's schools are made of: wider numbers than it is asked about, so that it is sure of the latter.
    pub fn practised() -> Self {
        Self {
            steps: Span::new(2, 3),
            start: Span::new(6, 60),
            result: Span::new(1, 999),
            hard_share: 0.2,
            moves: practised_moves(),
        }
    }

    /// What a target learns from: problems that may be a step longer, and six times as often what takes it longest to learn.
    pub fn for_target(mut self) -> Self {
        self.steps.most = self.steps.most.saturating_add(1).min(MOST_STEPS);
        self.reweighted(&[Move::Lose, Move::Sum], 6.0)
    }

    /// What a draft learns from: of the kinds that only the target is to master it meets a sixty-fourth of what the target does,
    /// which shows it what they look like and not how they are done. So it fails on kinds of steps that can be recognised, as a
    /// small model does for want of capacity; one so small that it would fail by itself does not fail by kinds.
    pub fn for_draft(self) -> Self {
        self.for_target().reweighted(&[Move::Sum, Move::Share, Move::Percent], 1.0 / 64.0)
    }

    fn reweighted(mut self, kinds: &[Move], factor: f64) -> Self {
        self.moves.iter_mut().filter(|(kind, _)| kinds.contains(kind)).for_each(|(_, dial)| dial.weight *= factor);
        self
    }

    /// Checks each field alone. That something can be drawn at all is checked by
    /// [`Generator::new`](super::Generator::new).
    ///
    /// # Errors
    /// [`MiniError::Family`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), MiniError> {
        check_span("steps", self.steps, Span::new(2, MOST_STEPS))?;
        check_span("start", self.start, Span::new(1, MOST_OPERAND))?;
        check_span("result", self.result, Span::new(0, MOST_OPERAND))?;
        if !(0.0..=1.0).contains(&self.hard_share) {
            return Err(MiniError::family("hard_share", "a number within 0 and 1", self.hard_share));
        }
        self.moves.iter().try_for_each(|(kind, dial)| dial.validate(*kind))
    }
}

impl Dial {
    /// A move of this weight, made at any of the numbers of `running`.
    pub const fn new(weight: f64, running: Span) -> Self {
        Self { weight, running, first: Span::new(0, 0), second: Span::new(0, 0) }
    }

    /// Sets `a`.
    pub const fn with_first(mut self, first: Span) -> Self {
        self.first = first;
        self
    }

    /// Sets `b`.
    pub const fn with_second(mut self, second: Span) -> Self {
        self.second = second;
        self
    }

    fn validate(&self, kind: Move) -> Result<(), MiniError> {
        let field = |name: &str| format!("moves.{}.{name}", name_of(kind));
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return Err(MiniError::family(field("weight"), "a finite number, 0 or more", self.weight));
        }
        let operands = Span::new(0, MOST_OPERAND);
        check_span(&field("running"), self.running, operands)?;
        check_span(&field("first"), self.first, operands)?;
        check_span(&field("second"), self.second, operands)
    }
}

fn name_of(kind: Move) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn check_span(field: &str, span: Span, within: Span) -> Result<(), MiniError> {
    if span.least <= span.most && within.contains(span.least) && within.contains(span.most) {
        return Ok(());
    }
    let expected = format!("least ≤ most, both within {} and {}", within.least, within.most);
    Err(MiniError::family(field, expected, format!("{} to {}", span.least, span.most)))
}

impl Default for Family {
    /// What [`practised`](Family::practised) is, with fewer chances to err by chance: a draft that is sure of sums of two numbers with
    /// two digits is less so where one has a single digit, which is rarer, and no router foresees that.
    fn default() -> Self {
        let (two_digits, not_small) = (Span::new(10, 40), Span::new(12, 999));
        let mut family = Self { hard_share: 0.22, ..Self::practised() };
        for (kind, dial) in &mut family.moves {
            match kind {
                Move::Gain | Move::Compare | Move::Both => {
                    *dial = Dial::new(dial.weight, not_small).with_first(two_digits)
                }
                Move::Packs => dial.running = not_small,
                Move::Percent => dial.weight = 1.8,
                Move::Share | Move::Rest => dial.weight = 5.0,
                _ => {}
            }
        }
        family
    }
}

fn practised_moves() -> BTreeMap<Move, Dial> {
    let any = Span::new(1, 999);
    let small = Span::new(3, 40);
    BTreeMap::from([
        (Move::Gain, Dial::new(3.0, any).with_first(small)),
        (Move::Lose, Dial::new(0.5, any).with_first(small)),
        (Move::Double, Dial::new(1.5, Span::new(3, 99))),
        (Move::Half, Dial::new(1.5, Span::new(4, 198))),
        (Move::Times, Dial::new(1.5, Span::new(11, 99)).with_first(Span::new(3, 9))),
        (Move::Sum, Dial::new(0.05, Span::new(3, 99)).with_first(small).with_second(small)),
        (Move::Share, Dial::new(4.0, Span::new(12, 400)).with_first(Span::new(3, 9))),
        (Move::Packs, Dial::new(2.5, any).with_first(Span::new(3, 9)).with_second(Span::new(11, 60))),
        (Move::Percent, Dial::new(1.5, any).with_second(Span::new(40, 400))),
        (Move::Price, Dial::new(1.5, Span::new(11, 99)).with_first(Span::new(3, 9))),
        (Move::Compare, Dial::new(2.0, any).with_first(small)),
        (Move::Both, Dial::new(2.0, any).with_first(small)),
        (Move::BigPacks, Dial::new(1.0, any).with_first(Span::new(13, 40)).with_second(Span::new(13, 60))),
        (Move::Cost, Dial::new(4.0, Span::new(21, 99)).with_first(Span::new(21, 99))),
        (Move::Rest, Dial::new(4.0, Span::new(100, 999)).with_first(Span::new(13, 19))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_travels_through_json() {
        let family = Family::default();
        family.validate().unwrap();
        let text = serde_json::to_string(&family).unwrap();
        assert_eq!(serde_json::from_str::<Family>(&text).unwrap(), family);
        assert_eq!(serde_json::from_str::<Family>("{}").unwrap(), family);
        assert!(serde_json::from_str::<Family>(r#"{"step": {"least": 2, "most": 3}}"#).is_err());
    }

    #[test]
    fn a_draft_meets_rarely_what_it_is_to_fail_at() {
        let practised = Family::practised;
        let families = [practised(), practised().for_target(), practised().for_draft()];
        for family in &families {
            family.validate().unwrap();
        }
        let weights = |kind| families.each_ref().map(|family| family.moves[&kind].weight);
        assert_eq!(families.each_ref().map(|family| family.steps.most), [3, 4, 4]);
        let [all, target, draft] = weights(Move::Share);
        assert!(all == target && draft == all / 64.0);
        let [all, target, draft] = weights(Move::Lose);
        assert!(target == 6.0 * all && draft == target);
        let [all, target, draft] = weights(Move::Gain);
        assert!(all == target && draft == target);
    }

    #[test]
    fn refusals_name_the_field() {
        let change = |change: &dyn Fn(&mut Family)| {
            let mut family = Family::default();
            change(&mut family);
            family.validate().unwrap_err().to_string()
        };
        let gain = |family: &mut Family, dial: Dial| {
            family.moves.insert(Move::Gain, dial);
        };
        for (error, field) in [
            (change(&|family| family.steps = Span::new(1, 3)), "`steps`"),
            (change(&|family| family.steps = Span::new(4, 3)), "`steps`"),
            (change(&|family| family.start.most = 1000), "`start`"),
            (change(&|family| family.result.most = u64::MAX), "`result`"),
            (change(&|family| family.hard_share = f64::NAN), "`hard_share`"),
            (change(&|family| gain(family, Dial::new(-1.0, Span::new(1, 2)))), "`moves.gain.weight`"),
            (change(&|family| gain(family, Dial::new(1.0, Span::new(2, 1)))), "`moves.gain.running`"),
        ] {
            assert!(error.contains(field) && error.contains("expected"), "{error}");
        }
    }
}
