//! Many problems, solved into a file of records.

use std::collections::HashSet;

use arbitrage_core::trace::JsonlSink;
use arbitrage_core::{AdvantageRouter, Engine, Problem, Solution};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::harness::{Records, solve_into};
use arbitrage_eval::problems::{BadRows, Format, ProblemRow, deduplicate, read_file, read_file_as, stratified};
use indicatif::ProgressBar;
use serde_json::Value;

use crate::Failure;
use crate::cli::{BatchOptions, ProblemOptions};
use crate::interrupt::{self, UntilInterrupted};
use crate::model::{Model, TargetModel};
use crate::output;
use crate::progress::style;

/// The problems, and the file that holds what is known of them.
pub struct Batch<'a> {
    options: &'a BatchOptions,
    problems: Vec<Problem>,
    /// Those of the problems that are from files, with their answers.
    rows: Vec<ProblemRow>,
    gold: Gold,
    sink: JsonlSink,
    records: Records,
}

impl<'a> Batch<'a> {
    /// Draws and reads the problems, and locks the output.
    pub fn open(options: &'a BatchOptions) -> Result<Self, Failure> {
        let (problems, rows) = problems(&options.problems)?;
        let (sink, records) = Records::open(&options.out)?;
        let gold = Gold::new(&rows).with_fallback(arbitrage_mini::answer);
        Ok(Self { options, problems, rows, gold, sink, records })
    }

    /// The problems.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Their answers.
    pub fn gold(&self) -> &Gold {
        &self.gold
    }

    /// The rows of files.
    pub fn rows(&self) -> &[ProblemRow] {
        &self.rows
    }

    /// What texts depend on beside models, router and limits.
    pub fn notes(&self, target: &str) -> Value {
        output::notes(&self.options.models, &self.options.limits, target, &self.problems)
    }

    /// Solves what is not solved yet. `heard` gets each solution, none for a problem that failed, and says what stands beside the
    /// bar. Gives back all problems. Where a record cannot be kept, that is the end: no further one could be.
    pub fn solve(
        self,
        (draft, target): (Model, TargetModel),
        router: impl AdvantageRouter,
        notes: Value,
        mut heard: impl FnMut(Option<&Solution>) -> String,
    ) -> Result<Vec<Problem>, Failure> {
        let Self { options, problems, sink, records, .. } = self;
        let engine = Engine::new(draft, target, router)
            .with_segmenter(options.limits.segmenter()?)
            .with_limits(options.limits.limits().with_in_flight(options.problems.in_flight))
            .with_notes(notes);
        let bar = ProgressBar::new(problems.len() as u64);
        bar.set_style(style("{wide_bar} {pos}/{len} {elapsed} {eta} {msg}"));
        bar.set_position((problems.len() - records.open_problems(&problems).len()) as u64);
        interrupt::listen()?;
        let solved = solve_into(engine, &problems, (UntilInterrupted(sink), &records), |problem, answer| {
            if let Err(error) = answer {
                bar.suspend(|| anstream::eprintln!("problem {}: {error}", problem.id));
            }
            bar.inc(1);
            bar.set_message(heard(answer.ok()));
        });
        bar.abandon();
        if interrupt::check().is_err() {
            anstream::eprintln!("{} of {} problems are in {}", bar.position(), problems.len(), options.out.display());
        }
        Ok(solved.map(|()| problems)?)
    }
}

/// The problems that the options name, and the rows of those that are from files.
pub fn problems(options: &ProblemOptions) -> Result<(Vec<Problem>, Vec<ProblemRow>), Failure> {
    let bad = if options.skip_bad_rows { BadRows::Skip } else { BadRows::Fail };
    let mut rows: Vec<ProblemRow> = Vec::new();
    let format = options.format.as_deref().map(Format::read).transpose()?;
    for path in &options.problems {
        let read = match &format {
            Some(format) => read_file_as(format, path, bad)?,
            None => read_file(path, bad)?,
        };
        read.skipped.iter().for_each(|error| anstream::eprintln!("left out: {error}"));
        rows.extend(read.rows);
    }
    let dropped = deduplicate(&mut rows);
    if dropped > 0 {
        anstream::eprintln!("{dropped} problems left out, whose questions were there before");
    }
    let rows = stratified(rows, options.count.unwrap_or(usize::MAX), options.seed);
    let generator = arbitrage_mini::Generator::new(crate::mini::family(options.family.as_deref())?)?;
    let generated = options.mini.as_ref().map(|range| generator.problems(range.stream, range.from..range.to));
    let problems: Vec<Problem> =
        rows.iter().map(|row| row.problem.clone()).chain(generated.into_iter().flatten()).collect();
    let mut ids = HashSet::new();
    if let Some(twice) = problems.iter().find(|problem| !ids.insert(&problem.id)) {
        Err(format!("two problems are named `{}`, so that their records could not be told apart", twice.id).into())
    } else if problems.is_empty() {
        Err("no problems: name files with --problems, or a range with --mini".into())
    } else {
        Ok((problems, rows))
    }
}
