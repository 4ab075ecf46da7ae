//! Progress bars of downloads, loading and trainings.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

/// A bar on standard error for models that are loaded, which vanishes at the end; off a terminal a line, if they take long.
pub(crate) struct LoadingProgress {
    bar: ProgressBar,
    /// Whether the line has been printed.
    has_line: Arc<AtomicBool>,
}

/// How long models may take without a line.
const QUIET: Duration = Duration::from_secs(5);

impl LoadingProgress {
    /// A bar for the models in these files or folders.
    pub(crate) fn new(paths: &[&Path]) -> Self {
        let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy()).collect();
        let bytes = paths.iter().map(|path| weight_bytes(path)).sum();
        let bar = ProgressBar::new(bytes).with_style(style("loading {msg} {wide_bar} {percent}% {elapsed}"));
        // File names are untrusted: they could hold escape sequences of the terminal.
        Self { bar: bar.with_message(names.join(", ").escape_debug().to_string()), has_line: Arc::default() }
    }

    /// What [`LoadOptions::with_progress`](arbitrage_models::LoadOptions::with_progress) takes.
    pub(crate) fn listener(&self) -> impl Fn(usize) + Send + Sync + 'static {
        let (bar, has_line) = (self.bar.clone(), self.has_line.clone());
        move |bytes| {
            bar.inc(bytes as u64);
            if bar.is_hidden() && bar.elapsed() > QUIET && !has_line.swap(true, Ordering::Relaxed) {
                let percent = 100 * bar.position() / bar.length().unwrap_or_default().max(1);
                anstream::eprintln!("loading {}: {percent}% after {} s", bar.message(), bar.elapsed().as_secs());
            }
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// The size of a file, or of a folder's weights; 0 where it cannot be read, which opening it will report.
fn weight_bytes(path: &Path) -> u64 {
    let size = |path: &Path| path.metadata().map_or(0, |data| data.len());
    let Ok(files) = path.read_dir() else { return size(path) };
    let paths = files.flatten().map(|file| file.path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors")).map(|path| size(&path)).sum()
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
