//! Classes of unequal size.

use std::fmt;
use std::str::FromStr;

use arbitrage_core::Draw;
use serde::{Deserialize, Serialize};

use super::{LabelError, named};
use crate::random;

/// How classes of unequal size are balanced. The paper's pair has 62 steps of label 0 for 38 of label 1 (App. C).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// They are not: estimates stay frequencies.
    None,
    /// Keeps as many examples of each class as the rarest class has, chosen at random (as the paper does). Estimates are then
    /// relative to balanced classes, and have to be [calibrated](crate::calibrate) before they are probabilities.
    #[default]
    DownSample,
    /// Keeps all examples, and weights each class by the inverse of its size: [`DownSample`](Self::DownSample) without
    /// dropping examples.
    Weights,
}

/// The examples to train on, and their weights.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Balanced {
    /// Indices of the examples that are kept, ascending.
    pub kept: Vec<usize>,
    /// Weight of each class in the loss, 1 on the average over the kept examples; 0 for a class without examples.
    pub weights: Vec<f32>,
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::DownSample => "down-sample",
            Self::Weights => "weights",
        })
    }
}

impl FromStr for Balance {
    type Err = LabelError;

    /// Reads `none`, `down-sample` or `weights`.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        named("balance", &[Self::None, Self::DownSample, Self::Weights], text)
    }
}

impl Balance {
    /// Balances examples by their classes, each below `count`. Classes without examples are ignored.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] for a class that is not below `count`.
    pub fn apply(self, classes: &[usize], count: usize, seed: u64) -> Result<Balanced, LabelError> {
        let members = members(classes, count)?;
        let weights = match self {
            Self::Weights => inverse_frequencies(&members, classes.len()),
            Self::None | Self::DownSample => members.iter().map(|m| if m.is_empty() { 0.0 } else { 1.0 }).collect(),
        };
        let kept = match self {
            Self::None | Self::Weights => (0..classes.len()).collect(),
            Self::DownSample => down_sample(members, seed),
        };
        Ok(Balanced { kept, weights })
    }
}

/// The indices of each class's examples.
fn members(classes: &[usize], count: usize) -> Result<Vec<Vec<usize>>, LabelError> {
    let mut members = vec![Vec::new(); count];
    for (index, &class) in classes.iter().enumerate() {
        let wrong = || LabelError::parameter(format!("class of example {index}"), format!("below {count}"), class);
        members.get_mut(class).ok_or_else(wrong)?.push(index);
    }
    Ok(members)
}

fn inverse_frequencies(members: &[Vec<usize>], total: usize) -> Vec<f32> {
    let present = members.iter().filter(|class| !class.is_empty()).count();
    let weight = |size: usize| if size == 0 { 0.0 } else { (total as f64 / (present * size) as f64) as f32 };
    members.iter().map(|class| weight(class.len())).collect()
}

fn down_sample(mut members: Vec<Vec<usize>>, seed: u64) -> Vec<usize> {
    let least = members.iter().map(Vec::len).filter(|size| *size > 0).min().unwrap_or(0);
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    members.iter_mut().for_each(|class| random::choose(&mut draw, class, least));
    let mut kept = members.concat();
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes(classes: &[usize], kept: &[usize]) -> [usize; 4] {
        let mut sizes = [0; 4];
        kept.iter().for_each(|index| sizes[classes[*index]] += 1);
        sizes
    }

    proptest! {
        #[test]
        fn classes_with_examples_become_equal(classes in prop::collection::vec(0usize..4, 0..80), seed: u64) {
            let all: Vec<usize> = (0..classes.len()).collect();
            let before = sizes(&classes, &all);
            let least = before.into_iter().filter(|size| *size > 0).min().unwrap_or(0);
            let balanced = Balance::DownSample.apply(&classes, 4, seed).unwrap();
            prop_assert_eq!(sizes(&classes, &balanced.kept), before.map(|size| size.min(least)));
            prop_assert!(balanced.kept.is_sorted_by(|a, b| a < b));
        }

        #[test]
        fn weights_make_the_classes_count_equally(classes in prop::collection::vec(0usize..4, 1..80)) {
            let Balanced { kept, weights } = Balance::Weights.apply(&classes, 4, 0).unwrap();
            prop_assert_eq!(kept.len(), classes.len());
            let sizes = sizes(&classes, &kept);
            let totals: Vec<f32> = (0..4).filter(|c| sizes[*c] > 0).map(|c| weights[c] * sizes[c] as f32).collect();
            prop_assert!(totals.iter().all(|total| (total - totals[0]).abs() < 1e-3), "{:?}", totals);
            prop_assert!((totals.iter().sum::<f32>() - classes.len() as f32).abs() < 1e-2);
        }
    }

    #[test]
    fn without_balancing_everything_is_kept() {
        let balanced = Balance::None.apply(&[0, 0, 1], 3, 0).unwrap();
        assert_eq!((balanced.kept, balanced.weights), (vec![0, 1, 2], vec![1.0, 1.0, 0.0]));
        assert_eq!(Balance::None.apply(&[], 0, 0).unwrap().kept, [0; 0]);
    }

    #[test]
    fn the_choice_is_random_and_pinned() {
        let classes: Vec<usize> = (0..20).map(|at| usize::from(at % 5 == 0)).collect();
        let kept = |seed| Balance::DownSample.apply(&classes, 2, seed).unwrap().kept;
        assert_ne!(kept(1), kept(2));
        assert_eq!(kept(1), [0, 3, 5, 7, 10, 15, 17, 19]);
    }

    #[test]
    fn a_class_out_of_range_is_refused() {
        let error = Balance::None.apply(&[0, 2], 2, 0).unwrap_err().to_string();
        assert_eq!(error, "class of example 1: expected below 2, found 2");
    }

    #[test]
    fn a_balance_survives_a_round_trip_through_text() {
        for name in ["none", "down-sample", "weights"] {
            assert_eq!(name.parse::<Balance>().unwrap().to_string(), name);
        }
        for wrong in ["", "None", "down_sample", "weights "] {
            let error = wrong.parse::<Balance>().unwrap_err().to_string();
            assert_eq!(error, format!("balance: expected one of none, down-sample, weights, found `{wrong}`"));
        }
    }

    #[test]
    fn names_in_files_are_pinned() {
        let names = [Balance::None, Balance::DownSample, Balance::Weights].map(|b| serde_json::to_string(&b).unwrap());
        assert_eq!(names, ["\"none\"", "\"down_sample\"", "\"weights\""]);
    }
}
