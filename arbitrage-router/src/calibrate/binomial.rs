//! Exact binomial probabilities.

/// `P(Bin(trials, probability) ≤ successes)`, the lower tail of the binomial distribution, summed term by term: neither a
/// normal approximation nor a table. `probability` is in [0, 1]; 1 for `successes ≥ trials`.
///
/// ```
/// use arbitrage_router::calibrate::binomial_tail;
/// assert!((binomial_tail(0, 2, 0.5) - 0.25).abs() < 1e-15);
/// assert!((binomial_tail(1, 2, 0.5) - 0.75).abs() < 1e-15);
/// assert_eq!(binomial_tail(2, 2, 0.5), 1.0);
/// ```
pub fn binomial_tail(successes: usize, trials: usize, probability: f64) -> f64 {
    if successes >= trials || probability <= 0.0 {
        return 1.0;
    }
    if probability >= 1.0 {
        return 0.0;
    }
    // Logarithms, since the first terms of many trials are smaller than any float.
    let ln_odds = probability.ln() - (-probability).ln_1p();
    let mut ln_term = trials as f64 * (-probability).ln_1p();
    let mut tail = ln_term.exp();
    for at in 1..=successes {
        ln_term += ((trials - at + 1) as f64 / at as f64).ln() + ln_odds;
        tail += ln_term.exp();
    }
    tail.min(1.0)
}

/// The greatest probability under which so few successes still have a probability above `1 − confidence`: the upper end
/// of the one-sided interval of Clopper and Pearson (1934). It covers the true probability with at least this confidence,
/// for any number of trials. `confidence` is in (0, 1); 1 for no trials.
///
/// ```
/// use arbitrage_router::calibrate::upper_bound;
/// // Without any success the bound has a closed form.
/// assert!((upper_bound(0, 59, 0.95) - (1.0 - 0.05f64.powf(1.0 / 59.0))).abs() < 1e-12);
/// ```
pub fn upper_bound(successes: usize, trials: usize, confidence: f64) -> f64 {
    /// Halvings of [0, 1] after which neighbouring floats are reached.
    const HALVINGS: usize = 60;
    if successes >= trials {
        return 1.0;
    }
    let (mut low, mut high) = (successes as f64 / trials as f64, 1.0);
    for _ in 0..HALVINGS {
        let middle = low + (high - low) / 2.0;
        if binomial_tail(successes, trials, middle) > 1.0 - confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tails_are_those_of_exact_fractions() {
        // Sums of exact fractions, also of so many trials that the first terms are smaller than any float.
        for (successes, trials, probability, expected) in [
            (3, 10, 0.5, 0.171875),
            (0, 59, 0.05, 0.048_494_525_249_423_236),
            (1, 93, 0.05, 0.049_975_795_242_616_54),
            (10, 1000, 0.02, 0.010_236_548_159_763_447),
            (130, 8000, 0.02, 0.007_767_837_438_621_169),
            (900, 5000, 0.2, 0.000_185_305_475_312_370_06),
        ] {
            let found = binomial_tail(successes, trials, probability);
            assert!((found - expected).abs() < 1e-10 * expected, "{successes} of {trials}: {found:e}");
        }
    }

    /// The tail as a sum over all outcomes of so few trials that they can be enumerated.
    fn enumerated(successes: usize, trials: usize, probability: f64) -> f64 {
        let outcome = |outcome: u32| {
            let ones = outcome.count_ones();
            let chance = probability.powi(ones as i32) * (1.0 - probability).powi(trials as i32 - ones as i32);
            if ones as usize <= successes { chance } else { 0.0 }
        };
        (0u32..1 << trials).map(outcome).sum()
    }

    #[test]
    fn bounds_are_known_ones() {
        for (successes, trials, expected) in
            [(0, 100, 0.029_513_049_6), (1, 50, 0.091_398_130_7), (2, 20, 0.282_618_524_9), (5, 5, 1.0)]
        {
            let found = upper_bound(successes, trials, 0.95);
            assert!((found - expected).abs() < 1e-9, "{successes} of {trials}: {found}");
        }
        assert_eq!(upper_bound(0, 0, 0.95), 1.0);
    }

    proptest! {
        #[test]
        fn the_tail_is_the_enumeration(trials in 0usize..12, successes in 0usize..13, probability in 0.0..=1.0f64) {
            let (found, expected) = (binomial_tail(successes, trials, probability), enumerated(successes, trials, probability));
            prop_assert!((found - expected).abs() < 1e-12, "{} and {}", found, expected);
        }

        #[test]
        fn the_tail_is_monotone(trials in 1usize..3000, successes in 0usize..200, probability in 0.0..=1.0f64) {
            let tail = binomial_tail(successes, trials, probability);
            prop_assert!((0.0..=1.0).contains(&tail));
            prop_assert!(binomial_tail(successes + 1, trials, probability) >= tail - 1e-12);
            prop_assert!(binomial_tail(successes, trials + 1, probability) <= tail + 1e-12);
            prop_assert!(binomial_tail(successes, trials, (probability + 0.01).min(1.0)) <= tail + 1e-12);
        }

        #[test]
        fn the_bound_is_where_the_tail_crosses(trials in 1usize..2000, successes in 0usize..100, confidence in 0.5..0.999f64) {
            prop_assume!(successes < trials);
            let bound = upper_bound(successes, trials, confidence);
            prop_assert!(bound > successes as f64 / trials as f64 && bound <= 1.0);
            prop_assert!(binomial_tail(successes, trials, bound) <= 1.0 - confidence);
            prop_assert!(binomial_tail(successes, trials, bound - 1e-9) >= 1.0 - confidence - 1e-6);
        }
    }
}
