//! The target's run and runs of a router at several thresholds, on the same problems.

use std::cmp::Ordering;
use std::path::Path;

use arbitrage_core::json::differences;
use arbitrage_core::router::{Side, ThresholdRule};
use arbitrage_core::trace::RunRecord;
use arbitrage_router::Policy;
use arbitrage_router::calibrate::{FixedSequence, LossTest};
use serde_json::{Value, json};

use super::{LossCalibration, LossError, LossPoint, SolvedRun};
use crate::gold::Gold;
use crate::results::Outcome;

/// Runs on the same problems, by the same models under the same settings: one of the target alone, and one of a policy at each of several
/// thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedRuns {
    target: SolvedRun,
    /// From the safest threshold, with the most escalations, to the cheapest.
    pairs: Vec<ThresholdRun>,
}

/// A run at a threshold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ThresholdRun {
    /// The threshold.
    pub tau: f32,
    /// The run.
    pub run: SolvedRun,
}

impl PairedRuns {
    /// Reads traces in any order and checks that they may be compared. Solutions that are not graded yet are graded by `gold`.
    ///
    /// # Errors
    /// [`LossError`], naming file and field: for runs of other models, settings, problems or routers, for thresholds that occur twice,
    /// and where there is not exactly one run of the target.
    pub fn read<P: AsRef<Path>>(paths: &[P], gold: &Gold) -> Result<Self, LossError> {
        let runs = paths.iter().map(|path| SolvedRun::read(path.as_ref(), gold)).collect::<Result<Vec<_>, _>>()?;
        Self::new(runs)
    }

    /// Runs that were read before, in any order.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn new(runs: Vec<SolvedRun>) -> Result<Self, LossError> {
        let (targets, routed): (Vec<_>, Vec<_>) =
            runs.into_iter().partition(|run| run.policy_name() == Policy::Target.name());
        let found = format!("{} of the target and {} others", targets.len(), routed.len());
        let [target] = <[SolvedRun; 1]>::try_from(targets).map_err(|_| LossError::Runs { found: found.clone() })?;
        let Some(first) = routed.first().cloned() else { return Err(LossError::Runs { found }) };
        let rule = first.rule().ok_or_else(|| no_threshold(&first))?;
        let mut pairs = Vec::with_capacity(routed.len());
        for run in routed {
            check_same(&target, &run, pair_settings)?;
            check_same(&first, &run, router_settings)?;
            check_problems(&target, &run)?;
            pairs.push(ThresholdRun { tau: run.tau().ok_or_else(|| no_threshold(&run))?, run });
        }
        pairs.sort_by(|one, other| safest_first(&rule, one.tau, other.tau));
        if let Some([one, other]) = pairs.array_windows().find(|[one, other]| one.tau == other.tau) {
            let expected = format!("another threshold than that of {}", one.run.path.display());
            return Err(LossError::field(&other.run.path, "notes.policy", expected, &other.run.results.policy));
        }
        Ok(Self { target, pairs })
    }

    /// The target's run.
    pub fn target(&self) -> &SolvedRun {
        &self.target
    }

    /// The runs with thresholds, from the safest threshold to the cheapest.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = &SolvedRun> {
        self.pairs.iter().map(|pair| &pair.run)
    }

    pub(super) fn threshold_runs(&self) -> &[ThresholdRun] {
        &self.pairs
    }

    /// Tests the thresholds from the safest on, up to the first of which nothing is shown. They have to have been chosen without the
    /// outcomes of these problems.
    pub fn calibrate(&self, test: LossTest) -> LossCalibration {
        let mut sequence = FixedSequence::new(test);
        let points = self.pairs.iter().map(|pair| {
            let point = LossPoint::new(test, pair.tau, &self.target.results, &pair.run.results);
            let _ = sequence.push(pair.tau, point.tested.counts);
            point
        });
        let points = points.collect();
        let count =
            |outcome| self.target.results.problems().iter().filter(|problem| problem.outcome == outcome).count();
        LossCalibration {
            loss: test.loss(),
            confidence: test.confidence(),
            solved_by_target: count(Outcome::Right),
            unsolved_by_target: count(Outcome::Wrong),
            points,
            verdict: sequence.verdict(),
        }
    }
}

/// The order of two thresholds of a rule: the one that escalates more comes first.
pub(super) fn safest_first(rule: &ThresholdRule, one: f32, other: f32) -> Ordering {
    match rule.side {
        Side::Above | Side::AtOrAbove => one.total_cmp(&other),
        Side::Below | Side::AtOrBelow => other.total_cmp(&one),
    }
}

fn no_threshold(run: &SolvedRun) -> LossError {
    LossError::field(&run.path, "notes.policy", "a policy with a threshold", &run.results.policy)
}

/// Settings that the runs of pair and target have in common.
fn pair_settings(record: &RunRecord) -> Value {
    let notes = &record.notes;
    json!({
        "drafter": record.drafter,
        "verifier": record.verifier,
        "limits": record.limits.with_in_flight(1),
        "notes": {
            "backends": notes.backends,
            "problems": notes.problems,
            "sampling": notes.sampling,
            "segmenter": notes.segmenter,
            "system": notes.system,
            "target": notes.target,
        },
    })
}

/// What the runs of one router have in common at all thresholds.
fn router_settings(record: &RunRecord) -> Value {
    let policy = record.notes.policy.as_ref().unwrap_or(&record.router);
    let notes = &record.notes;
    json!({ "notes": { "policy": Policy::split(policy).0, "router": notes.router, "scorer": notes.scorer } })
}

fn check_same(one: &SolvedRun, other: &SolvedRun, settings: fn(&RunRecord) -> Value) -> Result<(), LossError> {
    match differences(&settings(&one.record), &settings(&other.record)).into_iter().next() {
        Some(difference) => {
            let expected = format!("{} as in {}", difference.first, one.path.display());
            Err(LossError::field(&other.path, difference.path, expected, difference.second))
        }
        None => Ok(()),
    }
}

/// Refuses runs of different problems. Records name the problems by a digest, but need not.
fn check_problems(target: &SolvedRun, run: &SolvedRun) -> Result<(), LossError> {
    let lacks = |one: &SolvedRun, other: &SolvedRun| {
        let ids: Vec<&str> = other.results.problems().iter().map(|problem| problem.id.as_str()).collect();
        let is_missing = |id: &&str| ids.binary_search(id).is_err();
        let id = one.results.problems().iter().map(|problem| problem.id.as_str()).find(is_missing)?.to_owned();
        Some(LossError::Problem { path: other.path.clone(), other: one.path.clone(), id })
    };
    lacks(target, run).or_else(|| lacks(run, target)).map_or(Ok(()), Err)
}
