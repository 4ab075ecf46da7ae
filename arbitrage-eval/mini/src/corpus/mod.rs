//! Text to train on: [`rows`] for language models, [`walk()`]s for process reward models.

mod mistake;
mod walk;

use std::io::Write;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Generator, MiniError, MiniProblem, Stream};

pub use mistake::Mistake;
pub use walk::{LabelledStep, Walk, walk};

/// A problem with its solution, as it stands in a JSONL file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// The problem's name.
    pub id: String,
    /// The question.
    pub question: String,
    /// The true answer.
    pub answer: String,
    /// The canonical solution: steps apart by blank lines, the answer in `\boxed{}`.
    pub solution: String,
}

impl Row {
    /// What a language model is trained on, up to its end token: the question, a blank line, the solution.
    ///
    /// It is what the tokenizer's chat template gives for the question, with the solution behind it.
    pub fn text(&self) -> String {
        format!("{}\n\n{}", self.question, self.solution)
    }
}

impl From<&MiniProblem> for Row {
    fn from(mini: &MiniProblem) -> Self {
        Self {
            id: mini.problem.id.clone(),
            question: mini.problem.question.clone(),
            answer: mini.plan.answer().map(|answer| answer.to_string()).unwrap_or_default(),
            solution: mini.plan.solution(),
        }
    }
}

/// The rows of a stream, drawn as they are asked for.
pub fn rows(generator: &Generator, stream: Stream, range: Range<u64>) -> impl Iterator<Item = Row> + use<> {
    let generator = generator.clone();
    range.map(move |index| Row::from(&generator.problem(stream, index)))
}

/// Writes rows as JSONL, one an object on a line, and says how many.
///
/// ```
/// use arbitrage_mini::{Generator, Stream, corpus};
/// let mut file = Vec::new();
/// let rows = corpus::rows(&Generator::default(), Stream::Train, 0..10);
/// assert_eq!(corpus::write_rows(rows, &mut file)?, 10);
/// let first = file.split(|byte| *byte == b'\n').next().unwrap();
/// assert!(serde_json::from_slice::<corpus::Row>(first).is_ok());
/// # Ok::<(), arbitrage_mini::MiniError>(())
/// ```
///
/// # Errors
/// [`MiniError::Row`] when the writer fails.
pub fn write_rows(rows: impl IntoIterator<Item = Row>, mut writer: impl Write) -> Result<u64, MiniError> {
    let mut written = 0;
    for row in rows {
        let line = serde_json::to_string(&row).map_err(std::io::Error::from);
        let done = line.and_then(|line| writeln!(writer, "{line}"));
        done.map_err(|source| MiniError::Row { row: written, source })?;
        written += 1;
    }
    writer.flush().map_err(|source| MiniError::Row { row: written, source })?;
    Ok(written)
}
