//! The best that a router could do with a pair.

use arbitrage_router::Policy;
use arbitrage_router::metrics::{Bootstrap, Clusters, Interval};
use serde::{Deserialize, Serialize};

use super::{PairedSolution, PairedTrace, PredictedProblem, ReplayError, StepPair, replay};
use crate::cost::{DecisionWork, PairSeconds, PromptTokens, WorkCounts};
use crate::results::{Outcome, PolicyResults, ProblemResult};

/// What a router with perfect foresight of one kind would do: about the best that a real one can come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ceiling {
    /// Its time as a share of the target's time for the same problems.
    pub share: Interval,
    /// Number of problems that the target alone solves.
    pub solved: usize,
    /// Number of those that are lost all the same.
    pub lost: usize,
}

/// What a problem takes with perfect foresight and by the target alone, in seconds.
struct Foreseen {
    best: f64,
    target: f64,
    is_solved: bool,
    is_lost: bool,
}

/// The ceiling of a router that knows of each step whether the target's would score better, at no cost: the oracle's decisions under the
/// cost model, without its scorer and without the steps that only it writes twice.
///
/// `trace` is a collection along the oracle `oracle:0` with its [outcomes](PairedTrace::with_outcomes), and `target` a run of the target alone
/// on the same problems. Problems that failed in either are left out.
///
/// # Errors
/// [`ReplayError::NoSharedProblem`] where no problem has an outcome in both.
pub fn step_ceiling(
    trace: &PairedTrace,
    target: &PolicyResults,
    seconds: &PairSeconds,
    bootstrap: &Bootstrap,
) -> Result<Ceiling, ReplayError> {
    let perfect = trace.clone().with_estimates(|_, pair| Some(if pair.advantage() > 0.0 { 1.0 } else { 0.0 }));
    let prediction = replay(&perfect, &Policy::Learned(Some(0.5)))?;
    let foreseen = |(solution, predicted): (&PairedSolution, &PredictedProblem)| {
        let alone = result_of(target, &solution.id)?;
        let (collected, alone_right) = (solution.outcome?.is_right()?, alone.outcome.is_right()?);
        Some(Foreseen {
            best: seconds.seconds(&predicted.work, prompts(solution)),
            target: seconds.seconds(&WorkCounts::of(&alone.usage, DecisionWork::Nothing), target_prompt(solution)),
            is_solved: alone_right,
            is_lost: alone_right && !collected,
        })
    };
    ceiling(perfect.problems.iter().zip(&prediction.problems).filter_map(foreseen).collect(), bootstrap)
}

/// The ceiling of a router that knows of each problem whether the draft alone solves it: by the measured times of both models' own runs. It
/// loses no problem, and needs neither labels nor a cost model.
///
/// # Errors
/// [`ReplayError::NoSharedProblem`] where no problem has an outcome in both.
pub fn problem_ceiling(
    draft: &PolicyResults,
    target: &PolicyResults,
    bootstrap: &Bootstrap,
) -> Result<Ceiling, ReplayError> {
    let foreseen = |drafted: &ProblemResult| {
        let alone = result_of(target, &drafted.id)?;
        let (is_drafted, is_solved) = (drafted.outcome.is_right()?, alone.outcome.is_right()?);
        let (draft, target) = (drafted.timed_seconds()?, alone.timed_seconds()?);
        let best = if is_drafted { draft.min(target) } else { target };
        Some(Foreseen { best, target, is_solved, is_lost: false })
    };
    ceiling(draft.problems().iter().filter_map(foreseen).collect(), bootstrap)
}

fn ceiling(problems: Vec<Foreseen>, bootstrap: &Bootstrap) -> Result<Ceiling, ReplayError> {
    let share = |weights: &[u32]| {
        let sum = |seconds: fn(&Foreseen) -> f64| {
            problems.iter().zip(weights).map(|(problem, weight)| f64::from(*weight) * seconds(problem)).sum::<f64>()
        };
        Some(sum(|problem| problem.best) / sum(|problem| problem.target)).filter(|share| share.is_finite())
    };
    let share = bootstrap.interval(&Clusters::new(0..problems.len()), share).ok_or(ReplayError::NoSharedProblem)?;
    let count = |is: fn(&Foreseen) -> bool| problems.iter().filter(|problem| is(problem)).count();
    Ok(Ceiling { share, solved: count(|problem| problem.is_solved), lost: count(|problem| problem.is_lost) })
}

fn result_of<'r>(results: &'r PolicyResults, id: &str) -> Option<&'r ProblemResult> {
    let index = results.problems().binary_search_by(|result| result.id.as_str().cmp(id)).ok()?;
    Some(&results.problems()[index]).filter(|result| result.outcome != Outcome::Errored)
}

/// The prompts that the two models read under the oracle's decisions: the target is asked only if a step is escalated.
fn prompts(solution: &PairedSolution) -> PromptTokens {
    let is_asked = solution.pairs.iter().any(|pair| pair.advantage() > 0.0);
    let draft = solution.pairs.first().map_or(0.0, |pair| pair.draft.context as f64);
    PromptTokens { draft, target: if is_asked { target_prompt(solution).target } else { 0.0 } }
}

fn target_prompt(solution: &PairedSolution) -> PromptTokens {
    let tokens = |pair: &StepPair| pair.target.context as f64;
    PromptTokens { draft: 0.0, target: solution.pairs.first().map_or(0.0, tokens) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{graded, paired_trace, trace};
    use super::*;
    use crate::cost::{PassSeconds, test_pair_seconds};
    use crate::metrics::testing::results;
    use arbitrage_core::router::AlwaysTarget;
    use proptest::prelude::*;

    fn bootstrap() -> Bootstrap {
        Bootstrap::new(50, 0.95).unwrap()
    }

    #[test]
    fn a_perfect_router_pays_for_the_draft_and_for_what_it_escalates() {
        let paired = paired_trace("oracle:0", 40);
        let target = graded("target", &trace(AlwaysTarget, 40));
        let found = step_ceiling(&paired, &target, &test_pair_seconds(), &bootstrap()).unwrap();
        assert!(found.share.low <= found.share.value && found.share.value <= found.share.high, "{found:?}");
        assert!(found.lost <= found.solved && found.solved > 0, "{found:?}");
        // A draft that costs nothing leaves less than the target's own time, and one that is dearer than the target more.
        let free = PairSeconds { draft: PassSeconds::default(), ..test_pair_seconds() };
        let dear = PairSeconds { draft: PassSeconds { decoded: 2.0, read: 0.5, verified: 0.5 }, ..test_pair_seconds() };
        let [free, dear] = [free, dear].map(|seconds| step_ceiling(&paired, &target, &seconds, &bootstrap()).unwrap());
        assert!(free.share.value < found.share.value && found.share.value < dear.share.value && dear.share.value > 1.0);
        assert_eq!((free.solved, free.lost), (found.solved, found.lost), "outcomes do not depend on prices");
    }

    #[test]
    fn a_step_ceiling_needs_outcomes_of_the_same_problems() {
        let paired = paired_trace("oracle:0", 4);
        let other = results("target", None, &[]);
        let found = step_ceiling(&paired, &other, &test_pair_seconds(), &bootstrap());
        assert_eq!(found, Err(ReplayError::NoSharedProblem));
        assert_eq!(problem_ceiling(&other, &other, &bootstrap()), Err(ReplayError::NoSharedProblem));
    }

    #[test]
    fn a_problem_takes_the_drafts_time_where_that_loses_nothing() {
        let (right, wrong, failed) = (Some(true), Some(false), None);
        let draft = results("draft", None, &[(right, 1.0), (wrong, 1.0), (wrong, 1.0), (right, 9.0), (failed, 1.0)]);
        let target = results("target", None, &[(right, 4.0), (right, 4.0), (wrong, 4.0), (right, 4.0), (right, 4.0)]);
        let found = problem_ceiling(&draft, &target, &bootstrap()).unwrap();
        // Solved by the draft; by the target alone; by neither; by a draft that takes longer than the target.
        assert_eq!(found.share.value, (1.0 + 4.0 + 4.0 + 4.0) / 16.0);
        assert_eq!((found.solved, found.lost), (3, 0));
    }

    proptest! {
        /// Whatever the runs are, foresight takes no more than the target alone, and no less than the cheaper of both.
        #[test]
        fn foresight_never_costs_more(rows in prop::collection::vec((any::<bool>(), 0.1f64..9.0, any::<bool>(), 0.1f64..9.0), 1..30)) {
            let side = |first: bool| -> Vec<(Option<bool>, f64)> {
                rows.iter().map(|row| if first { (Some(row.0), row.1) } else { (Some(row.2), row.3) }).collect()
            };
            let found = problem_ceiling(&results("draft", None, &side(true)), &results("target", None, &side(false)), &bootstrap()).unwrap();
            let least: f64 = rows.iter().map(|row| row.1.min(row.3)).sum::<f64>() / rows.iter().map(|row| row.3).sum::<f64>();
            prop_assert!(found.share.value <= 1.0 + 1e-12 && found.share.value >= least - 1e-12);
            prop_assert_eq!(found.solved, rows.iter().filter(|row| row.2).count());
        }
    }
}
