//! Solutions with both models' steps.

use arbitrage_core::scorer::ScoreReadout;
use arbitrage_core::trace::{ScorerNote, Trace, Trajectory};

use super::{ReplayError, StepPair};
use crate::results::{Outcome, PolicyResults};

/// Solutions in which both models wrote every step and both steps were scored.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PairedTrace {
    /// The problems, by id, each with at least one step.
    pub problems: Vec<PairedSolution>,
    /// Number of problems that cannot be replayed: they failed or did not end, or one of their steps lacks a model's text or a score.
    pub excluded: usize,
    /// The highest score that the collection's scorer gives.
    pub max_score: f32,
}

/// One collected solution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PairedSolution {
    /// The problem's id.
    pub id: String,
    /// How it came out; `None` where the collection was not graded.
    pub outcome: Option<Outcome>,
    /// Its steps, in order.
    pub pairs: Vec<StepPair>,
}

impl PairedTrace {
    /// The whole solutions of a trace. Scores are taken to be from 0 to 1, or to 9 where the trace says that a
    /// [judge](arbitrage_core::scorer::Judge) gave them.
    ///
    /// Where the trace has no speculative tokens, every draft is taken to have been verified by the target, and confirmed as far as the
    /// target's step begins with it.
    ///
    /// # Errors
    /// As for [`with_max_score`](Self::with_max_score).
    pub fn new(trace: &Trace) -> Result<Self, ReplayError> {
        Self::with_max_score(trace, max_score(trace))
    }

    /// [`new`](Self::new) for scores from 0 to `max_score`. Thresholds are in the same unit.
    ///
    /// # Errors
    /// [`ReplayError::Score`] for scores outside [0, `max_score`], and [`ReplayError::Empty`] without a whole solution.
    pub fn with_max_score(trace: &Trace, max_score: f32) -> Result<Self, ReplayError> {
        let all = trace.trajectories.len();
        let solution = |(id, trajectory): (&String, &Trajectory)| {
            Some(PairedSolution { id: id.clone(), outcome: None, pairs: pairs(trajectory)? })
        };
        let mut problems: Vec<PairedSolution> = trace.trajectories.iter().filter_map(solution).collect();
        problems.iter().try_for_each(|problem| check_scores(problem, max_score))?;
        assume_speculation(&mut problems);
        match problems.len() {
            0 => Err(ReplayError::Empty { problems: all }),
            usable => Ok(Self { problems, excluded: all - usable, max_score }),
        }
    }

    /// Adds the outcomes of the collected solutions, from the results of the same trace. Accuracies are only predicted with them.
    ///
    /// # Errors
    /// [`ReplayError::Ungraded`] for a problem without a result.
    pub fn with_outcomes(mut self, results: &PolicyResults) -> Result<Self, ReplayError> {
        for problem in &mut self.problems {
            let index = results.problems().binary_search_by(|result| result.id.cmp(&problem.id));
            let ungraded = |_| ReplayError::Ungraded { problem: problem.id.clone() };
            problem.outcome = Some(results.problems()[index.map_err(ungraded)?].outcome);
        }
        Ok(self)
    }

    /// As [`with_outcomes`](Self::with_outcomes), without the outcomes of problems that have no result.
    pub(crate) fn with_known_outcomes(mut self, results: &PolicyResults) -> Self {
        for problem in &mut self.problems {
            let index = results.problems().binary_search_by(|result| result.id.cmp(&problem.id));
            problem.outcome = index.ok().map(|index| results.problems()[index].outcome);
        }
        self
    }

    /// Sets a trained router's estimate of each step; `estimate` gets the problem's id and the step. The estimates of the policy that was
    /// collected are in [`StepPair::recorded`].
    pub fn with_estimates(mut self, mut estimate: impl FnMut(&str, &StepPair) -> Option<f32>) -> Self {
        for problem in &mut self.problems {
            for pair in &mut problem.pairs {
                pair.estimate = estimate(&problem.id, pair);
            }
        }
        self
    }

    /// Sets the scores of the drafts by which RSD decides, where its scorer is not the one of the collection. Accuracies and advantages
    /// still use the collection's scores.
    pub fn with_rsd_scores(mut self, mut score: impl FnMut(&str, &StepPair) -> Option<f32>) -> Self {
        for problem in &mut self.problems {
            for pair in &mut problem.pairs {
                pair.rsd_score = score(&problem.id, pair);
            }
        }
        self
    }

    /// All steps, each with its problem's id.
    pub fn step_pairs(&self) -> impl Iterator<Item = (&str, &StepPair)> {
        self.problems.iter().flat_map(|problem| problem.pairs.iter().map(|pair| (problem.id.as_str(), pair)))
    }
}

/// The steps of a whole solution. `None` also where the solution's text is not that of its steps: its end was then written by an earlier
/// run, before some of the steps were replaced.
fn pairs(trajectory: &Trajectory) -> Option<Vec<StepPair>> {
    let end = trajectory.end.as_ref().filter(|end| end.stop.is_some())?;
    let text: String = trajectory.steps.values().filter_map(|record| Some(record.step()?.text.as_str())).collect();
    let in_order = trajectory.steps.keys().copied().eq(0..trajectory.steps.len());
    let is_whole = !trajectory.steps.is_empty() && in_order && text == end.text;
    if is_whole { trajectory.steps.values().map(StepPair::new).collect() } else { None }
}

fn assume_speculation(problems: &mut [PairedSolution]) {
    let pairs = || problems.iter().flat_map(|problem| &problem.pairs);
    if pairs().any(|pair| pair.target.guessed > 0) {
        return;
    }
    for pair in problems.iter_mut().flat_map(|problem| &mut problem.pairs) {
        (pair.target.guessed, pair.target.confirmed) = (pair.draft.tokens, pair.shared);
    }
}

/// The highest score that the trace's scorer gives.
fn max_score(trace: &Trace) -> f32 {
    let is_by_judge = trace.runs().any(|run| run.notes.scorer.as_ref().is_some_and(ScorerNote::is_judge));
    if is_by_judge { ScoreReadout::RANGE.1 } else { 1.0 }
}

fn check_scores(problem: &PairedSolution, max_score: f32) -> Result<(), ReplayError> {
    let scores =
        problem.pairs.iter().flat_map(|pair| [(pair.index, pair.draft.score), (pair.index, pair.target.score)]);
    match { scores }.find(|(_, score)| !(0.0..=max_score).contains(score)) {
        Some((step, found)) => Err(ReplayError::Score { problem: problem.id.clone(), step, max_score, found }),
        None => Ok(()),
    }
}
