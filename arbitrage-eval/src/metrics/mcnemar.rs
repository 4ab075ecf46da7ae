//! McNemar's test.

use serde::{Deserialize, Serialize};

/// Two-sided p-values of McNemar's test of whether two policies are equally accurate on the same problems. If they are, each problem that
/// only one policy solved was solved by either with probability ½ (McNemar 1947).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McNemar {
    /// The exact conditional p-value, from the binomial distribution. It is conservative.
    pub exact: f64,
    /// The mid-p-value: the exact one minus half of the probability of the observed outcome. It is nearly unbiased and the recommended one
    /// (Fagerlund, Lydersen and Laake 2013).
    pub mid: f64,
}

impl McNemar {
    /// The test on the numbers of problems that only the first and only the second policy solved. The binomial sum is used for any number of
    /// problems, without a χ² approximation. `None` where both are 0.
    pub fn new(first_only: usize, second_only: usize) -> Option<Self> {
        let (few, many) = (first_only.min(second_only), first_only.max(second_only));
        if many == 0 {
            return None;
        }
        let total = few + many;
        let half_to_the_total = -(total as f64) * std::f64::consts::LN_2;
        let (mut ln_choose, mut tail, mut observed) = (0.0, 0.0, 0.0);
        for solved in 0..=few {
            if solved > 0 {
                ln_choose += ((total - solved + 1) as f64 / solved as f64).ln();
            }
            observed = f64::exp(ln_choose + half_to_the_total);
            tail += observed;
        }
        // For equal counts both tails contain the observed outcome, which must count once.
        Some(if few == many {
            Self { exact: 1.0, mid: 1.0 - observed / 2.0 }
        } else {
            Self { exact: (2.0 * tail).min(1.0), mid: (2.0 * tail - observed).min(1.0) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_agree_with_published_ones() {
        // Fagerlund, Lydersen and Laake 2013, Table 1: 1 against 7.
        let found = McNemar::new(1, 7).unwrap();
        assert!((found.exact - 0.0703).abs() < 5e-5 && (found.mid - 0.0391).abs() < 5e-5, "{found:?}");
        assert_eq!(McNemar::new(0, 5).unwrap().exact, 0.0625);
        assert_eq!(McNemar::new(3, 3).unwrap(), McNemar { exact: 1.0, mid: 1.0 - 20.0 / 128.0 });
        assert_eq!(McNemar::new(0, 0), None);
    }

    /// Enumerates all outcomes of one coin flip per problem.
    fn slow(first_only: usize, second_only: usize) -> McNemar {
        let total = first_only + second_only;
        let distance = |heads: usize| heads.abs_diff(total - heads);
        let observed = distance(first_only);
        let outcomes = || (0u32..1 << total).map(|coins| coins.count_ones() as usize);
        let all = f64::from(1u32 << total);
        let extreme = outcomes().filter(|heads| distance(*heads) >= observed).count() as f64;
        let same = outcomes().filter(|heads| distance(*heads) == observed).count() as f64;
        McNemar { exact: extreme / all, mid: (extreme - same / 2.0) / all }
    }

    proptest! {
        #[test]
        fn it_is_the_enumeration(first in 0usize..9, second in 0usize..9) {
            prop_assume!(first + second > 0);
            let (found, expected) = (McNemar::new(first, second).unwrap(), slow(first, second));
            prop_assert!((found.exact - expected.exact).abs() < 1e-12, "{:?} {:?}", found, expected);
            prop_assert!((found.mid - expected.mid).abs() < 1e-12, "{:?} {:?}", found, expected);
            prop_assert_eq!(McNemar::new(second, first), Some(found));
        }
    }

    #[test]
    fn many_problems_are_as_exact_as_few() {
        // The normal approximation with continuity: z = (2·121 − 180 − 1)/√180 and so on, which is close here.
        let found = McNemar::new(59, 121).unwrap();
        assert!((4e-6..5e-6).contains(&found.exact), "{found:?}");
        let huge = McNemar::new(49_500, 50_500).unwrap();
        assert!((huge.mid - 0.001_565).abs() < 2e-5, "{huge:?}");
    }
}
