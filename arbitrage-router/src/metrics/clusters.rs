//! Groups of examples that a bootstrap draws together.

use std::collections::HashMap;
use std::hash::Hash;

use arbitrage_core::Draw;

use crate::random;

/// Which examples belong to the same problem. Steps of one problem are correlated, so drawing them one by one would
/// make every confidence interval too narrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// For each example, the number of its problem.
    cluster_of: Vec<usize>,
    count: usize,
}

impl Clusters {
    /// Clusters examples by problem; `problems` gives the problem of each example, in the order of the examples.
    pub fn new<K: Eq + Hash>(problems: impl IntoIterator<Item = K>) -> Self {
        let mut numbers = HashMap::new();
        let number = |problem: K| {
            let next = numbers.len();
            *numbers.entry(problem).or_insert(next)
        };
        let cluster_of: Vec<usize> = problems.into_iter().map(number).collect();
        let count = cluster_of.iter().max().map_or(0, |last| last + 1);
        Self { cluster_of, count }
    }

    /// Number of problems.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number of examples.
    pub fn examples(&self) -> usize {
        self.cluster_of.len()
    }

    /// Weights of a resample, one per example: draws as many problems as there are, with replacement.
    pub(super) fn resample(&self, draw: &mut Draw) -> Vec<u32> {
        let mut drawn = vec![0u32; self.count];
        for _ in 0..self.count {
            drawn[random::below(draw, self.count)] += 1;
        }
        self.cluster_of.iter().map(|cluster| drawn[*cluster]).collect()
    }
}

/// Indices of a resample's examples, each repeated as often as its weight says: for statistics that do not take
/// weights.
pub fn expand(weights: &[u32]) -> Vec<usize> {
    weights.iter().enumerate().flat_map(|(index, weight)| std::iter::repeat_n(index, *weight as usize)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn problems_are_resampled_as_a_whole(problems in prop::collection::vec(0u8..6, 0..30), seed: u64) {
            let clusters = Clusters::new(&problems);
            let weights = clusters.resample(&mut Draw::new(seed));
            prop_assert_eq!(weights.len(), problems.len());
            let mut of_problem = HashMap::new();
            for (problem, weight) in problems.iter().zip(&weights) {
                prop_assert_eq!(*of_problem.entry(problem).or_insert(*weight), *weight);
            }
            prop_assert_eq!(of_problem.values().sum::<u32>() as usize, clusters.count());
            prop_assert_eq!(of_problem.len(), clusters.count());
        }
    }

    #[test]
    fn weights_expand_to_repeated_indices() {
        assert_eq!(expand(&[2, 0, 1]), [0, 0, 2]);
        assert_eq!(Clusters::new(["a", "b", "a"]).examples(), 3);
    }
}
