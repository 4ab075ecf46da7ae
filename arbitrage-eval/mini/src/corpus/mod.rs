//! Training text: [`rows`] for language models, and [`synthetic_solution()`] for process reward models.

mod mistake;
mod synthetic_solution;

use std::io::Write;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Generator, MiniError, MiniProblem, Stream};

pub use mistake::Mistake;
pub use synthetic_solution::{SyntheticSolution, SyntheticSource, SyntheticStep, synthetic_solution};

/// A problem with its solution: one line of a JSONL file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CorpusRow {
    /// The problem's id.
    pub id: String,
    /// The question.
    pub question: String,
    /// The true answer.
    pub answer: String,
    /// The canonical solution: steps separated by blank lines, with the answer in `\boxed{}`.
    pub solution: String,
}

impl CorpusRow {
    /// The training text of a language model without the end token: the question, a blank line and the solution.
    ///
    /// It is the question as the tokenizer's chat template renders it, followed by the solution.
    pub fn text(&self) -> String {
        format!("{}\n\n{}", self.question, self.solution)
    }
}

impl From<&MiniProblem> for CorpusRow {
    fn from(mini: &MiniProblem) -> Self {
        Self {
            id: mini.problem.id.clone(),
            question: mini.problem.question.clone(),
            answer: mini.plan.answer().map(|answer| answer.to_string()).unwrap_or_default(),
            solution: mini.plan.solution(),
        }
    }
}

/// The rows of a stream, drawn lazily.
pub fn rows(generator: &Generator, stream: Stream, range: Range<u64>) -> impl Iterator<Item = CorpusRow> + use<> {
    let generator = generator.clone();
    range.map(move |index| CorpusRow::from(&generator.problem(stream, index)))
}

/// Writes rows as JSONL, one object a line, and returns their number.
///
/// ```
/// use arbitrage_mini::{Generator, Stream, corpus};
/// let mut file = Vec::new();
/// let rows = corpus::rows(&Generator::default(), Stream::Train, 0..10);
/// assert_eq!(corpus::write_rows(rows, &mut file)?, 10);
/// let first = file.split(|byte| *byte == b'\n').next().unwrap();
/// assert!(serde_json::from_slice::<corpus::CorpusRow>(first).is_ok());
/// # Ok::<(), arbitrage_mini::MiniError>(())
/// ```
///
/// # Errors
/// [`MiniError::Row`] when the writer fails.
pub fn write_rows(rows: impl IntoIterator<Item = CorpusRow>, mut writer: impl Write) -> Result<u64, MiniError> {
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
