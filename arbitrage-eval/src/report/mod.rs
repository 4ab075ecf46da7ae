//! The report of an evaluation: a page that needs nothing but itself, or Markdown. A pure function of the evaluation's log.
//!
//! An evaluation is a folder. For each benchmark and policy it holds a whole trace ([`arbitrage_core::trace`]) and a file of grades, a
//! row a problem: `id`, `verdict`, and optionally `gold`, `extracted`, `rule` and `profile`. [`Evaluation::read`] takes it in, and leaves
//! out, and tells, what is not graded or was cut off. [`html`] and [`markdown`] say the same figures, which are those of
//! [`metrics`](crate::metrics) and [`replay`](crate::replay); nothing is measured here. [`write()`] puts both into the folder.
//!
//! Everything that models, problems and file names say is data: it is made visible, escaped where it is written, and never
//! marked as safe. The page has no network, no outside file and no date: the same log gives the same bytes.

mod answer;
mod browser;
mod chart;
mod error;
mod evaluation;
mod figures;
mod number;
mod options;
mod page;
mod read;
mod render;
mod replayable;
mod run;
mod solution;
mod step_costs;
mod text;
mod write;

pub use answer::Answer;
pub use error::ReportError;
pub use evaluation::{Benchmark, Evaluation, LeftOut, Reason};
pub use options::Options;
pub use render::{html, markdown};
pub use run::Run;
pub use solution::{Solution, SolutionStep, Written};
pub use write::{Files, write};
