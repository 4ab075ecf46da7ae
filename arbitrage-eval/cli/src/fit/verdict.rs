//! The one sentence that a fit ends in: route, and what that gives, or don't, and what to do instead.

use arbitrage_eval::metrics::compare;
use arbitrage_eval::results::{Outcome, PolicyResults};
use arbitrage_router::metrics::{Bootstrap, Interval};
use serde::{Deserialize, Serialize};

use super::decision::Alternative;
use crate::Failure;

/// What a fit has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// Routing is faster than everything that needs no router.
    Route,
    /// It is not, or loses too much.
    DontRoute,
    /// The test has too few problems to tell.
    Undecided,
}

/// The answer with its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FitVerdict {
    /// The answer.
    pub answer: Answer,
    /// The sentence for the user.
    pub sentence: String,
    /// What was measured on the test's problems; `None` where it did not come to a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestFigures>,
}

/// What the runs on the test's problems, in turns, have given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TestFigures {
    /// The router's threshold.
    pub tau: f32,
    /// Number of problems.
    pub problems: usize,
    /// The pair's time as a share of the target's.
    pub routed_share: Interval,
    /// The time of the target with speculative tokens as a share of its time without.
    pub speculation_share: Option<Interval>,
    /// The pair's time as a share of that of the target with speculative tokens.
    pub routed_share_of_speculation: Option<Interval>,
    /// Accuracy of the pair minus that of the target, by problem.
    pub accuracy_difference: Interval,
    /// Problems that the target solves.
    pub solved: usize,
    /// Problems of those that the pair does not solve.
    pub lost: usize,
    /// Problems that the pair solves and the target does not.
    pub won: usize,
}

/// The runs of the test.
pub(super) struct TestRuns<'a> {
    /// The pair at the router's threshold.
    pub routed: &'a PolicyResults,
    /// The target alone.
    pub target: &'a PolicyResults,
    /// The target with speculative tokens, if it can verify them.
    pub speculation: Option<&'a PolicyResults>,
}

impl TestFigures {
    /// The figures of the runs.
    pub(super) fn new(tau: f32, runs: &TestRuns<'_>) -> Result<Self, Failure> {
        let bootstrap = Bootstrap::default();
        let paired = compare(runs.routed, runs.target, &bootstrap)?;
        let share = |of: &PolicyResults, other: &PolicyResults| -> Result<Interval, Failure> {
            compare(of, other, &bootstrap)?.speed.ok_or_else(|| "the test has no run that ended".into())
        };
        let difference =
            paired.difference.ok_or("no problem of the test was graded under both the pair and the target")?;
        Ok(Self {
            tau,
            problems: runs.target.problems().len(),
            routed_share: share(runs.target, runs.routed)?,
            speculation_share: runs.speculation.map(|run| share(runs.target, run)).transpose()?,
            routed_share_of_speculation: runs.speculation.map(|run| share(run, runs.routed)).transpose()?,
            accuracy_difference: difference,
            solved: runs.target.problems().iter().filter(|problem| problem.outcome == Outcome::Right).count(),
            lost: paired.pairs.second_only,
            won: paired.pairs.first_only,
        })
    }

    /// The pair's time as a share of the time of the best that needs no router.
    fn share_of_alternative(&self) -> Interval {
        let speculates = Alternative::of(self.speculation_share).speculates;
        self.routed_share_of_speculation.filter(|_| speculates).unwrap_or(self.routed_share)
    }
}

impl FitVerdict {
    /// The answer of a test. `promise` is what was shown of the threshold in calibration, if the goal is a promise.
    pub(super) fn of_test(test: TestFigures, promise: Option<&str>) -> Self {
        let alternative = Alternative::of(test.speculation_share);
        let gain = test.share_of_alternative();
        let against =
            if alternative.speculates { "of the time of token-level speculation" } else { "of the target's time" };
        let lost = format!("{} of {} lost and {} won in the test", test.lost, test.solved, test.won);
        let (answer, sentence) = if gain.high < 1.0 {
            let kept = promise.map_or_else(|| lost.clone(), |promise| format!("{promise} ({lost})"));
            let route = format!("route at τ = {:.3}: {:.2} of the target's time, {kept}", test.tau, test.routed_share);
            (Answer::Route, route)
        } else if gain.low >= 1.0 {
            let refusal =
                format!("don't route this pair here: routing takes {gain:.2} {against}; {}", alternative.advice());
            (Answer::DontRoute, refusal)
        } else {
            let unclear = format!(
                "don't route this pair here yet: {} problems do not show that routing is faster, {gain:.2} {against}; give it more --minutes, or {}",
                test.problems,
                alternative.advice()
            );
            (Answer::Undecided, unclear)
        };
        Self { answer, sentence, test: Some(test) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::{Stop, Usage};
    use arbitrage_eval::results::ProblemResult;
    use serde_json::json;

    /// Results of problems that take `seconds` each.
    fn results(policy: &str, seconds: f64, right: impl Fn(usize) -> bool) -> PolicyResults {
        let result = |at: usize| -> ProblemResult {
            let outcome = if right(at) { "right" } else { "wrong" };
            let seconds = seconds * (1.0 + (at % 5) as f64 / 50.0);
            let json = json!({ "id": format!("{at:03}"), "outcome": outcome, "stop": Stop::EndOfText, "usage": Usage::default(), "seconds": seconds });
            serde_json::from_value(json).unwrap()
        };
        PolicyResults::new("test", policy, None, (0..200).map(result).collect()).unwrap()
    }

    fn verdict(routed: f64, speculation: Option<f64>) -> FitVerdict {
        let (target, routed) =
            (results("target", 1.0, |at| at % 10 > 1), results("learned", routed, |at| at % 10 > 1 && at != 4));
        let speculation = speculation.map(|seconds| results("speculation", seconds, |at| at % 10 > 1));
        let runs = TestRuns { routed: &routed, target: &target, speculation: speculation.as_ref() };
        FitVerdict::of_test(TestFigures::new(0.25, &runs).unwrap(), Some("at most 2% lost"))
    }

    #[test]
    fn a_faster_pair_is_routed() {
        let found = verdict(0.6, Some(0.8));
        assert_eq!(found.answer, Answer::Route);
        assert_eq!(
            found.sentence,
            "route at τ = 0.250: 0.60 [0.60, 0.60] of the target's time, at most 2% lost (1 of 160 lost and 0 won in the test)"
        );
        let test = found.test.unwrap();
        assert_eq!((test.problems, test.solved, test.lost, test.won), (200, 160, 1, 0));
        assert!((test.accuracy_difference.value + 0.005).abs() < 1e-12);
    }

    #[test]
    fn a_pair_that_is_slower_than_speculation_is_not() {
        let found = verdict(0.8, Some(0.725));
        assert_eq!(found.answer, Answer::DontRoute);
        assert!(
            found.sentence.contains("1.10 [1.10, 1.10] of the time of token-level speculation"),
            "{}",
            found.sentence
        );
        assert!(found.sentence.ends_with("use `--policy target --speculation draft`, 1.38×"), "{}", found.sentence);
        let slower = verdict(1.2, None);
        assert!(slower.sentence.contains("routing takes 1.20") && slower.sentence.ends_with("use `--policy target`"));
    }

    #[test]
    fn a_difference_that_the_test_does_not_show_is_no_answer() {
        let target = results("target", 1.0, |_| true);
        let mixed: Vec<ProblemResult> = target
            .problems()
            .iter()
            .enumerate()
            .map(|(at, one)| {
                let mut one = one.clone();
                one.seconds = if at % 2 == 0 { 0.1 } else { 1.88 };
                one
            })
            .collect();
        let routed = PolicyResults::new("test", "learned", None, mixed).unwrap();
        let runs = TestRuns { routed: &routed, target: &target, speculation: None };
        let found = FitVerdict::of_test(TestFigures::new(0.5, &runs).unwrap(), None);
        assert_eq!(found.answer, Answer::Undecided);
        assert!(
            found.sentence.contains("200 problems do not show") && found.sentence.contains("--minutes"),
            "{}",
            found.sentence
        );
    }
}
