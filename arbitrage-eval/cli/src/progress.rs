//! Progress bars for downloads.

use arbitrage_models::source::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::interrupt;

/// Draws one bar at a time on standard error; nothing where that is no terminal.
#[derive(Default)]
pub struct Bars(Option<ProgressBar>);

impl Progress for Bars {
    fn start(&mut self, what: &str, total: Option<u64>) {
        let bar = match total {
            Some(total) => ProgressBar::new(total).with_style(style("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg} {bytes}")),
        };
        self.0 = Some(bar.with_message(what.to_owned()));
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish();
        }
    }
}

/// A bar for a training, with the loss beside it.
pub struct Training {
    bar: ProgressBar,
    loss: Option<f64>,
    score: Option<f64>,
}

impl Training {
    /// A bar for what is called `name`.
    pub fn new(name: &str) -> Self {
        let bar = ProgressBar::new(0).with_style(style("{prefix} {wide_bar} {pos}/{len} {eta} {msg}"));
        Self { bar: bar.with_prefix(name.to_owned()), loss: None, score: None }
    }

    /// Leaves the bar as it is.
    pub fn finish(self) {
        self.bar.finish();
    }
}

impl arbitrage_models::train::Progress for Training {
    fn stepped(&mut self, step: usize, steps: usize, loss: f64) {
        let smooth = self.loss.map_or(loss, |before| 0.98 * before + 0.02 * loss);
        self.loss = Some(smooth);
        self.bar.set_length(steps as u64);
        self.bar.set_position(step as u64);
        let score = self.score.map_or_else(String::new, |score| format!(", score {score:.4}"));
        self.bar.set_message(format!("loss {smooth:.4}{score}"));
    }

    fn is_cut_off(&self) -> bool {
        interrupt::check().is_err()
    }

    fn scored(&mut self, step: usize, score: f64) {
        self.score = Some(score);
        // Where there is no terminal, a line a score is all that is seen of the training.
        if self.bar.is_hidden() {
            anstream::eprintln!("step {step}: loss {:.4}, score {score:.4}", self.loss.unwrap_or_default());
        }
    }
}

/// A style from its template; the plain one should a template ever be wrong, since a bar is no reason to fail.
pub fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
