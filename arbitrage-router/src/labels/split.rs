//! Subsets of the data that share no problem.

use serde::{Deserialize, Serialize};

use super::{Example, LabelError};
use crate::random;

/// What a subset of the data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subset {
    /// Training.
    Train,
    /// Early stopping, the choice of parameters, and calibration.
    Validation,
    /// Reported results.
    Test,
}

/// Examples, split by problem.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Subsets {
    /// For training.
    pub train: Vec<Example>,
    /// For early stopping, the choice of parameters, and calibration.
    pub validation: Vec<Example>,
    /// For reported results.
    pub test: Vec<Example>,
}

/// Shares of the problems that go to each subset.
///
/// Steps of one problem depend on each other, so all of them go to the same subset. Which one follows from the seed and the
/// problem's id alone, so that added problems do not move others. A subset has its exact share only in the limit of many
/// problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedSplit")]
#[non_exhaustive]
pub struct Split {
    /// Share for training, in [0, 1].
    pub train: f64,
    /// Share for validation, in [0, 1].
    pub validation: f64,
    /// Share for the test, in [0, 1].
    pub test: f64,
    /// Seed of the choice.
    #[serde(default)]
    pub seed: u64,
}

impl Split {
    /// Shares of the three subsets, with seed 0.
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

    /// The subset of a problem.
    pub fn subset(&self, problem: &str) -> Subset {
        // Compared from the top, so that a share of 0 gets nothing, however the other two are rounded.
        let position = unit(random::hash(self.seed, problem));
        if position >= 1.0 - self.test {
            Subset::Test
        } else if position >= 1.0 - self.test - self.validation {
            Subset::Validation
        } else {
            Subset::Train
        }
    }

    /// Splits the examples, and keeps their order in each subset.
    pub fn split(&self, examples: Vec<Example>) -> Subsets {
        let mut subsets = Subsets::default();
        for example in examples {
            match self.subset(&example.problem) {
                Subset::Train => subsets.train.push(example),
                Subset::Validation => subsets.validation.push(example),
                Subset::Test => subsets.test.push(example),
            }
        }
        subsets
    }
}

/// A split as it is read from a file, before the shares are checked.
#[derive(Deserialize)]
struct UncheckedSplit {
    train: f64,
    validation: f64,
    test: f64,
    #[serde(default)]
    seed: u64,
}

impl TryFrom<UncheckedSplit> for Split {
    type Error = LabelError;
    fn try_from(shares: UncheckedSplit) -> Result<Self, LabelError> {
        Ok(Self::new(shares.train, shares.validation, shares.test)?.with_seed(shares.seed))
    }
}

/// Folds for cross-validation: each problem is held out by one of `k` folds.
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

    /// Number of folds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The fold, from 0, that holds a problem out. It is independent of the problem's [`Subset`] under the same seed, so that
    /// the folds of one subset have about the same size.
    pub fn fold(&self, problem: &str) -> usize {
        let position = unit(random::hash(self.seed ^ FOLDS, problem));
        ((position * self.count as f64) as usize).min(self.count - 1)
    }

    /// The training examples and those that fold `fold` holds out, in their order. Past the last fold nothing is held out.
    pub fn split(&self, examples: Vec<Example>, fold: usize) -> (Vec<Example>, Vec<Example>) {
        examples.into_iter().partition(|example| self.fold(&example.problem) != fold)
    }
}

/// Makes the hashes of folds different from those of subsets.
const FOLDS: u64 = 0x666F_6C64_735F_6F66;

/// The position in [0, 1) of a hash.
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
        fn no_problem_is_in_two_subsets(
            problems in 1usize..60, steps in 1usize..4, seed: u64, a in 0.0..1.0f64, b in 0.0..1.0f64,
        ) {
            let (low, high) = (a.min(b), a.max(b));
            let split = Split::new(low, high - low, 1.0 - high).unwrap().with_seed(seed);
            let Subsets { train, validation, test } = split.split(examples(problems, steps));
            prop_assert_eq!(train.len() + validation.len() + test.len(), problems * steps);
            prop_assert!(ids(&train).is_disjoint(&ids(&validation)));
            prop_assert!(ids(&train).is_disjoint(&ids(&test)));
            prop_assert!(ids(&validation).is_disjoint(&ids(&test)));
        }

        #[test]
        fn other_problems_do_not_change_a_subset(problems in 2usize..60, seed: u64) {
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
    fn shares_are_kept_and_folds_of_a_subset_have_the_same_size() {
        let (split, folds) = (Split::new(0.6, 0.15, 0.25).unwrap(), Folds::new(4).unwrap());
        let subsets = split.split(examples(20_000, 1));
        for (found, expected) in [(&subsets.train, 12_000), (&subsets.validation, 3_000), (&subsets.test, 5_000)] {
            assert!(found.len().abs_diff(expected) < 300, "{} and {expected}", found.len());
        }
        for fold in 0..4 {
            let held = subsets.train.iter().filter(|example| folds.fold(&example.problem) == fold).count();
            assert!(held.abs_diff(3_000) < 250, "fold {fold} holds {held}");
        }
    }

    #[test]
    fn a_share_of_0_gets_nothing() {
        for (split, subset) in [
            (Split::new(0.1, 0.9, 0.0), Subset::Test),
            (Split::new(0.3, 0.0, 0.7), Subset::Validation),
            (Split::new(0.0, 0.0, 1.0), Subset::Train),
        ] {
            let split = split.unwrap();
            assert!((0..5_000).all(|id| split.subset(&id.to_string()) != subset), "{split:?}");
        }
    }

    #[test]
    fn invalid_shares_are_refused() {
        for (train, validation, test) in [(0.5, 0.5, 0.5), (-0.5, 0.5, 1.0), (f64::NAN, 0.5, 0.5), (2.0, -1.0, 0.0)] {
            assert!(Split::new(train, validation, test).is_err());
        }
        assert!(Folds::new(1).is_err());
        let text = serde_json::to_string(&Split::new(0.5, 0.25, 0.25).unwrap().with_seed(3)).unwrap();
        assert_eq!(serde_json::from_str::<Split>(&text).unwrap().seed, 3);
        assert!(serde_json::from_str::<Split>(&text.replace("0.5", "0.75")).is_err());
    }

    #[test]
    fn subsets_are_pinned() {
        let split = Split::new(0.5, 0.25, 0.25).unwrap().with_seed(1);
        let subsets: Vec<Subset> = (0..8).map(|id| split.subset(&format!("problem-{id}"))).collect();
        let folds = Folds::new(5).unwrap().with_seed(1);
        let held: Vec<usize> = (0..8).map(|id| folds.fold(&format!("problem-{id}"))).collect();
        use Subset::{Test, Train, Validation};
        assert_eq!(subsets, [Train, Validation, Test, Test, Validation, Test, Test, Train]);
        assert_eq!(held, [1, 4, 4, 0, 2, 0, 2, 4]);
    }
}
