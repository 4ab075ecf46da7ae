//! How a run goes on.

use arbitrage_core::{EngineError, Problem, Solution};
use arbitrage_eval::metrics::wilson;
use indicatif::ProgressBar;

use super::Set;
use crate::progress::style;

/// A bar with the time left and the share of right answers so far.
pub struct Bar {
    bar: ProgressBar,
    right: usize,
    ended: usize,
}

impl Bar {
    /// A bar for the run called `name`, of which so many problems are open of so many.
    pub fn new(name: String, (open, all): (usize, usize)) -> Self {
        let bar = ProgressBar::new(all as u64);
        bar.set_style(style("{prefix} {wide_bar} {pos}/{len} {elapsed}, {eta} left {msg}"));
        bar.set_prefix(name);
        bar.set_position((all - open) as u64);
        // What was there before took this process no time.
        bar.reset_eta();
        Self { bar, right: 0, ended: 0 }
    }

    /// One problem more has ended.
    pub fn hear(&mut self, set: &Set<'_>, problem: &Problem, answer: Result<&Solution, &EngineError>) {
        match answer {
            Ok(solution) => {
                self.ended += 1;
                self.right += usize::from(set.gold.is_solved(problem, &solution.text()).unwrap_or(false));
                self.bar.set_message(right(self.right, self.ended));
            }
            Err(error) => self.bar.suspend(|| anstream::eprintln!("problem {}: {error}", problem.id)),
        }
        self.bar.inc(1);
    }

    /// Leaves the bar as it is; where none is seen, a line in its place.
    pub fn finish(self) {
        self.bar.abandon();
        if self.bar.is_hidden() {
            let (at, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            anstream::eprintln!("{} {at}/{all} {}", self.bar.prefix(), self.bar.message());
        }
    }
}

/// The share with Wilson's interval, and of how many: those of an earlier process are not among them.
fn right(right: usize, of: usize) -> String {
    let Some(share) = wilson(right, of) else { return String::new() };
    let [value, low, high] = [share.value, share.low, share.high].map(|share| 100.0 * share);
    format!("{value:.1}% [{low:.1}, {high:.1}] of {of} right")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_with_its_interval() {
        assert_eq!(right(8, 10), "80.0% [49.0, 94.3] of 10 right");
        assert_eq!(right(0, 0), "");
    }
}
