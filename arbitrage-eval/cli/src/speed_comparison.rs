//! The same generated problems solved by a pair and by its target alone, in turns: what routing gains on this machine.

use std::fmt;
use std::time::Instant;

use arbitrage_core::{EngineError, Problem, Solution};
use arbitrage_mini::is_solved;

use crate::Failure;

/// Problems that are solved at least.
const MIN_PROBLEMS: usize = 36;
/// Problems that are solved at most, where they are solved so fast that they say little.
const MAX_PROBLEMS: usize = 600;
/// Seconds of the target alone below which a ratio says more about the clock than about the models.
const MIN_SECONDS: f64 = 1.0;

/// Solves a problem.
type Solver<'a> = &'a mut dyn FnMut(&Problem) -> Result<Solution, EngineError>;

/// Times and right answers on the same problems.
#[derive(Debug, Default)]
pub(crate) struct SpeedComparison {
    problems: usize,
    pair: SolverTotals,
    target: SolverTotals,
}

/// What one of the two needed for all problems.
#[derive(Debug, Default)]
struct SolverTotals {
    right: usize,
    seconds: f64,
}

impl SpeedComparison {
    /// Solves problems one at a time, each with the pair and with its target alone. Who is first changes with every problem, so that
    /// whatever else the machine does slows both down alike.
    pub(crate) fn measure(
        pair: Solver<'_>,
        target: Solver<'_>,
        mut problems: impl Iterator<Item = Problem>,
    ) -> Result<Self, Failure> {
        let mut comparison = Self::default();
        // The first problem of each is slower, since caches and threads are not ready yet. It does not count.
        if let Some(problem) = problems.next() {
            pair(&problem)?;
            target(&problem)?;
        }
        for problem in problems.take(MAX_PROBLEMS) {
            if comparison.problems.is_multiple_of(2) {
                comparison.pair.add(pair, &problem)?;
                comparison.target.add(target, &problem)?;
            } else {
                comparison.target.add(target, &problem)?;
                comparison.pair.add(pair, &problem)?;
            }
            comparison.problems += 1;
            if comparison.problems >= MIN_PROBLEMS && comparison.target.seconds >= MIN_SECONDS {
                break;
            }
        }
        Ok(comparison)
    }
}

impl SolverTotals {
    fn add(&mut self, solver: Solver<'_>, problem: &Problem) -> Result<(), Failure> {
        let start = Instant::now();
        let solution = solver(problem)?;
        self.seconds += start.elapsed().as_secs_f64();
        self.right += usize::from(is_solved(problem, &solution.text())?);
        Ok(())
    }
}

impl fmt::Display for SpeedComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problems, pair, target } = self;
        writeln!(f, "The same {problems} problems by both, one at a time and in turns:\n")?;
        writeln!(f, "pair           {:.2} s, {} right", pair.seconds, pair.right)?;
        writeln!(f, "target alone   {:.2} s, {} right", target.seconds, target.right)?;
        if target.seconds < MIN_SECONDS {
            return write!(f, "Together they took too short a time for a ratio.");
        }
        write!(f, "The pair is {:.2} times as fast as its target alone.", target.seconds / pair.seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use arbitrage_core::Engine;
    use arbitrage_core::router::AlwaysDraft;
    use arbitrage_core::testing::Scripted;
    use arbitrage_mini::{Generator, Stream};

    use super::*;

    fn solution(problem: &Problem, text: &str) -> Result<Solution, EngineError> {
        Engine::new(Scripted::new("draft", [text]), Scripted::new("target", []), AlwaysDraft).solve(problem)
    }

    fn problems(count: u64) -> Vec<Problem> {
        Generator::default().problems(Stream::Test, 0..count)
    }

    #[test]
    fn both_solve_the_same_problems_in_turns_and_are_graded() {
        let calls = RefCell::new(Vec::new());
        let log = |who: &'static str, problem: &Problem| calls.borrow_mut().push((who, problem.id.clone()));
        let generator = Generator::default();
        let mut pair = |problem: &Problem| {
            log("pair", problem);
            let index = problem.id.rsplit('-').next().unwrap().parse().unwrap();
            let answer = generator.problem(Stream::Test, index).plan.answer().unwrap();
            solution(problem, &format!("\\boxed{{{answer}}}"))
        };
        let mut target = |problem: &Problem| {
            log("target", problem);
            std::thread::sleep(Duration::from_millis(40));
            solution(problem, "I do not know.")
        };
        let comparison = SpeedComparison::measure(&mut pair, &mut target, problems(100).into_iter()).unwrap();
        assert_eq!(comparison.problems, MIN_PROBLEMS, "{MIN_PROBLEMS} of 40 ms are more than a second");
        assert_eq!((comparison.pair.right, comparison.target.right), (MIN_PROBLEMS, 0));
        let text = comparison.to_string();
        assert!(text.contains("times as fast") && text.contains("36 right"), "{text}");
        let calls = calls.into_inner();
        for (turn, pairs) in calls.chunks(2).skip(1).enumerate() {
            assert_eq!(pairs[0].1, pairs[1].1);
            assert_eq!(pairs[0].0, if turn % 2 == 0 { "pair" } else { "target" });
        }
    }

    #[test]
    fn no_ratio_is_shown_of_times_that_are_too_short() {
        let solve = |problem: &Problem| solution(problem, "1");
        let comparison = SpeedComparison::measure(&mut { solve }, &mut { solve }, problems(5).into_iter()).unwrap();
        assert_eq!(comparison.problems, 4, "the first one does not count");
        assert!(!comparison.to_string().contains("times"), "{comparison}");
    }
}
