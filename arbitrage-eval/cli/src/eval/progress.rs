//! The progress bar of a run.

use arbitrage_core::{EngineError, Problem, Solution};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::metrics::wilson;
use indicatif::ProgressBar;

use crate::progress::style;

/// A progress bar with the accuracy so far.
pub(crate) struct RunProgress<'g> {
    bar: ProgressBar,
    gold: &'g Gold,
    right: usize,
    solved: usize,
}

impl<'g> RunProgress<'g> {
    /// A bar for a run of `all` problems, of which an earlier process solved `done`.
    pub(crate) fn new(title: String, gold: &'g Gold, done: usize, all: usize) -> Self {
        let bar = ProgressBar::new(all as u64);
        bar.set_style(style("{prefix} {wide_bar} {pos}/{len} {elapsed}, {eta} left {msg}"));
        bar.set_prefix(title);
        bar.set_position(done as u64);
        // The time left is estimated from the problems of this process alone.
        bar.reset_eta();
        Self { bar, gold, right: 0, solved: 0 }
    }

    /// Adds a problem that has ended.
    pub(crate) fn add(&mut self, problem: &Problem, solution: Result<&Solution, &EngineError>) {
        match solution {
            Ok(solution) => {
                self.solved += 1;
                self.right += usize::from(self.gold.is_solved(problem, &solution.text()).unwrap_or(false));
                self.bar.set_message(accuracy(self.right, self.solved));
            }
            Err(error) => self.bar.suspend(|| anstream::eprintln!("problem {}: {error}", problem.id)),
        }
        self.bar.inc(1);
    }

    /// Leaves the bar as it is; without a terminal, prints a line in its place.
    pub(crate) fn finish(self) {
        self.bar.abandon();
        if self.bar.is_hidden() {
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            anstream::eprintln!("{} {done}/{all} {}", self.bar.prefix(), self.bar.message());
        }
    }
}

/// The share of right answers with Wilson's interval, among the problems of this process.
fn accuracy(right: usize, of: usize) -> String {
    let Some(share) = wilson(right, of) else { return String::new() };
    let [value, low, high] = [share.value, share.low, share.high].map(|share| 100.0 * share);
    format!("{value:.1}% [{low:.1}, {high:.1}] of {of} right")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_comes_with_its_interval() {
        assert_eq!(accuracy(8, 10), "80.0% [49.0, 94.3] of 10 right");
        assert_eq!(accuracy(0, 0), "");
    }
}
