//! A complete run with its results.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arbitrage_core::router::ThresholdRule;
use arbitrage_core::trace::{RunRecord, Trace};
use arbitrage_router::Policy;
use arbitrage_router::calibrate::PromiseConditions;

use super::LossError;
use crate::gold::Gold;
use crate::harness::{HarnessError, grade};
use crate::results::{Grades, Outcome, PolicyResults, problem_results};

/// A complete run of one policy: its record, and how each problem came out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SolvedRun {
    /// The trace.
    pub path: PathBuf,
    /// Models, limits and notes.
    pub record: RunRecord,
    /// The results, by problem.
    pub results: PolicyResults,
}

impl SolvedRun {
    /// Reads a trace of `run` or `eval`. Its solutions are graded by the file of grades next to it if there is one, and else by `gold`.
    ///
    /// # Errors
    /// [`LossError`], naming the file, for a trace that cannot be read, has no run record, is not complete, or cannot be graded.
    pub fn read(path: &Path, gold: &Gold) -> Result<Self, LossError> {
        let trace = Trace::read(path).map_err(|source| LossError::Trace { path: path.to_owned(), source })?;
        let differences = trace.differences();
        if !differences.is_empty() {
            let (path, differences) = (path.to_owned(), differences.join("; "));
            return Err(HarnessError::AnotherRun { path, differences }.into());
        }
        let record =
            trace.run.clone().ok_or_else(|| LossError::field(path, "run", "a record of models and policy", "none"))?;
        let ended = trace.trajectories.values().filter(|trajectory| trajectory.final_end().is_some()).count();
        let noted = record.notes.problems.as_ref().map_or(0, |problems| problems.count);
        let expected = noted.max(trace.trajectories.len());
        if ended < expected || ended == 0 {
            return Err(LossError::Incomplete { path: path.to_owned(), ended, expected });
        }
        let results = |source| LossError::Results { path: path.to_owned(), source };
        let problems = problem_results(&trace, &grades(path, &trace, gold)?, 0).map_err(results)?.problems;
        if problems.iter().all(|problem| problem.outcome == Outcome::Errored) {
            return Err(LossError::NoAnswers { path: path.to_owned() });
        }
        let results = PolicyResults::new("", policy_text(&record), None, problems).map_err(results)?;
        Ok(Self { path: path.to_owned(), record, results })
    }

    /// The policy's name without its threshold.
    pub fn policy_name(&self) -> &str {
        Policy::split(&self.results.policy).0
    }

    /// What the policy compares with its threshold; `None` for a policy without one, and for one that is not registered here.
    pub fn rule(&self) -> Option<ThresholdRule> {
        self.results.policy.parse::<Policy>().ok()?.rule()
    }

    /// The threshold: of the policy, or else of the router's name, since a trained router may be run with the threshold of its card.
    pub fn tau(&self) -> Option<f32> {
        let in_name = || self.record.router.split_once("τ=")?.1.split([',', ')']).next()?.parse().ok();
        Policy::split(&self.results.policy).1.or_else(in_name).filter(|tau: &f32| !tau.is_nan())
    }

    /// The settings under which what the run shows holds.
    pub fn conditions(&self) -> PromiseConditions {
        let RunRecord { limits, notes, drafter, verifier, .. } = &self.record;
        PromiseConditions::new(*limits, notes, &drafter.name, notes.target.as_deref().unwrap_or(&verifier.name))
    }
}

fn policy_text(record: &RunRecord) -> String {
    record.notes.policy.as_ref().unwrap_or(&record.router).clone()
}

/// The grades next to the trace, or those by `gold`.
fn grades(path: &Path, trace: &Trace, gold: &Gold) -> Result<Grades, LossError> {
    let grades_path = path.with_extension("grades.jsonl");
    if !grades_path.is_file() {
        return Ok(Grades::new(grade(trace, gold)));
    }
    let file = File::open(&grades_path).map_err(|source| HarnessError::io(&grades_path, source))?;
    Ok(Grades::read(&grades_path, BufReader::new(file))?)
}
