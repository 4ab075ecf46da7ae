//! The report of an evaluation, as a self-contained HTML page or as Markdown. It is a pure function of the evaluation's traces and grades.
//!
//! An evaluation is a folder. For each benchmark and policy it has a whole trace ([`arbitrage_core::trace`]) and a file of grades
//! ([`Grades`](crate::results::Grades)). [`EvaluationRuns::read`] reads it, and lists traces that are incomplete or not graded as skipped.
//! [`html`] and [`markdown`] show the same figures, which come from [`metrics`](crate::metrics) and [`replay`](crate::replay). [`write()`]
//! writes both into the folder.
//!
//! Texts of models, problems and file names are untrusted: control characters are made visible, everything is escaped where it is written,
//! and nothing is marked as safe. The page uses no network, no other file and no date, so that the same evaluation gives the same bytes.

mod browser;
mod chart;
mod error;
mod evaluation;
mod figures;
mod number;
mod page;
mod payoff_map;
mod policy_run;
mod read;
mod render;
mod replayable;
mod settings;
mod solution;
mod stats;
mod step_costs;
mod table;
mod text;
mod write;

pub use error::ReportError;
pub use evaluation::{BenchmarkRuns, Collection, EvaluationRuns, SkipReason, SkippedTrace};
pub use payoff_map::{PairPoint, payoff_map};
pub use policy_run::PolicyRun;
pub use render::{html, markdown};
pub use settings::ReportSettings;
pub use solution::{CandidateText, SolutionView, StepText, StepView};
pub use write::{ReportFiles, write};
