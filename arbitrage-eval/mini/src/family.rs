//! The distribution of problems as data: [`Family`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::MiniError;

/// Whole numbers from `least` to `most`, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRange {
    /// The smallest number.
    pub least: u64,
    /// The greatest number.
    pub most: u64,
}

impl NumberRange {
    /// The numbers from `least` to `most`.
    pub const fn new(least: u64, most: u64) -> Self {
        Self { least, most }
    }

    /// Whether the range has `number`.
    pub fn contains(&self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

/// The moves that a problem is composed of. `v` is the running total before the move, and `a` and `b` are drawn numbers.
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
    /// A second person has `v+a`, `v-a`, twice or half as many: the last step.
    Compare,
    /// As [`Compare`](Self::Compare), and then the sum of both: the last two steps.
    Both,
    /// As [`Packs`](Self::Packs) with greater numbers, in hard problems only.
    BigPacks,
    /// As [`Price`](Self::Price) with greater numbers, in hard problems only.
    Cost,
    /// `v mod a`, in hard problems only.
    Rest,
}

impl Move {
    /// The number of steps that the move adds.
    pub fn steps(self) -> usize {
        match self {
            Self::Packs | Self::BigPacks | Self::Percent | Self::Both => 2,
            _ => 1,
        }
    }

    /// Whether a problem ends with the move.
    pub fn is_last(self) -> bool {
        matches!(self, Self::Price | Self::Cost | Self::Compare | Self::Both)
    }

    /// Whether only hard problems have the move.
    pub fn is_hard(self) -> bool {
        matches!(self, Self::BigPacks | Self::Cost | Self::Rest)
    }
}

/// How often a [`Move`] is drawn, and with which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveConfig {
    /// The weight of the move among those that are possible, 0 or more.
    pub weight: f64,
    /// The running totals `v` at which the move is possible.
    pub running: NumberRange,
    /// The range of `a`. Moves without `a`, or with a fixed list of values, ignore it.
    #[serde(default)]
    pub first: NumberRange,
    /// The range of `b`. Moves without `b` ignore it.
    #[serde(default)]
    pub second: NumberRange,
}

/// The distribution of problems. It has everything that sets their difficulty, but not their language.
///
/// Fields that a file leaves out have the values of [`Family::default`]. A file that has `moves` replaces all moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Family {
    /// Number of steps of a problem, within 2 and 5, drawn uniformly.
    pub steps: NumberRange,
    /// The first running total.
    pub start: NumberRange,
    /// Results of steps, up to 999. Only products of two two-digit numbers may exceed `most`, up to 9,801.
    pub result: NumberRange,
    /// Share of problems with a hard move, within 0 and 1. The others have none.
    pub hard_share: f64,
    /// The moves that problems may have.
    pub moves: BTreeMap<Move, MoveConfig>,
}

/// The greatest number of a [`NumberRange`]: numbers have at most three digits.
const MAX_OPERAND: u64 = 999;
const MAX_STEPS: u64 = 5;

impl Family {
    /// The distribution that the shipped pair's training is derived from. Its numbers are wider than those of the problems that the pair
    /// is measured on, so that the models are reliable on the latter.
    pub fn training_distribution() -> Self {
        Self {
            steps: NumberRange::new(2, 4),
            start: NumberRange::new(6, 60),
            result: NumberRange::new(1, 999),
            hard_share: 0.2,
            moves: training_moves(),
        }
    }

    /// The distribution that a target is trained on: problems may have one more step, and the moves that take longest to learn are six
    /// times as frequent.
    pub fn for_target(mut self) -> Self {
        self.steps.most = self.steps.most.saturating_add(1).min(MAX_STEPS);
        self.reweighted(&[Move::Lose, Move::Sum], 6.0)
    }

    /// The distribution that a draft is trained on: the moves that only the target is to master are 64 times rarer than in the target's
    /// training. The draft then knows how such steps look but not how to do them, and fails on kinds of steps that a router can
    /// recognise, as real small models do. A model that failed for want of parameters alone would not fail by kind of step.
    pub fn for_draft(self) -> Self {
        self.for_target().reweighted(&[Move::Sum, Move::Share, Move::Percent], 1.0 / 64.0)
    }

    fn reweighted(mut self, kinds: &[Move], factor: f64) -> Self {
        self.moves.iter_mut().filter(|(kind, _)| kinds.contains(kind)).for_each(|(_, config)| config.weight *= factor);
        self
    }

    /// Checks each field by itself. Whether problems can be drawn at all is checked by
    /// [`Generator::new`](super::Generator::new).
    ///
    /// # Errors
    /// [`MiniError::Family`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), MiniError> {
        check_range("steps", self.steps, NumberRange::new(2, MAX_STEPS))?;
        check_range("start", self.start, NumberRange::new(1, MAX_OPERAND))?;
        check_range("result", self.result, NumberRange::new(0, MAX_OPERAND))?;
        if !(0.0..=1.0).contains(&self.hard_share) {
            return Err(MiniError::family("hard_share", "a number within 0 and 1", self.hard_share));
        }
        self.moves.iter().try_for_each(|(kind, config)| config.validate(*kind))
    }
}

impl MoveConfig {
    /// A move of this weight, which is possible at the running totals `running`.
    pub const fn new(weight: f64, running: NumberRange) -> Self {
        Self { weight, running, first: NumberRange::new(0, 0), second: NumberRange::new(0, 0) }
    }

    /// Sets the range of `a`.
    pub const fn with_first(mut self, first: NumberRange) -> Self {
        self.first = first;
        self
    }

    /// Sets the range of `b`.
    pub const fn with_second(mut self, second: NumberRange) -> Self {
        self.second = second;
        self
    }

    fn validate(&self, kind: Move) -> Result<(), MiniError> {
        let field = |name: &str| format!("moves.{}.{name}", name_of(kind));
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return Err(MiniError::family(field("weight"), "a finite number, 0 or more", self.weight));
        }
        let operands = NumberRange::new(0, MAX_OPERAND);
        check_range(&field("running"), self.running, operands)?;
        check_range(&field("first"), self.first, operands)?;
        check_range(&field("second"), self.second, operands)
    }
}

fn name_of(kind: Move) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn check_range(field: &str, range: NumberRange, within: NumberRange) -> Result<(), MiniError> {
    if range.least <= range.most && within.contains(range.least) && within.contains(range.most) {
        return Ok(());
    }
    let expected = format!("least ≤ most, both within {} and {}", within.least, within.most);
    Err(MiniError::family(field, expected, format!("{} to {}", range.least, range.most)))
}

impl Default for Family {
    /// The distribution that models are measured on. It is [`training_distribution`](Family::training_distribution) with fewer steps at
    /// which a draft errs unpredictably: a draft that is reliable on sums of two two-digit numbers is less so where one number has a
    /// single digit, which is rarer, and no router can foresee those errors.
    fn default() -> Self {
        let (two_digits, not_small) = (NumberRange::new(10, 40), NumberRange::new(12, 999));
        let mut family = Self { hard_share: 0.15, ..Self::training_distribution() };
        for (kind, config) in &mut family.moves {
            match kind {
                Move::Gain | Move::Compare | Move::Both => {
                    *config = MoveConfig::new(config.weight, not_small).with_first(two_digits)
                }
                Move::Packs => config.running = not_small,
                Move::Lose => config.weight = 0.3,
                Move::Percent => config.weight = 1.3,
                Move::Share => (config.weight, config.first) = (3.0, NumberRange::new(4, 9)),
                Move::Rest => config.weight = 5.0,
                _ => {}
            }
        }
        family
    }
}

fn training_moves() -> BTreeMap<Move, MoveConfig> {
    let any = NumberRange::new(1, 999);
    let small = NumberRange::new(3, 40);
    BTreeMap::from([
        (Move::Gain, MoveConfig::new(3.0, any).with_first(small)),
        (Move::Lose, MoveConfig::new(0.5, any).with_first(small)),
        (Move::Double, MoveConfig::new(1.5, NumberRange::new(3, 99))),
        (Move::Half, MoveConfig::new(1.5, NumberRange::new(4, 198))),
        (Move::Times, MoveConfig::new(1.5, NumberRange::new(11, 99)).with_first(NumberRange::new(3, 9))),
        (Move::Sum, MoveConfig::new(0.05, NumberRange::new(3, 99)).with_first(small).with_second(small)),
        (Move::Share, MoveConfig::new(4.0, NumberRange::new(12, 600)).with_first(NumberRange::new(3, 9))),
        (
            Move::Packs,
            MoveConfig::new(2.5, any).with_first(NumberRange::new(3, 9)).with_second(NumberRange::new(11, 60)),
        ),
        (Move::Percent, MoveConfig::new(1.5, any).with_second(NumberRange::new(40, 600))),
        (Move::Price, MoveConfig::new(1.5, NumberRange::new(11, 99)).with_first(NumberRange::new(3, 9))),
        (Move::Compare, MoveConfig::new(2.0, any).with_first(small)),
        (Move::Both, MoveConfig::new(2.0, any).with_first(small)),
        (
            Move::BigPacks,
            MoveConfig::new(1.0, any).with_first(NumberRange::new(13, 40)).with_second(NumberRange::new(13, 60)),
        ),
        (Move::Cost, MoveConfig::new(4.0, NumberRange::new(21, 99)).with_first(NumberRange::new(21, 99))),
        (Move::Rest, MoveConfig::new(4.0, NumberRange::new(100, 999)).with_first(NumberRange::new(13, 19))),
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
    fn a_draft_rarely_sees_the_moves_it_is_to_fail_at() {
        let base = Family::training_distribution;
        let families = [base(), base().for_target(), base().for_draft()];
        for family in &families {
            family.validate().unwrap();
        }
        let weights = |kind| families.each_ref().map(|family| family.moves[&kind].weight);
        assert_eq!(families.each_ref().map(|family| family.steps.most), [4, 5, 5]);
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
        let gain = |family: &mut Family, config: MoveConfig| {
            family.moves.insert(Move::Gain, config);
        };
        for (error, field) in [
            (change(&|family| family.steps = NumberRange::new(1, 3)), "`steps`"),
            (change(&|family| family.steps = NumberRange::new(4, 3)), "`steps`"),
            (change(&|family| family.start.most = 1000), "`start`"),
            (change(&|family| family.result.most = u64::MAX), "`result`"),
            (change(&|family| family.hard_share = f64::NAN), "`hard_share`"),
            (change(&|family| gain(family, MoveConfig::new(-1.0, NumberRange::new(1, 2)))), "`moves.gain.weight`"),
            (change(&|family| gain(family, MoveConfig::new(1.0, NumberRange::new(2, 1)))), "`moves.gain.running`"),
        ] {
            assert!(error.contains(field) && error.contains("expected"), "{error}");
        }
    }
}
