//! The progress of a calibration on the terminal.

use arbitrage_core::trace::JsonlSink;
use arbitrage_core::{EngineError, Problem, Solution};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::loss::{LossPoint, LossRun, LossWatcher};

use crate::eval::RunProgress;
use crate::interrupt::UntilInterrupted;

/// A progress bar for each run, and a line for each threshold. A signal ends the calibration.
pub(super) struct CalibrationProgress<'g> {
    gold: &'g Gold,
    bar: Option<RunProgress<'g>>,
}

impl<'g> CalibrationProgress<'g> {
    /// No progress yet.
    pub(super) fn new(gold: &'g Gold) -> Self {
        Self { gold, bar: None }
    }

    /// Leaves the bar as it is.
    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
    }
}

impl LossWatcher for CalibrationProgress<'_> {
    type Sink = UntilInterrupted<JsonlSink>;

    fn sink(&mut self, file: JsonlSink) -> Self::Sink {
        UntilInterrupted(file)
    }

    fn begin(&mut self, run: &LossRun<'_>) {
        let title = match run.is_pilot {
            true => format!("{} (to find thresholds)", run.policy),
            false => run.policy.to_string(),
        };
        self.bar = Some(RunProgress::new(title, self.gold, run.done, run.problems));
    }

    fn solved(&mut self, problem: &Problem, solution: Result<&Solution, &EngineError>) {
        if let Some(bar) = &mut self.bar {
            bar.add(problem, solution);
        }
    }

    fn end(&mut self, tested: Option<(&LossPoint, bool)>) {
        self.finish();
        if let Some((LossPoint { tested, .. }, goes_on)) = tested {
            let verdict = if goes_on { "shown" } else { "not shown" };
            anstream::eprintln!(
                "τ = {}: {} of {} lost, {verdict}",
                tested.tau,
                tested.counts.lost,
                tested.counts.problems
            );
        }
    }
}
