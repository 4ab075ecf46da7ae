//! Prices results on given hardware.

use crate::cost::{Hardware, Reuse, WorkCounts};
use crate::results::ProblemResult;

/// Seconds that a solved problem would take on `hardware` under `policy`, by the work in its trace; `None` where it failed. Warm-up
/// problems are priced too, since cold caches do not change counts.
pub fn priced(problem: &ProblemResult, policy: &str, hardware: &Hardware, reuse: Reuse) -> Option<f64> {
    let work = WorkCounts::of_policy(&problem.usage, policy);
    problem.stop.map(|_| hardware.seconds(&work, reuse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::test_hardware;
    use crate::metrics::testing::result;

    #[test]
    fn counts_are_priced_and_clocks_are_not() {
        let mut problems = vec![result("a", Some(true), 99.0), result("b", Some(false), 99.0), result("c", None, 99.0)];
        for problem in &mut problems {
            problem.warm_up = true;
            (problem.usage.draft.decoded, problem.usage.draft.calls) = (8, 2);
        }
        problems[2].stop = None;
        for (policy, seconds) in
            [("draft", 2.0), ("learned:0.5", 3.0), ("rsd", 2.5), ("oracle", 2.5), ("learned:0.5+handover:1", 3.0)]
        {
            let priced = problems.iter().map(|problem| priced(problem, policy, &test_hardware(), Reuse::On));
            assert_eq!(priced.collect::<Vec<_>>(), [Some(seconds), Some(seconds), None], "{policy}");
        }
    }
}
