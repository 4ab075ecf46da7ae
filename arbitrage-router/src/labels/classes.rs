//! Ranges of the advantage, as classes to predict.

use serde::{Deserialize, Serialize};

use super::LabelError;

/// Splits the advantage `Δ` into ordered classes, and combines class probabilities into one estimate to route by.
///
/// The paper trains with 2, 4 and 10 classes by quantiles of `Δ` (App. D). An edge between quantiles need not be 0, so a class
/// may contain steps of both labels. The paper does not say what is then compared with τ. Here each class keeps the share of
/// its training examples with `Δ > 0`, so that [`probability`](Self::probability) estimates the same `P(Δ > 0)` for any number
/// of classes. With two, it is the probability of the second one.
///
/// ```
/// use arbitrage_router::labels::Classes;
/// let classes = Classes::quantiles(&[-0.5, -0.1, 0.2, 0.6], 4)?;
/// assert_eq!(classes.class(0.3), 3);
/// assert_eq!(classes.probability(&[0.5, 0.0, 0.25, 0.25])?, 0.5);
/// # Ok::<(), arbitrage_router::labels::LabelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedClasses")]
pub struct Classes {
    edges: Vec<f32>,
    /// Share of each class's training examples with `Δ > 0`.
    positive: Vec<f32>,
    #[serde(rename = "asked")]
    requested: usize,
}

impl Classes {
    /// The paper's default: class 1 is `Δ > 0`.
    pub fn binary() -> Self {
        Self { edges: vec![0.0], positive: vec![0.0, 1.0], requested: 2 }
    }

    /// `count` classes of equal size, as far as the training set's advantages allow.
    ///
    /// Equal advantages belong to the same class, so edges lie after ties, and edges at the same value are merged:
    /// [`merged`](Self::merged) gives the number of classes that are lost that way. A scorer with few values has many ties.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] for a count out of 2..=1024, an advantage that is not finite, or advantages that are all
    /// equal.
    pub fn quantiles(advantages: &[f32], count: usize) -> Result<Self, LabelError> {
        if !(2..=MAX_CLASSES).contains(&count) {
            return Err(LabelError::parameter("classes", format!("a number in 2..={MAX_CLASSES}"), count));
        }
        if let Some((at, bad)) = advantages.iter().enumerate().find(|(_, advantage)| !advantage.is_finite()) {
            return Err(LabelError::parameter(format!("advantage {at}"), "a finite number", bad));
        }
        let mut sorted = advantages.to_vec();
        sorted.sort_by(f32::total_cmp);
        let edges = edges(&sorted, count);
        if edges.is_empty() {
            return Err(LabelError::parameter(
                "advantages",
                "at least two different ones",
                format!("{} alike", sorted.len()),
            ));
        }
        let positive = positive(&sorted, &edges);
        Ok(Self { edges, positive, requested: count })
    }

    /// Number of classes.
    pub fn count(&self) -> usize {
        self.positive.len()
    }

    /// Number of requested classes that were merged with others.
    pub fn merged(&self) -> usize {
        self.requested - self.count()
    }

    /// The greatest advantage of each class but the last, strictly ascending.
    pub fn edges(&self) -> &[f32] {
        &self.edges
    }

    /// The class of an advantage, from 0: the number of edges below it.
    pub fn class(&self, advantage: f32) -> usize {
        self.edges.partition_point(|edge| *edge < advantage)
    }

    /// `P(Δ > 0)` from the class probabilities, in [0, 1]: each class counts with its share of `Δ > 0` in training.
    ///
    /// # Errors
    /// [`LabelError::Count`] unless there is one probability a class; [`LabelError::Parameter`] unless each is in [0,
    /// 1] and they add up to 1, to within 0.001.
    pub fn probability(&self, probabilities: &[f32]) -> Result<f32, LabelError> {
        let (expected, found) = (self.count(), probabilities.len());
        if expected != found {
            return Err(LabelError::Count { what: "class probabilities", expected, found });
        }
        if let Some(class) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
            let what = format!("probability of class {class}");
            return Err(LabelError::parameter(what, "a number in 0..=1", probabilities[class]));
        }
        let sum: f32 = probabilities.iter().sum();
        if (sum - 1.0).abs() > 1e-3 {
            return Err(LabelError::parameter("sum of class probabilities", "1", sum));
        }
        let weighted = probabilities.iter().zip(&self.positive).map(|(p, positive)| p * positive);
        Ok(weighted.sum::<f32>().clamp(0.0, 1.0))
    }
}

/// Maximum number of classes, far more than can be distinguished.
const MAX_CLASSES: usize = 1024;

/// The quantiles, each at a value that occurs. No edge lies at the greatest value, since the class above would be empty: the
/// next smaller value takes its place.
fn edges(sorted: &[f32], count: usize) -> Vec<f32> {
    let below = sorted.partition_point(|value| sorted.last().is_some_and(|greatest| value < greatest));
    let quantile = |k: usize| (k * sorted.len()).div_ceil(count).saturating_sub(1);
    let edge = |k: usize| sorted[..below].get(quantile(k).min(below.saturating_sub(1))).copied();
    let mut edges: Vec<f32> = (1..count).filter_map(edge).collect();
    edges.dedup();
    edges
}

/// Each class's share of `Δ > 0`.
fn positive(sorted: &[f32], edges: &[f32]) -> Vec<f32> {
    let end_of = |edge: &f32| sorted.partition_point(|advantage| advantage <= edge);
    let mut start = 0;
    let mut shares = Vec::new();
    for end in edges.iter().map(end_of).chain([sorted.len()]) {
        let class = &sorted[start..end];
        shares.push(class.iter().filter(|advantage| **advantage > 0.0).count() as f32 / class.len() as f32);
        start = end;
    }
    shares
}

/// Classes as they are read from a file, before their numbers are checked.
#[derive(Deserialize)]
struct UncheckedClasses {
    edges: Vec<f32>,
    positive: Vec<f32>,
    asked: usize,
}

impl TryFrom<UncheckedClasses> for Classes {
    type Error = LabelError;
    fn try_from(UncheckedClasses { edges, positive, asked }: UncheckedClasses) -> Result<Self, LabelError> {
        let wrong = |what: &str, expected: &str, found: String| Err(LabelError::parameter(what, expected, found));
        if edges.is_empty() || !edges.iter().all(|edge| edge.is_finite()) || !edges.is_sorted_by(|a, b| a < b) {
            wrong("edges of classes", "finite numbers, strictly ascending", format!("{edges:?}"))
        } else if positive.len() != edges.len() + 1 || !positive.iter().all(|share| (0.0..=1.0).contains(share)) {
            wrong("positive shares of classes", "one more than edges, each in 0..=1", format!("{positive:?}"))
        } else if asked < positive.len() {
            wrong("requested classes", "at least as many as there are", asked.to_string())
        } else {
            Ok(Self { edges, positive, requested: asked })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{class_probabilities, ordinal_targets};
    use proptest::prelude::*;

    /// Few values, so that there are ties.
    fn advantages() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec((-6i8..=6).prop_map(|eighths| f32::from(eighths) / 8.0), 2..60)
    }

    proptest! {
        #[test]
        fn no_class_is_empty_and_the_order_is_kept(advantages in advantages(), count in 2usize..12) {
            let Ok(classes) = Classes::quantiles(&advantages, count) else {
                prop_assert!(advantages.iter().all(|a| a == &advantages[0]));
                return Ok(());
            };
            let mut sizes = vec![0usize; classes.count()];
            advantages.iter().for_each(|advantage| sizes[classes.class(*advantage)] += 1);
            prop_assert!(sizes.iter().all(|size| *size > 0), "{:?}", sizes);
            prop_assert_eq!(classes.count() + classes.merged(), count);
            let mut sorted = advantages.clone();
            sorted.sort_by(f32::total_cmp);
            prop_assert!(sorted.iter().map(|a| classes.class(*a)).is_sorted());
        }

        #[test]
        fn without_ties_classes_have_the_same_size(seed: u64, size in 2usize..60, count in 2usize..12) {
            prop_assume!(size >= count);
            let mut values: Vec<f32> = (0..size).map(|at| at as f32 - size as f32 / 2.0).collect();
            crate::random::choose(&mut arbitrage_core::Draw::new(seed), &mut values, size);
            let classes = Classes::quantiles(&values, count).unwrap();
            let mut sizes = vec![0usize; count];
            values.iter().for_each(|advantage| sizes[classes.class(*advantage)] += 1);
            prop_assert_eq!(classes.merged(), 0);
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
        }

        #[test]
        fn a_perfect_classifier_finds_the_share_of_its_class(advantages in advantages(), count in 2usize..12) {
            let Ok(classes) = Classes::quantiles(&advantages, count) else { return Ok(()) };
            let mut total = 0.0;
            for advantage in &advantages {
                let sure = class_probabilities(&ordinal_targets(classes.class(*advantage), classes.count())).unwrap();
                total += classes.probability(&sure).unwrap();
            }
            let positive = advantages.iter().filter(|a| **a > 0.0).count() as f32;
            prop_assert!((total - positive).abs() < 1e-3);
        }
    }

    #[test]
    fn two_classes_are_those_of_the_paper() {
        let classes = Classes::binary();
        assert_eq!([-0.1, 0.0, f32::from_bits(1), 0.1].map(|advantage| classes.class(advantage)), [0, 0, 1, 1]);
        assert_eq!(classes.probability(&[0.75, 0.25]).unwrap(), 0.25);
    }

    #[test]
    fn ties_merge_and_are_reported() {
        let classes = Classes::quantiles(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.5, 0.5], 4).unwrap();
        assert_eq!((classes.edges(), classes.count(), classes.merged()), (&[0.0][..], 2, 2));
        let signed = Classes::quantiles(&[-0.0, 0.0, -0.0, 1.0], 4).unwrap();
        assert_eq!((signed.count(), signed.class(-0.0), signed.class(0.0)), (2, 0, 0));
    }

    #[test]
    fn advantages_that_cannot_be_split_are_refused() {
        for (advantages, count) in [
            (&[][..], 2),
            (&[0.5], 2),
            (&[0.5, 0.5], 2),
            (&[0.0, 1.0], 1),
            (&[0.0, 1.0], usize::MAX),
            (&[0.0, f32::NAN], 2),
        ] {
            assert!(Classes::quantiles(advantages, count).is_err(), "{advantages:?} {count}");
        }
    }

    #[test]
    fn probabilities_are_checked() {
        let classes = Classes::binary();
        for bad in [&[0.5][..], &[0.5, 0.25, 0.25], &[f32::NAN, 0.5], &[1.5, -0.5], &[0.5, 0.25]] {
            assert!(classes.probability(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_are_checked() {
        let classes = Classes::quantiles(&[-0.5, -0.25, 0.25, 0.5], 4).unwrap();
        let text = serde_json::to_string(&classes).unwrap();
        assert_eq!(text, r#"{"edges":[-0.5,-0.25,0.25],"positive":[0.0,0.0,1.0,1.0],"asked":4}"#);
        assert_eq!(serde_json::from_str::<Classes>(&text).unwrap(), classes);
        for (good, bad) in [("-0.5,-0.25", "-0.25,-0.5"), ("[0.0,0.0,", "[0.0,"), ("1.0]", "1.5]"), (":4", ":3")] {
            assert!(serde_json::from_str::<Classes>(&text.replace(good, bad)).is_err(), "{bad}");
        }
    }
}
