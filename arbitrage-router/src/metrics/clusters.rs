//! What is drawn together.

use std::collections::HashMap;
use std::hash::Hash;

use arbitrage_core::Draw;

use crate::random;

/// Which examples belong to one problem. Steps of a problem tell of each other, so that steps drawn one by one would
/// make every interval too narrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    of: Vec<usize>,
    count: usize,
}

impl Clusters {
    /// Clusters by each example's problem.
    pub fn new<K: Eq + Hash>(problems: impl IntoIterator<Item = K>) -> Self {
        let mut numbers = HashMap::new();
        let number = |problem: K| {
            let next = numbers.len();
            *numbers.entry(problem).or_insert(next)
        };
        let of: Vec<usize> = problems.into_iter().map(number).collect();
        let count = of.iter().max().map_or(0, |last| last + 1);
        Self { of, count }
    }

    /// How many problems there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many examples there are.
    pub fn examples(&self) -> usize {
        self.of.len()
    }

    /// How often a resample holds each example: as many problems as there are, drawn with replacement.
    pub(super) fn resample(&self, draw: &mut Draw) -> Vec<u32> {
        let mut drawn = vec![0u32; self.count];
        for _ in 0..self.count {
            drawn[random::below(draw, self.count)] += 1;
        }
        self.of.iter().map(|cluster| drawn[*cluster]).collect()
    }
}

/// The places of a resample's examples, each as often as its weight says: for statistics that know no weights.
pub fn expand(weights: &[u32]) -> Vec<usize> {
    weights.iter().enumerate().flat_map(|(place, weight)| std::iter::repeat_n(place, *weight as usize)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn problems_are_drawn_whole(problems in prop::collection::vec(0u8..6, 0..30), seed: u64) {
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
    fn weights_become_places() {
        assert_eq!(expand(&[2, 0, 1]), [0, 0, 2]);
        assert_eq!(Clusters::new(["a", "b", "a"]).examples(), 3);
    }
}
