//! Progress bars of downloads and trainings.

use arbitrage_models::source::Progress;
use arbitrage_models::train::TrainProgress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::interrupt;

/// Draws a bar for each download on standard error, if that is a terminal.
#[derive(Default)]
pub(crate) struct DownloadProgress(Option<ProgressBar>);

impl Progress for DownloadProgress {
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

/// A bar for a training, with its loss and score.
pub(crate) struct TrainingProgress {
    bar: ProgressBar,
    loss: Option<f64>,
    score: Option<f64>,
}

impl TrainingProgress {
    /// A bar for the training called `name`.
    pub(crate) fn new(name: &str) -> Self {
        let bar = ProgressBar::new(0).with_style(style("{prefix} {wide_bar} {pos}/{len} {eta} {msg}"));
        Self { bar: bar.with_prefix(name.to_owned()), loss: None, score: None }
    }

    /// Leaves the bar as it is.
    pub(crate) fn finish(self) {
        self.bar.finish();
    }
}

impl TrainProgress for TrainingProgress {
    fn on_step(&mut self, step: usize, steps: usize, loss: f64) {
        let smooth = self.loss.map_or(loss, |before| 0.98 * before + 0.02 * loss);
        self.loss = Some(smooth);
        self.bar.set_length(steps as u64);
        self.bar.set_position(step as u64);
        let score = self.score.map_or_else(String::new, |score| format!(", score {score:.4}"));
        self.bar.set_message(format!("loss {smooth:.4}{score}"));
    }

    fn should_stop(&self) -> bool {
        interrupt::check().is_err()
    }

    fn on_score(&mut self, step: usize, score: f64) {
        self.score = Some(score);
        // Without a terminal the bar is hidden, so that each score is printed as a line.
        if self.bar.is_hidden() {
            anstream::eprintln!("step {step}: loss {:.4}, score {score:.4}", self.loss.unwrap_or_default());
        }
    }
}

/// A style from its template, or the default style if the template is wrong: no command should fail because of its progress bar.
pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
