//! What was collected.

use arbitrage_core::scorer::Reading;
use arbitrage_core::trace::Record;
use arbitrage_router::labels::{Trajectory, trajectories};

use super::{Place, ReplayError};
use crate::results::{Outcome, PolicyResults};

/// Solutions of which both models' steps are known at each place, with both scores.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dump {
    /// The problems, by id, each with at least one place.
    pub problems: Vec<Collected>,
    /// Problems that were left out: they did not end or failed, or a place of theirs lacks a step or a score.
    pub left_out: usize,
    /// The score of a step that is surely right.
    pub greatest: f32,
}

/// One collected solution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Collected {
    /// The problem's id.
    pub id: String,
    /// How it came out; `None` where the collection was not graded.
    pub outcome: Option<Outcome>,
    /// Its places, in order.
    pub places: Vec<Place>,
}

impl Dump {
    /// The whole solutions of a trace. Where no guess is on record, all of each draft is supposed to have been one, which came true as
    /// far as the target's step begins with it. Scores are from 0 to 1, or to 9 where the trace says that a
    /// [judge](arbitrage_core::scorer::Judge) gave them.
    ///
    /// # Errors
    /// As for [`with_greatest`](Self::with_greatest).
    pub fn new(records: &[Record]) -> Result<Self, ReplayError> {
        Self::with_greatest(records, greatest(records))
    }

    /// The same for scores from 0 to `greatest`, whose unit thresholds are in, too.
    ///
    /// # Errors
    /// [`ReplayError::Trace`] where an id stands for two questions, [`ReplayError::Score`] for scores outside [0, `greatest`], and
    /// [`ReplayError::Empty`] without a whole solution.
    pub fn with_greatest(records: &[Record], greatest: f32) -> Result<Self, ReplayError> {
        let (trajectories, _) = trajectories(records.iter().cloned())?;
        let all = trajectories.len();
        let collected = |(id, trajectory): (String, Trajectory)| {
            Some(Collected { id, outcome: None, places: places(&trajectory)? })
        };
        let mut problems: Vec<Collected> = trajectories.into_iter().filter_map(collected).collect();
        problems.iter().try_for_each(|problem| check(problem, greatest))?;
        suppose_guesses(&mut problems);
        match problems.len() {
            0 => Err(ReplayError::Empty { problems: all }),
            kept => Ok(Self { problems, left_out: all - kept, greatest }),
        }
    }

    /// Adds how the collected solutions came out, from the results of the same trace. Accuracies are known with it alone.
    ///
    /// # Errors
    /// [`ReplayError::Ungraded`] for a problem without a result.
    pub fn with_outcomes(mut self, results: &PolicyResults) -> Result<Self, ReplayError> {
        for problem in &mut self.problems {
            let place = results.problems().binary_search_by(|result| result.id.cmp(&problem.id));
            let ungraded = |_| ReplayError::Ungraded { problem: problem.id.clone() };
            problem.outcome = Some(results.problems()[place.map_err(ungraded)?].outcome);
        }
        Ok(self)
    }

    /// Adds a trained router's estimate to each place, as `estimate` knows it by the problem's id. What the collecting policy estimated
    /// stands in [`Place::recorded`].
    pub fn with_estimates(mut self, mut estimate: impl FnMut(&str, &Place) -> Option<f32>) -> Self {
        for problem in &mut self.problems {
            for place in &mut problem.places {
                place.estimate = estimate(&problem.id, place);
            }
        }
        self
    }

    /// Adds to each place what another scorer says of the draft, by which RSD then decides; accuracies and advantages stay those of the
    /// collection's own scores.
    pub fn with_scores(mut self, mut score: impl FnMut(&str, &Place) -> Option<f32>) -> Self {
        for problem in &mut self.problems {
            for place in &mut problem.places {
                place.judged = score(&problem.id, place);
            }
        }
        self
    }

    /// All places, each with its problem's id.
    pub fn places(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.problems.iter().flat_map(|problem| problem.places.iter().map(|place| (problem.id.as_str(), place)))
    }
}

/// The places of a whole solution. One whose text is not that of its steps had its end written before some of them, by an earlier run.
fn places(trajectory: &Trajectory) -> Option<Vec<Place>> {
    let end = trajectory.end.as_ref().filter(|end| end.stop.is_some())?;
    let text: String = trajectory.steps.values().filter_map(|record| Some(record.step()?.text.as_str())).collect();
    let in_order = trajectory.steps.keys().copied().eq(0..trajectory.steps.len());
    let is_whole = !trajectory.steps.is_empty() && in_order && text == end.text;
    if is_whole { trajectory.steps.values().map(Place::new).collect() } else { None }
}

fn suppose_guesses(problems: &mut [Collected]) {
    let places = || problems.iter().flat_map(|problem| &problem.places);
    if places().any(|place| place.target.guessed > 0) {
        return;
    }
    for place in problems.iter_mut().flat_map(|problem| &mut problem.places) {
        (place.target.guessed, place.target.confirmed) = (place.draft.tokens, place.shared);
    }
}

/// The greatest score that the trace's scorer gives.
fn greatest(records: &[Record]) -> f32 {
    let judged = |record: &Record| matches!(record, Record::Run(run) if run.notes["scorer"] == "judge");
    if records.iter().any(judged) { Reading::RANGE.1 } else { 1.0 }
}

fn check(problem: &Collected, greatest: f32) -> Result<(), ReplayError> {
    let scores =
        problem.places.iter().flat_map(|place| [(place.index, place.draft.score), (place.index, place.target.score)]);
    match { scores }.find(|(_, score)| !(0.0..=greatest).contains(score)) {
        Some((step, found)) => Err(ReplayError::Score { problem: problem.id.clone(), step, greatest, found }),
        None => Ok(()),
    }
}
