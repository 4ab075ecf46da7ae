//! The problems that options choose, and their gold answers.

use std::collections::HashSet;
use std::path::PathBuf;

use arbitrage_core::Problem;
use arbitrage_eval::gold::Gold;
use arbitrage_eval::problems::{BadRows, Format, ProblemRow, deduplicate, read_file, read_file_as, stratified};
use arbitrage_mini::Generator;

use crate::Failure;
use crate::cli::ProblemOptions;
use crate::mini::family;

/// Problems with their gold answers.
pub(crate) struct ProblemSet {
    /// The problems.
    pub problems: Vec<Problem>,
    /// The rows of those that are from files.
    pub rows: Vec<ProblemRow>,
    /// The answers, of generated problems too.
    pub gold: Gold,
}

impl ProblemSet {
    /// Reads files and generates problems.
    pub(crate) fn load(options: &ProblemOptions) -> Result<Self, Failure> {
        let rows = rows(options)?;
        let generator = Generator::new(family(options.family.as_deref())?)?;
        let generated = options.mini.as_ref().map(|range| generator.problems(range.stream, range.from..range.to));
        let problems: Vec<Problem> =
            rows.iter().map(|row| row.problem.clone()).chain(generated.into_iter().flatten()).collect();
        let mut ids = HashSet::new();
        if let Some(duplicate) = problems.iter().find(|problem| !ids.insert(&problem.id)) {
            return Err(format!("problems: expected different ids, found `{}` twice", duplicate.id).into());
        }
        if problems.is_empty() {
            return Err("no problems: name files with --problems, or a range with --mini".into());
        }
        let gold = gold_answers(&rows);
        Ok(Self { problems, rows, gold })
    }
}

/// The chosen rows of all files, without duplicates.
fn rows(options: &ProblemOptions) -> Result<Vec<ProblemRow>, Failure> {
    let mut rows: Vec<ProblemRow> = Vec::new();
    let format = options.format.as_deref().map(Format::read).transpose()?;
    for path in &options.problems {
        let read = match &format {
            Some(format) => read_file_as(format, path, options.bad_rows.into())?,
            None => read_file(path, options.bad_rows.into())?,
        };
        read.skipped.iter().for_each(|error| anstream::eprintln!("skipped: {error}"));
        rows.extend(read.rows);
    }
    let duplicates = deduplicate(&mut rows);
    if duplicates > 0 {
        anstream::eprintln!("skipped: {duplicates} problems with the same question as an earlier one");
    }
    Ok(stratified(rows, options.count.unwrap_or(usize::MAX), options.seed))
}

/// All rows of files of problems.
pub(crate) fn problem_rows(paths: &[PathBuf]) -> Result<Vec<ProblemRow>, Failure> {
    let rows = paths.iter().map(|path| Ok(read_file(path, BadRows::Fail)?.rows)).collect::<Result<Vec<_>, Failure>>();
    Ok(rows?.concat())
}

/// The answers that rows hold. Those of generated problems are computed.
pub(crate) fn gold_answers(rows: &[ProblemRow]) -> Gold {
    Gold::new(rows).with_fallback(arbitrage_mini::answer)
}
