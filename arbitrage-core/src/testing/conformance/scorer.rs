//! The contract of scorers.

use super::{StepSample, Violation, check_name, failed, is_close, require, require_count};
use crate::{Prefix, Step, StepScorer};

/// Checks a scorer: one score a step, within the scorer's range, that depends on prefix and step alone, not on batch, order or
/// earlier calls.
///
/// # Errors
/// [`Violation`].
pub fn check_scorer<S: StepScorer + ?Sized>(scorer: &mut S, samples: &[StepSample]) -> Result<(), Violation> {
    check_name(|| scorer.name())?;
    let (low, high) = scorer.range();
    require(low < high, "the least score of the range is below the greatest", || format!("{low} and {high}"))?;
    let prefixes: Vec<_> = samples.iter().enumerate().map(|(id, sample)| sample.prefix(id)).collect();
    let both =
        prefixes.iter().zip(samples).flat_map(|(prefix, sample)| [(*prefix, &sample.draft), (*prefix, &sample.target)]);
    let requests: Vec<(Prefix<'_>, &Step)> = both.collect();

    let expected = score(scorer, &requests)?;
    score(scorer, &[])?;
    compare(&expected, &score(scorer, &requests)?, "again")?;
    let mut reversed = requests.clone();
    reversed.reverse();
    let mut backwards = score(scorer, &reversed)?;
    backwards.reverse();
    compare(&expected, &backwards, "in reversed order")?;
    for (one, expected) in requests.iter().zip(&expected) {
        compare(std::slice::from_ref(expected), &score(scorer, &[*one])?, "alone")?;
    }
    prefixes.iter().for_each(|prefix| scorer.release(prefix.id));
    compare(&expected, &score(scorer, &requests)?, "after a release")
}

/// The scores of one call, each of which has to be within the range.
fn score<S: StepScorer + ?Sized>(scorer: &mut S, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, Violation> {
    let (low, high) = scorer.range();
    let scores = scorer.score(steps).map_err(failed)?;
    require_count(scores.len(), steps.len(), "a scorer gives one score for each step")?;
    for found in &scores {
        let is_valid = (low..=high).contains(found);
        require(is_valid, "scores are within the scorer's range", || format!("{found}, outside of {low}..={high}"))?;
    }
    Ok(scores)
}

fn compare(expected: &[f32], found: &[f32], how: &str) -> Result<(), Violation> {
    let different = expected.iter().zip(found).find(|(one, other)| !is_close(**one, **other));
    require(different.is_none(), "the same step gets the same score, in every batch and order", || {
        different.map_or_else(String::new, |(one, other)| format!("{one}, and {how} {other}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoxError;
    use crate::scorer::scorer_fn;
    use crate::testing::{CallLog, Flaky, TableScorer};

    fn found(mut scorer: impl StepScorer) -> String {
        check_scorer(&mut scorer, &StepSample::generated()).unwrap_err().to_string()
    }

    #[test]
    fn the_crates_scorers_keep_the_contract() {
        let by_length = || scorer_fn(|_, step| 1.0 / (1.0 + step.text.len() as f32));
        let scorers: [Box<dyn StepScorer>; 3] =
            [Box::new(TableScorer::new([])), Box::new(by_length()), Box::new(CallLog::new().record(by_length()))];
        for mut scorer in scorers {
            check_scorer(&mut scorer, &StepSample::generated()).unwrap();
        }
    }

    /// Overrides `score`.
    struct Broken<F>(F);

    impl<F: FnMut(&[(Prefix<'_>, &Step)]) -> Vec<f32> + Send> StepScorer for Broken<F> {
        fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
            Ok((self.0)(steps))
        }
    }

    #[test]
    fn broken_scorers_are_caught() {
        assert!(
            found(Broken(|steps: &[(Prefix<'_>, &Step)]| vec![0.5; steps.len().saturating_sub(1)]))
                .contains("17 answers")
        );
        assert!(
            found(Broken(|steps: &[(Prefix<'_>, &Step)]| vec![0.5 / steps.len() as f32; steps.len()]))
                .contains("alone")
        );
        for score in [f32::NAN, -0.1, 1.1] {
            assert!(found(TableScorer::new([]).with_default(score)).contains("outside of 0..=1"));
        }
        assert!(found(TableScorer::new([]).with_range(1.0, 0.0)).contains("below the greatest"));
        let mut calls = 0;
        let by_calls = scorer_fn(move |_, _| {
            calls += 1;
            (calls > 18) as u8 as f32
        });
        assert!(found(by_calls).contains("again"));
        assert!(found(Flaky::new(TableScorer::new([]), 0)).contains("error"));
    }
}
