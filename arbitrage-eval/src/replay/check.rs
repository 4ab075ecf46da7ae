//! Compares a prediction with a real run.

use std::fmt;

use arbitrage_core::Usage;
use serde::{Deserialize, Serialize};

use super::{PredictedProblem, Prediction, ReplayError};
use crate::cost::{Hardware, Reuse, WorkCounts};
use crate::metrics::Waste;
use crate::results::{PolicyResults, ProblemResult};

/// A replay compared with a run of the same policy, on the problems that both have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplayCheck {
    /// The policy, with its threshold.
    pub policy: String,
    /// Number of problems that both have.
    pub problems: usize,
    /// Number of problems that only one of them has, or that failed in the run.
    #[serde(alias = "left_out")]
    pub excluded: usize,
    /// The figures of both.
    pub differences: Vec<FigureDifference>,
}

/// One figure of the replay and of the run; `None` where it does not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FigureDifference {
    /// Name of the figure.
    pub figure: String,
    /// Its value in the replay.
    pub replayed: Option<f64>,
    /// Its value in the run.
    pub run: Option<f64>,
}

impl FigureDifference {
    /// The replay's error: its value minus that of the run.
    pub fn error(&self) -> Option<f64> {
        Some(self.replayed? - self.run?)
    }
}

/// Compares a prediction with a run of the same policy. Both are priced on `hardware`, so that differences in seconds are errors of the
/// replay and not of the measurement.
///
/// # Errors
/// [`ReplayError::NoSharedProblem`] where they have no problem in common.
pub fn check(
    prediction: &Prediction,
    run: &PolicyResults,
    hardware: &Hardware,
    reuse: Reuse,
) -> Result<ReplayCheck, ReplayError> {
    let ended: Vec<&ProblemResult> = run.problems().iter().filter(|problem| problem.stop.is_some()).collect();
    let result = |problem: &PredictedProblem| {
        let index = ended.binary_search_by(|result| result.id.cmp(&problem.id)).ok()?;
        Some((problem.clone(), ended[index]))
    };
    let (problems, results): (Vec<PredictedProblem>, Vec<&ProblemResult>) =
        prediction.problems.iter().filter_map(result).unzip();
    if problems.is_empty() {
        return Err(ReplayError::NoSharedProblem);
    }
    let shared = problems.len();
    let replayed = CheckFigures::replayed(&Prediction { policy: prediction.policy, problems }, hardware, reuse);
    let real = CheckFigures::real(&results, prediction, hardware, reuse);
    Ok(ReplayCheck {
        policy: prediction.policy.to_string(),
        problems: shared,
        excluded: prediction.problems.len() + run.problems().len() - 2 * shared,
        differences: FIGURES
            .iter()
            .zip(replayed.0.into_iter().zip(real.0))
            .map(|(figure, (replayed, run))| FigureDifference { figure: (*figure).to_owned(), replayed, run })
            .collect(),
    })
}

/// The figures that are compared.
const FIGURES: [&str; 8] = [
    "acceptance by steps",
    "acceptance by tokens",
    "waste of calls",
    "steps per problem",
    "seconds per problem",
    "tokens decoded by the target",
    "tokens read by the target",
    "accuracy",
];

/// In the order of [`FIGURES`].
struct CheckFigures([Option<f64>; FIGURES.len()]);

impl CheckFigures {
    fn replayed(of: &Prediction, hardware: &Hardware, reuse: Reuse) -> Self {
        let mean = |figure: &dyn Fn(&PredictedProblem) -> f64| Some(of.sum(figure) / of.problems.len() as f64);
        Self([
            of.acceptance_by_steps(),
            of.acceptance_by_tokens(),
            of.waste().and_then(|waste| waste.of_calls),
            mean(&|problem| problem.steps as f64),
            of.seconds(hardware, reuse),
            mean(&|problem| problem.work.target.decoded),
            mean(&|problem| problem.work.target.prefilled),
            of.accuracy(),
        ])
    }

    fn real(results: &[&ProblemResult], of: &Prediction, hardware: &Hardware, reuse: Reuse) -> Self {
        let usage: Usage = results.iter().map(|result| result.usage).sum();
        let count = results.len() as f64;
        let right: Vec<bool> = results.iter().filter_map(|result| result.outcome.is_right()).collect();
        let accuracy = right.iter().filter(|right| **right).count() as f64 / right.len() as f64;
        Self([
            usage.acceptance_by_steps(),
            usage.acceptance_by_tokens(),
            Waste::of_usage(&usage).and_then(|waste| waste.of_calls),
            Some((usage.accepted_steps + usage.escalated_steps) as f64 / count),
            Some(hardware.seconds(&WorkCounts::of(&usage, (&of.policy.policy).into()), reuse) / count),
            Some(usage.target.decoded as f64 / count),
            Some(usage.target.prefilled as f64 / count),
            (!right.is_empty()).then_some(accuracy),
        ])
    }
}

impl fmt::Display for ReplayCheck {
    /// A Markdown table with one row per figure: its values in the replay and in the run, and their difference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.4}"));
        let signed = |error: Option<f64>| error.map_or_else(|| "–".to_owned(), |error| format!("{error:+.4}"));
        writeln!(f, "{} on {} problems, {} excluded\n", self.policy, self.problems, self.excluded)?;
        writeln!(f, "| figure | replayed | run | error |\n|---|---|---|---|")?;
        for difference in &self.differences {
            let FigureDifference { figure, replayed, run } = difference;
            writeln!(f, "| {figure} | {} | {} | {} |", shown(*replayed), shown(*run), signed(difference.error()))?;
        }
        Ok(())
    }
}
