//! Examples whose advantage is too small to be sure of its sign.

use super::{Example, LabelError};

/// Leaves out examples with `0 < |Δ| < margin`, whose label is the scorer's noise rather than the models' difference.
/// Ties are kept: a target's step that is worth as much as the draft's is a reason to accept.
///
/// # Errors
/// [`LabelError::Parameter`] unless `margin` is finite and at least 0, in the scorer's unit.
pub fn outside_margin(examples: Vec<Example>, margin: f32) -> Result<Vec<Example>, LabelError> {
    if !margin.is_finite() || margin < 0.0 {
        return Err(LabelError::parameter("margin", "a finite number, at least 0", margin));
    }
    let is_clear = |example: &Example| example.advantage() == 0.0 || example.advantage().abs() >= margin;
    Ok(examples.into_iter().filter(is_clear).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::{Finish, Step};

    fn kept(margin: f32) -> Vec<f32> {
        let step = || Step::new("a", Finish::Boundary);
        let example = |score| Example::new("?", (step(), 0.0), (step(), score)).unwrap();
        let examples = [-0.5, -0.25, -0.125, 0.0, 0.125, 0.25, 0.5].map(example).to_vec();
        outside_margin(examples, margin).unwrap().iter().map(Example::advantage).collect()
    }

    #[test]
    fn ties_and_both_edges_are_kept() {
        assert_eq!(kept(0.25), [-0.5, -0.25, 0.0, 0.25, 0.5]);
        assert_eq!(kept(0.0).len(), 7);
        assert_eq!(kept(2.0), [0.0]);
    }

    #[test]
    fn invalid_margins_are_refused() {
        for margin in [-0.1, f32::NAN, f32::INFINITY] {
            assert!(outside_margin(Vec::new(), margin).is_err(), "{margin}");
        }
    }
}
