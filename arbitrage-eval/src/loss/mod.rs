//! Chooses a threshold of which it is shown how many of the target's solutions are lost at most, by paired runs: the target alone and a
//! router at several thresholds, on the same problems.
//!
//! | item | what it is |
//! |---|---|
//! | [`PairedRuns`] | runs that were made before, checked to be comparable |
//! | [`LossHarness`] | makes the runs that are needed, one threshold after the other, and resumes them |
//! | [`LossCalibration`] | what the runs show: lost problems at each threshold, and the verdict |
//! | [`SplitCheck`] | how often promises are broken over random divisions of the problems into two parts |
//!
//! The statistics are in [`arbitrage_router::calibrate`]: a [`LossTest`](arbitrage_router::calibrate::LossTest) of each threshold in a
//! [`FixedSequence`](arbitrage_router::calibrate::FixedSequence). Problems on which a run failed count neither as solved nor as lost.

mod calibration;
mod copied;
mod error;
mod harness;
mod paired_runs;
mod solved_run;
mod splits;
mod tau_grid;

pub use calibration::{LossCalibration, LossPoint, TargetShare};
pub use error::LossError;
pub use harness::{LossHarness, LossRun, LossWatcher};
pub use paired_runs::PairedRuns;
pub use solved_run::SolvedRun;
pub use splits::{SplitCheck, SplitPlan};
pub use tau_grid::TauGrid;

#[cfg(test)]
mod tests;
