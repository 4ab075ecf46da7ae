//! `arbitrage score --traces`: the steps of a collection, scored again by another scorer.

use std::path::Path;

use arbitrage_core::scorer::score_each;
use arbitrage_core::trace::{ModelRecord, ReaderNote, Record, RunRecord, StepRecord, Trace, TraceSink, Trajectory};
use arbitrage_core::{Accepted, Author, BoxError, Draw, Prefix, Problem, SequenceId, Step, StepScorer};
use arbitrage_eval::harness::Records;
use arbitrage_models::source::file_digest;
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::ScoreOptions;
use crate::files::in_file;
use crate::interrupt;
use crate::progress::style;
use crate::score::OpenScorer;
use crate::step_ids::StepIds;

/// Scores both steps of every record in `traces`, or of the chosen ones, problem by problem in random order, and writes them to `out`.
pub(crate) fn run(options: &ScoreOptions, traces: &Path, out: &Path) -> Result<(), Failure> {
    if std::fs::canonicalize(traces).ok().is_some_and(|path| std::fs::canonicalize(out).is_ok_and(|out| out == path)) {
        return Err(format!("--out {}: expected another file than --traces", out.display()).into());
    }
    let mut trace = Trace::read(traces)?;
    let chosen_steps = options.step_ids.as_deref().map(StepIds::read).transpose()?;
    let (mut sink, written) = Records::open(out)?;
    let OpenScorer { mut scorer, reader } = crate::score::open(options)?;
    let run = run_record(&trace, options, &scorer.name(), reader).map_err(in_file(traces))?;
    written.check(&run)?;
    interrupt::listen()?;
    if let Some(ids) = &chosen_steps {
        trace.trajectories.retain(|_, trajectory| trajectory.steps.values().any(|record| ids.contains(record)));
    }
    let chosen = choose(trace, options);
    let problems = chosen.len();
    let open: Vec<_> = chosen.into_iter().filter(|trajectory| !written.has(id(trajectory))).collect();
    sink.write(&Record::Run(run))?;
    let in_flight = options.reading.in_flight.max(1);
    let mut rescorer = Rescorer { scorer: scorer.as_mut(), chosen_steps, in_flight, steps: 0, errors: 0 };
    rescorer.score_all(&open, problems, &mut sink)?;
    println!("{problems} problems, {} steps scored now, {} errors", rescorer.steps, rescorer.errors);
    Ok(())
}

struct Rescorer<'a> {
    scorer: &'a mut dyn StepScorer,
    /// The steps to score; all if `None`.
    chosen_steps: Option<StepIds>,
    in_flight: usize,
    /// Number of steps that were scored.
    steps: usize,
    /// Number of problems that could not be scored.
    errors: usize,
}

/// Scores of the draft's and the target's step of a record, if there are such steps.
type ScorePair = [Option<f32>; 2];

impl Rescorer<'_> {
    /// Scores the problems in batches, and writes their records.
    fn score_all(&mut self, open: &[Trajectory], problems: usize, sink: &mut impl TraceSink) -> Result<(), Failure> {
        let bar = ProgressBar::new(problems as u64);
        bar.set_style(style("scoring {wide_bar} {pos}/{len} problems {elapsed} {eta}"));
        bar.set_position((problems - open.len()) as u64);
        for batch in open.chunks(self.in_flight) {
            interrupt::check()?;
            for (trajectory, scores) in batch.iter().zip(self.score(batch)) {
                bar.inc(1);
                match scores {
                    Ok(scores) => self.steps += write(sink, trajectory, scores)?,
                    Err(error) => {
                        self.errors += 1;
                        bar.suspend(|| anstream::eprintln!("problem {}: {error}", id(trajectory)));
                    }
                }
            }
        }
        bar.finish();
        Ok(())
    }

    /// Scores the steps of several problems in one call of the scorer.
    fn score(&mut self, batch: &[Trajectory]) -> Vec<Result<Vec<ScorePair>, BoxError>> {
        let question = |trajectory: &Trajectory| trajectory.end.as_ref().map_or("", |end| &end.question).to_owned();
        let problems: Vec<Problem> = batch.iter().map(|one| Problem::new(question(one)).with_id(id(one))).collect();
        let histories: Vec<Vec<Accepted>> = batch.iter().map(Trajectory::history).collect();
        let ids = (0..).map(SequenceId);
        let mut requests: Vec<(Prefix<'_>, &Step)> = Vec::new();
        for (((trajectory, problem), history), id) in batch.iter().zip(&problems).zip(&histories).zip(ids.clone()) {
            for record in scorable(trajectory, history.len()) {
                let prefix = Prefix::new(id, problem, &history[..record.index]);
                requests.extend(self.chosen(record).into_iter().flatten().map(|step| (prefix, step)));
            }
        }
        let mut scores = score_each(self.scorer, &requests).into_iter();
        ids.take(batch.len()).for_each(|id| self.scorer.release(id));
        let mut of_record = |record: &StepRecord| self.chosen(record).map(|step| step.and_then(|_| scores.next()));
        // All scores of a problem are taken before its first error is returned: the next scores belong to the next problem.
        let all = batch
            .iter()
            .zip(&histories)
            .map(|(trajectory, history)| scorable(trajectory, history.len()).map(&mut of_record).collect::<Vec<_>>());
        let all: Vec<_> = all.collect();
        let transposed =
            |[draft, target]: [Option<Result<f32, BoxError>>; 2]| Ok([draft.transpose()?, target.transpose()?]);
        all.into_iter().map(|pairs| pairs.into_iter().map(transposed).collect()).collect()
    }

    /// The draft's and the target's step, if the record is chosen.
    fn chosen<'r>(&self, record: &'r StepRecord) -> [Option<&'r Step>; 2] {
        let is_chosen = self.chosen_steps.as_ref().is_none_or(|ids| ids.contains(record));
        [record.draft.as_ref(), record.target.as_ref()].map(|step| step.filter(|_| is_chosen))
    }
}

fn id(trajectory: &Trajectory) -> &str {
    trajectory.end.as_ref().map_or("", |end| &end.problem)
}

/// The record of the collection's run, with the new scorer in its notes.
fn run_record(
    trace: &Trace,
    options: &ScoreOptions,
    scorer: &str,
    reader: Option<ModelRecord>,
) -> Result<RunRecord, Failure> {
    let first = trace.run.as_ref().ok_or("expected a run's record with the models, found none")?;
    if let differences @ [_, ..] = trace.differences().as_slice() {
        return Err(
            format!("expected the trace of one run, found another run in it: {}", differences.join("; ")).into()
        );
    }
    let mut run = first.clone();
    run.router = format!("labelling({scorer}, {})", first.router);
    run.notes.collected_by = run.notes.scorer.replace(options.scorer.note(Some(&options.rollouts))?);
    if let Some(path) = &options.step_ids {
        run.notes.places = Some(file_digest(path)?);
    }
    if let Some(model) = reader {
        run.notes.reader = Some(ReaderNote { model, system: options.reading.system.clone() });
    }
    Ok(run)
}

/// The solved problems in random order, at most `--count`.
fn choose(trace: Trace, options: &ScoreOptions) -> Vec<Trajectory> {
    let mut chosen: Vec<Trajectory> = trace.trajectories.into_values().filter(|one| one.end.is_some()).collect();
    let mut draw = Draw::new(Draw::new(options.files.seed).next_u64());
    for at in (1..chosen.len()).rev() {
        chosen.swap(at, (draw.uniform() * (at + 1) as f64) as usize);
    }
    chosen.truncate(options.files.count.unwrap_or(usize::MAX));
    chosen
}

/// The records whose prefix is complete, given the number of committed steps.
fn scorable(trajectory: &Trajectory, committed: usize) -> impl Iterator<Item = &StepRecord> {
    trajectory.steps.values().filter(move |record| record.index <= committed)
}

/// Appends a problem's records with their new scores, the solution last. Returns the number of scored steps.
fn write(sink: &mut impl TraceSink, trajectory: &Trajectory, scores: Vec<ScorePair>) -> Result<usize, Failure> {
    let Some(mut end) = trajectory.end.clone() else { return Ok(0) };
    let (mut scored, mut scores) = (0, scores.into_iter());
    (end.usage.judged_steps, end.usage.wasted_steps) = (0, 0);
    for record in trajectory.steps.values() {
        let mut record = record.clone();
        let pair = scores.next().unwrap_or_default();
        [record.decision.draft_score, record.decision.target_score] = pair;
        record.wasted = record.decision.wasted().filter(|_| record.author == Author::Target);
        end.usage.judged_steps += usize::from(record.wasted.is_some());
        end.usage.wasted_steps += usize::from(record.wasted == Some(true));
        scored += pair.iter().flatten().count();
        sink.write(&Record::Step(record))?;
    }
    sink.write(&Record::Solution(end))?;
    Ok(scored)
}
