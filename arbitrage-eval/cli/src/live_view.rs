//! The live view: the step that is being written in the bottom line, and above it each committed step.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use arbitrage_core::trace::{Record, StepRecord, TraceSink};
use arbitrage_core::{Author, BoxError, Step};
use indicatif::ProgressBar;

use crate::figures::or_dash;
use crate::progress::style;

const DRAFT: Style = AnsiColor::Cyan.on_default();
const TARGET: Style = AnsiColor::Magenta.on_default();
const DIM: Style = Style::new().dimmed();

/// Number of characters of unfinished text in the bottom line.
const MAX_TAIL_CHARS: usize = 90;

/// The colour of an author's name.
pub(crate) fn colour(author: Author) -> Style {
    match author {
        Author::Draft => DRAFT,
        Author::Target => TARGET,
    }
}

/// The bottom line, shared by the listeners of both models and the sink.
#[derive(Clone)]
pub(crate) struct LiveView {
    bar: ProgressBar,
    unfinished: Arc<Mutex<UnfinishedStep>>,
}

/// What a model has written of a step so far.
struct UnfinishedStep {
    author: Author,
    text: String,
}

impl LiveView {
    /// An empty view.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg}"));
        let step = UnfinishedStep { author: Author::Draft, text: String::new() };
        Self { bar, unfinished: Arc::new(Mutex::new(step)) }
    }

    /// A listener that shows what `author` is writing.
    pub(crate) fn listener(&self, author: Author) -> impl FnMut(arbitrage_core::SequenceId, &str) + Send + use<> {
        let view = self.clone();
        move |_, text| view.show(author, text)
    }

    fn show(&self, author: Author, text: &str) {
        let mut step = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        if step.author != author {
            *step = UnfinishedStep { author, text: String::new() };
        }
        step.text.push_str(text);
        let flat: Vec<char> = step.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let tail: String = flat[flat.len().saturating_sub(MAX_TAIL_CHARS)..].iter().collect();
        let colour = colour(author);
        self.bar.set_message(format!("{colour}{}{colour:#} {DIM}{tail}{DIM:#}", name(author)));
        self.bar.tick();
    }

    fn clear(&self) {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).text.clear();
        self.bar.finish_and_clear();
    }
}

/// Prints each committed step.
impl TraceSink for LiveView {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        if let Record::Step(step) = record {
            self.clear();
            writeln!(anstream::stdout().lock(), "{}", describe(step))?;
        }
        Ok(())
    }
}

/// An author's name, padded to one width.
pub(crate) fn name(author: Author) -> &'static str {
    match author {
        Author::Draft => "draft ",
        Author::Target => "target",
    }
}

/// A line such as ` 3  target   -0.412    1.8 s   text`, with further lines of the text indented.
fn describe(record: &StepRecord) -> String {
    let colour = colour(record.author);
    let estimate = or_dash(record.decision.estimate, |estimate| format!("{estimate:+.3}"));
    let seconds = record.router_seconds
        + [&record.draft, &record.target].into_iter().flatten().map(|step: &Step| step.cost.seconds).sum::<f64>();
    let text = record.step().map_or("", |step| step.text.trim_end());
    let text = text.trim_start_matches('\n').replace('\n', "\n                              ");
    let (index, author) = (record.index + 1, name(record.author));
    format!(
        "{DIM}{index:>3}{DIM:#}  {colour}{author}{colour:#}  {DIM}{estimate:>7}  {:>7}{DIM:#}   {text}",
        time(seconds)
    )
}

/// A time in seconds, or in milliseconds if it is short.
pub(crate) fn time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.1} ms", 1000.0 * seconds) } else { format!("{seconds:.1} s") }
}
