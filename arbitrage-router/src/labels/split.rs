//! Parts of the data that share no problem.

use serde::{Deserialize, Serialize};

use super::{Example, LabelError};
use crate::random;

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// To learn from.
    Train,
    /// To stop, to choose and to calibrate by.
    Validation,
    /// To report on.
    Test,
}

/// The parts of a set of examples.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Parts {
    /// To learn from.
    pub train: Vec<Example>,
    /// To stop, to choose and to calibrate by.
    pub validation: Vec<Example>,
    /// To report on.
    pub test: Vec<Example>,
}

/// Shares of the problems that go to each part.
///
/// Steps of one problem tell of each other, so a problem goes whole. Where it goes follows from the seed and its id
/// alone: problems added later move none of those that are there, and a part's size is its share of many, not of few.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shares")]
#[non_exhaustive]
pub struct Split {
    /// Share to learn from, in [0, 1].
    pub train: f64,
    /// Share to choose by, in [0, 1].
    pub validation: f64,
    /// Share to report on, in [0, 1].
    pub test: f64,
    /// Seed of the choice.
    #[serde(default)]
    pub seed: u64,
}

impl Split {
    /// Shares of the three parts, with seed 0.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] unless each is in [0, 1] and they add up to 1.
    pub fn new(train: f64, validation: f64, test: f64) -> Result<Self, LabelError> {
        let shares = [train, validation, test];
        let sum: f64 = shares.iter().sum();
        if shares.iter().all(|share| (0.0..=1.0).contains(share)) && (sum - 1.0).abs() < 1e-9 {
            Ok(Self { train, validation, test, seed: 0 })
        } else {
            let found = format!("{train}, {validation} and {test}");
            Err(LabelError::parameter("split", "three shares in 0..=1 with sum 1", found))
        }
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The part of a problem.
    pub fn part(&self, problem: &str) -> Part {
        // From the top, so that a share of 0 gets nothing, however the other two are rounded.
        let place = unit(random::hash(self.seed, problem));
        if place >= 1.0 - self.test {
            Part::Test
        } else if place >= 1.0 - self.test - self.validation {
            Part::Validation
        } else {
            Part::Train
        }
    }

    /// Parts the examples, each part in their order.
    pub fn split(&self, examples: Vec<Example>) -> Parts {
        let mut parts = Parts::default();
        for example in examples {
            match self.part(&example.problem) {
                Part::Train => parts.train.push(example),
                Part::Validation => parts.validation.push(example),
                Part::Test => parts.test.push(example),
            }
        }
        parts
    }
}

/// What a file says of a split, to be checked.
#[derive(Deserialize)]
struct Shares {
    train: f64,
    validation: f64,
    test: f64,
    #[serde(default)]
    seed: u64,
}

impl TryFrom<Shares> for Split {
    type Error = LabelError;
    fn try_from(shares: Shares) -> Result<Self, LabelError> {
        Ok(Self::new(shares.train, shares.validation, shares.test)?.with_seed(shares.seed))
    }
}

/// Parts for cross-validation: each problem is held out by one of `k` folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folds {
    count: usize,
    seed: u64,
}

impl Folds {
    /// `count` folds, with seed 0.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] for fewer than 2.
    pub fn new(count: usize) -> Result<Self, LabelError> {
        if count < 2 { Err(LabelError::parameter("folds", "at least 2", count)) } else { Ok(Self { count, seed: 0 }) }
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The fold, from 0, that holds a problem out. It is drawn apart from the problem's [`Part`] under the same seed,
    /// so that the folds of one part are of a size.
    pub fn fold(&self, problem: &str) -> usize {
        let place = unit(random::hash(self.seed ^ FOLDS, problem));
        ((place * self.count as f64) as usize).min(self.count - 1)
    }

    /// The examples to learn from and those held out in fold `fold`, in their order. Past the last fold nothing is held
    /// out.
    pub fn split(&self, examples: Vec<Example>, fold: usize) -> (Vec<Example>, Vec<Example>) {
        examples.into_iter().partition(|example| self.fold(&example.problem) != fold)
    }
}

/// Tells the hashes of folds from those of parts.
const FOLDS: u64 = 0x666F_6C64_735F_6F66;

/// The place in [0, 1) that a hash stands for.
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::{Finish, Step};
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn examples(problems: usize, steps: usize) -> Vec<Example> {
        let step = || (Step::new("a", Finish::Boundary), 0.5);
        let example = |at: usize| Example::new("?", step(), step()).unwrap().with_problem(format!("{}", at % problems));
        (0..problems * steps).map(example).collect()
    }

    fn ids(examples: &[Example]) -> HashSet<&str> {
        examples.iter().map(|example| example.problem.as_str()).collect()
    }

    proptest! {
        #[test]
        fn no_problem_is_in_two_parts(
            problems in 1usize..60, steps in 1usize..4, seed: u64, a in 0.0..1.0f64, b in 0.0..1.0f64,
        ) {
            let (low, high) = (a.min(b), a.max(b));
            let split = Split::new(low, high - low, 1.0 - high).unwrap().with_seed(seed);
            let Parts { train, validation, test } = split.split(examples(problems, steps));
            prop_assert_eq!(train.len() + validation.len() + test.len(), problems * steps);
            prop_assert!(ids(&train).is_disjoint(&ids(&validation)));
            prop_assert!(ids(&train).is_disjoint(&ids(&test)));
            prop_assert!(ids(&validation).is_disjoint(&ids(&test)));
        }

        #[test]
        fn company_changes_no_part(problems in 2usize..60, seed: u64) {
            let split = Split::new(0.5, 0.25, 0.25).unwrap().with_seed(seed);
            let all = split.split(examples(problems, 1));
            let mut fewer = examples(problems, 1);
            fewer.reverse();
            fewer.truncate(problems / 2);
            let fewer = split.split(fewer);
            prop_assert!(ids(&fewer.train).is_subset(&ids(&all.train)));
            prop_assert!(ids(&fewer.validation).is_subset(&ids(&all.validation)));
            prop_assert!(ids(&fewer.test).is_subset(&ids(&all.test)));
        }

        #[test]
        fn each_problem_is_held_out_once(problems in 1usize..60, count in 2usize..8, seed: u64) {
            let folds = Folds::new(count).unwrap().with_seed(seed);
            let mut held = 0;
            for fold in 0..count {
                let (train, out) = folds.split(examples(problems, 2), fold);
                prop_assert!(ids(&train).is_disjoint(&ids(&out)));
                prop_assert_eq!(train.len() + out.len(), problems * 2);
                held += out.len();
            }
            prop_assert_eq!(held, problems * 2);
        }
    }

    #[test]
    fn shares_are_kept_and_folds_of_a_part_are_of_a_size() {
        let (split, folds) = (Split::new(0.6, 0.15, 0.25).unwrap(), Folds::new(4).unwrap());
        let parts = split.split(examples(20_000, 1));
        for (found, expected) in [(&parts.train, 12_000), (&parts.validation, 3_000), (&parts.test, 5_000)] {
            assert!(found.len().abs_diff(expected) < 300, "{} and {expected}", found.len());
        }
        for fold in 0..4 {
            let held = parts.train.iter().filter(|example| folds.fold(&example.problem) == fold).count();
            assert!(held.abs_diff(3_000) < 250, "fold {fold} holds {held}");
        }
    }

    #[test]
    fn a_share_of_nothing_gets_nothing() {
        for (split, part) in [
            (Split::new(0.1, 0.9, 0.0), Part::Test),
            (Split::new(0.3, 0.0, 0.7), Part::Validation),
            (Split::new(0.0, 0.0, 1.0), Part::Train),
        ] {
            let split = split.unwrap();
            assert!((0..5_000).all(|id| split.part(&id.to_string()) != part), "{split:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (train, validation, test) in [(0.5, 0.5, 0.5), (-0.5, 0.5, 1.0), (f64::NAN, 0.5, 0.5), (2.0, -1.0, 0.0)] {
            assert!(Split::new(train, validation, test).is_err());
        }
        assert!(Folds::new(1).is_err());
        let text = serde_json::to_string(&Split::new(0.5, 0.25, 0.25).unwrap().with_seed(3)).unwrap();
        assert_eq!(serde_json::from_str::<Split>(&text).unwrap().seed, 3);
        assert!(serde_json::from_str::<Split>(&text.replace("0.5", "0.75")).is_err());
    }

    #[test]
    fn parts_are_pinned() {
        let split = Split::new(0.5, 0.25, 0.25).unwrap().with_seed(1);
        let parts: Vec<Part> = (0..8).map(|id| split.part(&format!("problem-{id}"))).collect();
        let folds = Folds::new(5).unwrap().with_seed(1);
        let held: Vec<usize> = (0..8).map(|id| folds.fold(&format!("problem-{id}"))).collect();
        use Part::{Test, Train, Validation};
        assert_eq!(parts, [Train, Validation, Test, Test, Validation, Test, Test, Train]);
        assert_eq!(held, [1, 4, 4, 0, 2, 0, 2, 4]);
    }
}
