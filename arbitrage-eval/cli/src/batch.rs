//! Solving many problems into a trace file, for `collect` and `run`.

use arbitrage_core::trace::{JsonlSink, RunNotes};
use arbitrage_core::{AdvantageRouter, Engine, Solution};
use arbitrage_eval::harness::{Records, solve_into};
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::BatchOptions;
use crate::interrupt::{self, UntilInterrupted};
use crate::model::{Model, TargetModel};
use crate::pair::DraftChoosing;
use crate::problem_set::ProblemSet;
use crate::progress::style;
use crate::run_notes::run_notes;

/// The problems, and the trace file with what it already holds.
pub(crate) struct ProblemBatch<'a> {
    options: &'a BatchOptions,
    /// The problems.
    pub set: ProblemSet,
    sink: JsonlSink,
    records: Records,
}

impl<'a> ProblemBatch<'a> {
    /// Loads the problems, and locks the trace file.
    pub(crate) fn open(options: &'a BatchOptions) -> Result<Self, Failure> {
        let set = ProblemSet::load(&options.problems)?;
        let (sink, records) = Records::open(&options.out)?;
        Ok(Self { options, set, sink, records })
    }

    /// The notes of the run, for a target with this name.
    pub(crate) fn notes(&self, target: &str) -> RunNotes {
        run_notes(&self.options.models, &self.options.limits, target, &self.set.problems)
    }

    /// Solves the problems that the trace has no solution of, with several drafts of each step if `drafts` says so. `status` receives
    /// each solution, or `None` for a problem that failed, and returns the text beside the progress bar. An error of the trace file ends
    /// the run, since no later record could be written either.
    pub(crate) fn solve(
        self,
        draft: Model,
        target: TargetModel,
        router: impl AdvantageRouter,
        drafts: Option<DraftChoosing>,
        notes: RunNotes,
        mut status: impl FnMut(Option<&Solution>) -> String,
    ) -> Result<(), Failure> {
        let Self { options, set: ProblemSet { problems, .. }, sink, records } = self;
        let mut engine = Engine::new(draft, target, router)
            .with_segmenter(options.limits.segmenter()?)
            .with_limits(options.limits.limits().with_in_flight(options.problems.in_flight))
            .with_notes(notes);
        if let Some((drafts, by)) = drafts {
            engine = engine.with_drafts(drafts, by);
        }
        let bar = ProgressBar::new(problems.len() as u64);
        bar.set_style(style("{wide_bar} {pos}/{len} {elapsed} {eta} {msg}"));
        bar.set_position((problems.len() - records.open_problems(&problems).len()) as u64);
        interrupt::listen()?;
        let solved = solve_into(engine, &problems, UntilInterrupted(sink), &records, |problem, solution| {
            if let Err(error) = solution {
                bar.suspend(|| anstream::eprintln!("problem {}: {error}", problem.id));
            }
            bar.inc(1);
            bar.set_message(status(solution.ok()));
        });
        bar.abandon();
        if interrupt::check().is_err() {
            anstream::eprintln!("{} of {} problems are in {}", bar.position(), problems.len(), options.out.display());
        }
        Ok(solved?)
    }
}
