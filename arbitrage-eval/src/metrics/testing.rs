//! Results for tests.

use arbitrage_core::{Stop, Usage};

use crate::results::{Outcome, PolicyResults, ProblemResult};

/// The result of a problem that ended after so many seconds.
pub(crate) fn result(id: &str, right: Option<bool>, seconds: f64) -> ProblemResult {
    let text = format!(
        r#"{{"id": "{id}", "outcome": "right", "usage": {}, "seconds": {seconds}}}"#,
        serde_json::to_string(&Usage::default()).unwrap()
    );
    let mut result: ProblemResult = serde_json::from_str(&text).unwrap();
    result.stop = Some(Stop::EndOfText);
    result.outcome = match right {
        Some(true) => Outcome::Right,
        Some(false) => Outcome::Wrong,
        None => Outcome::Errored,
    };
    result
}

/// A policy's results on problems `000`, `001` and so on.
pub(crate) fn results(policy: &str, tau: Option<f32>, rows: &[(Option<bool>, f64)]) -> PolicyResults {
    let problems = rows.iter().enumerate().map(|(at, (right, seconds))| result(&format!("{at:03}"), *right, *seconds));
    PolicyResults::new("tables", policy, tau, problems.collect()).unwrap()
}
