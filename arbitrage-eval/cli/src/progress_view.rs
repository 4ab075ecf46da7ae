//! The live view: what is being written, and each step as it is committed.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use arbitrage_core::trace::{Record, StepRecord, TraceSink};
use arbitrage_core::{Author, BoxError, Step};
use indicatif::ProgressBar;

use crate::progress::style;

const DRAFT: Style = AnsiColor::Cyan.on_default();
const TARGET: Style = AnsiColor::Magenta.on_default();
const DIM: Style = Style::new().dimmed();

/// Most characters of unfinished text in the bottom line.
const TAIL: usize = 90;

/// The colour of an author's name.
pub fn colour(author: Author) -> Style {
    match author {
        Author::Draft => DRAFT,
        Author::Target => TARGET,
    }
}

/// The bottom line, shared by both models' listeners and the sink.
#[derive(Clone)]
pub struct Screen {
    bar: ProgressBar,
    partial: Arc<Mutex<(Author, String)>>,
}

impl Screen {
    /// An empty screen.
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg}"));
        Self { bar, partial: Arc::new(Mutex::new((Author::Draft, String::new()))) }
    }

    /// A listener that shows what `author` is writing.
    pub fn listener(&self, author: Author) -> impl FnMut(arbitrage_core::SequenceId, &str) + Send + use<> {
        let screen = self.clone();
        move |_, text| screen.hear(author, text)
    }

    fn hear(&self, author: Author, text: &str) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        if partial.0 != author {
            *partial = (author, String::new());
        }
        partial.1.push_str(text);
        let flat: Vec<char> = partial.1.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let tail: String = flat[flat.len().saturating_sub(TAIL)..].iter().collect();
        let colour = colour(author);
        self.bar.set_message(format!("{colour}{}{colour:#} {DIM}{tail}{DIM:#}", name(author)));
        self.bar.tick();
    }

    fn clear(&self) {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
        self.bar.finish_and_clear();
    }
}

/// Prints each committed step.
impl TraceSink for Screen {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        if let Record::Step(step) = record {
            self.clear();
            writeln!(anstream::stdout().lock(), "{}", describe(step))?;
        }
        Ok(())
    }
}

/// An author's name as the view writes it.
pub fn name(author: Author) -> &'static str {
    match author {
        Author::Draft => "draft ",
        Author::Target => "target",
    }
}

/// ` 3  target   -0.412    1.8 s   text`, further lines indented.
fn describe(record: &StepRecord) -> String {
    let colour = colour(record.author);
    let estimate = record.decision.estimate.map_or_else(|| "–".to_owned(), |estimate| format!("{estimate:+.3}"));
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

/// A time in seconds or, where that would say nothing, in milliseconds.
pub fn time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.1} ms", 1000.0 * seconds) } else { format!("{seconds:.1} s") }
}

/// Several sinks, one after the other.
pub struct Sinks(pub Vec<Box<dyn TraceSink>>);

impl TraceSink for Sinks {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.0.iter_mut().try_for_each(|sink| sink.write(record))
    }
}
