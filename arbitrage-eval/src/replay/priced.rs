//! Prices results on given hardware.

use crate::cost::{DecisionWork, Hardware, Reuse, WorkCounts};
use crate::metrics::{CompareError, Curve};
use crate::results::{PolicyResults, ProblemResult};

/// Seconds that a solved problem would take on `hardware` under `policy`, by the work in its trace; `None` where it failed. Warm-up
/// problems are priced too, since cold caches do not change counts.
pub fn priced(problem: &ProblemResult, policy: &str, hardware: &Hardware, reuse: Reuse) -> Option<f64> {
    let work = WorkCounts::of(&problem.usage, DecisionWork::named(policy));
    problem.stop.map(|_| hardware.seconds(&work, reuse))
}

/// The curve of accuracy against latency on `hardware`, over a policy's thresholds.
///
/// # Errors
/// [`CompareError`] for results of different problems, and without results.
pub fn priced_curve(results: &[&PolicyResults], hardware: &Hardware, reuse: Reuse) -> Result<Curve, CompareError> {
    let policy = results.first().map_or("", |results| results.policy.as_str());
    Curve::new(results, |problem| priced(problem, policy, hardware, reuse))
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
        for (policy, seconds) in [("draft", 2.0), ("learned:0.5", 3.0), ("rsd", 2.5), ("oracle", 2.5)] {
            let results = PolicyResults::new("tables", policy, None, problems.clone()).unwrap();
            let points = priced_curve(&[&results], &test_hardware(), Reuse::On).unwrap().points();
            assert_eq!((points[0].cost, points[0].accuracy), (seconds, 0.5), "{policy}");
        }
        assert!(priced_curve(&[], &test_hardware(), Reuse::On).is_err());
    }
}
