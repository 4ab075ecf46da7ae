//! A prediction against a real run.

use std::fmt;

use arbitrage_core::Usage;
use serde::{Deserialize, Serialize};

use super::{Predicted, Prediction, ReplayError};
use crate::cost::{Hardware, Reuse, Work};
use crate::metrics::Waste;
use crate::results::{PolicyResults, ProblemResult};

/// What a replay said and what a run of the policy did, on the problems that both have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// The policy, with its threshold.
    pub policy: String,
    /// Problems that both have.
    pub problems: usize,
    /// Problems that but one of them has, or that failed in the run.
    pub left_out: usize,
    /// Figure by figure.
    pub differences: Vec<Difference>,
}

/// One figure, replayed and real. `None` where it does not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// Which figure.
    pub figure: String,
    /// As replayed.
    pub replayed: Option<f64>,
    /// As in the run.
    pub run: Option<f64>,
}

impl Difference {
    /// The replay's error: replayed less real.
    pub fn error(&self) -> Option<f64> {
        Some(self.replayed? - self.run?)
    }
}

/// Holds a prediction against a run of the same policy. Both are priced on `hardware`, so that the seconds differ by what the replay
/// gets wrong and not by what else ran on the machine.
///
/// # Errors
/// [`ReplayError::Apart`] where they share no problem.
pub fn check(
    prediction: &Prediction,
    run: &PolicyResults,
    (hardware, reuse): (&Hardware, Reuse),
) -> Result<Check, ReplayError> {
    let ended: Vec<&ProblemResult> = run.problems().iter().filter(|problem| problem.stop.is_some()).collect();
    let result = |problem: &Predicted| {
        let place = ended.binary_search_by(|result| result.id.cmp(&problem.id)).ok()?;
        Some((problem.clone(), ended[place]))
    };
    let (problems, results): (Vec<Predicted>, Vec<&ProblemResult>) =
        prediction.problems.iter().filter_map(result).unzip();
    if problems.is_empty() {
        return Err(ReplayError::Apart);
    }
    let shared = problems.len();
    let replayed = Figures::replayed(&Prediction { policy: prediction.policy, problems }, hardware, reuse);
    let real = Figures::real(&results, prediction, hardware, reuse);
    Ok(Check {
        policy: prediction.policy.to_string(),
        problems: shared,
        left_out: prediction.problems.len() + run.problems().len() - 2 * shared,
        differences: FIGURES
            .iter()
            .zip(replayed.0.into_iter().zip(real.0))
            .map(|(figure, (replayed, run))| Difference { figure: (*figure).to_owned(), replayed, run })
            .collect(),
    })
}

/// What is compared.
const FIGURES: [&str; 8] = [
    "acceptance by steps",
    "acceptance by tokens",
    "waste of calls",
    "steps a problem",
    "seconds a problem",
    "tokens decoded by the target",
    "tokens read by the target",
    "accuracy",
];

/// In the order of [`FIGURES`].
struct Figures([Option<f64>; FIGURES.len()]);

impl Figures {
    fn replayed(of: &Prediction, hardware: &Hardware, reuse: Reuse) -> Self {
        let mean = |figure: &dyn Fn(&Predicted) -> f64| Some(of.sum(figure) / of.problems.len() as f64);
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
            Some(hardware.seconds(&Work::of(&usage, (&of.policy).into()), reuse) / count),
            Some(usage.target.decoded as f64 / count),
            Some(usage.target.prefilled as f64 / count),
            (!right.is_empty()).then_some(accuracy),
        ])
    }
}

impl fmt::Display for Check {
    /// A table in Markdown: a row a figure, with replayed, real, and their difference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.4}"));
        let signed = |error: Option<f64>| error.map_or_else(|| "–".to_owned(), |error| format!("{error:+.4}"));
        writeln!(f, "{} on {} problems, {} left out\n", self.policy, self.problems, self.left_out)?;
        writeln!(f, "| figure | replayed | run | error |\n|---|---|---|---|")?;
        for difference in &self.differences {
            let Difference { figure, replayed, run } = difference;
            writeln!(f, "| {figure} | {} | {} | {} |", shown(*replayed), shown(*run), signed(difference.error()))?;
        }
        Ok(())
    }
}
