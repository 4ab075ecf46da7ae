//! `arbitrage score --traces`: a collection under another scorer.

use std::collections::BTreeMap;
use std::path::Path;

use arbitrage_core::scorer::score_each;
use arbitrage_core::trace::{ModelRecord, Record, RunRecord, StepRecord, TraceSink, read_jsonl};
use arbitrage_core::{Accepted, Author, BoxError, Draw, Prefix, Problem, SequenceId, Step, StepScorer};
use arbitrage_eval::harness::Records;
use arbitrage_models::source::file_digest;
use arbitrage_router::labels::{Trajectory, trajectories};
use indicatif::ProgressBar;
use serde_json::json;

use crate::Failure;
use crate::cli::ScoreOptions;
use crate::interrupt;
use crate::progress::style;
use crate::step_ids::Places;

/// Scores both steps of every place of `traces`, or of those that are asked for, problem by problem in random order, into `out`.
pub fn run(options: &ScoreOptions, traces: &Path, out: &Path) -> Result<(), Failure> {
    if std::fs::canonicalize(traces).ok().is_some_and(|path| std::fs::canonicalize(out).is_ok_and(|out| out == path)) {
        return Err(format!("{}: expected another file than the one that is read", out.display()).into());
    }
    let records = read_jsonl(traces)?;
    let places = options.places.as_deref().map(Places::read).transpose()?;
    let (mut sink, known) = Records::open(out)?;
    let (mut scorer, reader) = crate::score::open(options)?;
    let run = run_record(&records, options, &scorer.name(), reader);
    let run = run.map_err(|what| format!("{}: {what}", traces.display()))?;
    known.check(&run)?;
    interrupt::listen()?;
    let mut found = trajectories(records)?.0;
    if let Some(places) = &places {
        found.retain(|_, trajectory| trajectory.steps.values().any(|record| places.has(record)));
    }
    let chosen = choose(found, options);
    let problems = chosen.len();
    let open: Vec<_> = chosen.into_iter().filter(|trajectory| !known.has(id(trajectory))).collect();
    sink.write(&Record::Run(run))?;
    let mut rescorer = Rescorer { scorer: scorer.as_mut(), places, in_flight: options.reading.in_flight.max(1) };
    let (steps, errors) = rescorer.score_all(&open, problems, &mut sink)?;
    println!("{problems} problems, {steps} steps scored now, {errors} errors");
    Ok(())
}

/// What scores, and which steps.
struct Rescorer<'a> {
    scorer: &'a mut dyn StepScorer,
    /// Those that are asked for; all without.
    places: Option<Places>,
    in_flight: usize,
}

impl Rescorer<'_> {
    /// Scores what is open, so many problems at a time, and writes their records. Gives the numbers of steps and of problems that failed.
    fn score_all(
        &mut self,
        open: &[Trajectory],
        problems: usize,
        sink: &mut impl TraceSink,
    ) -> Result<(usize, usize), Failure> {
        let bar = ProgressBar::new(problems as u64);
        bar.set_style(style("scoring {wide_bar} {pos}/{len} problems {elapsed} {eta}"));
        bar.set_position((problems - open.len()) as u64);
        let (mut steps, mut errors) = (0, 0);
        for some in open.chunks(self.in_flight) {
            interrupt::check()?;
            for (trajectory, scores) in some.iter().zip(self.score(some)) {
                bar.inc(1);
                match scores {
                    Ok(scores) => steps += write(sink, trajectory, scores)?,
                    Err(error) => {
                        errors += 1;
                        bar.suspend(|| anstream::eprintln!("problem {}: {error}", id(trajectory)));
                    }
                }
            }
        }
        bar.finish();
        Ok((steps, errors))
    }

    /// Scores of the steps of several problems, asked for in one call.
    fn score(&mut self, some: &[Trajectory]) -> Vec<Result<Scores, BoxError>> {
        let question = |trajectory: &Trajectory| trajectory.end.as_ref().map_or("", |end| &end.question).to_owned();
        let problems: Vec<Problem> = some.iter().map(|one| Problem::new(question(one)).with_id(id(one))).collect();
        let histories: Vec<Vec<Accepted>> = some.iter().map(history).collect();
        let ids = (0..).map(SequenceId);
        let mut requests: Vec<(Prefix<'_>, &Step)> = Vec::new();
        for (((one, problem), history), id) in some.iter().zip(&problems).zip(&histories).zip(ids.clone()) {
            for (place, record) in scorable(one, history) {
                let prefix = Prefix::new(id, problem, &history[..place]);
                requests.extend(self.asked(record).into_iter().flatten().map(|step| (prefix, step)));
            }
        }
        let mut scores = score_each(self.scorer, &requests).into_iter();
        ids.take(some.len()).for_each(|id| self.scorer.release(id));
        let mut scores_of = |one: &Trajectory, history: &[Accepted]| {
            let own =
                |(_, record): (usize, &StepRecord)| self.asked(record).map(|step| step.and_then(|_| scores.next()));
            scorable(one, history).map(own).collect::<Vec<_>>() // all are taken before the first error is looked for
        };
        let lists: Vec<Vec<Answers>> =
            some.iter().zip(&histories).map(|(one, history)| scores_of(one, history)).collect();
        lists.into_iter().map(|list| list.into_iter().map(whole).collect()).collect()
    }

    /// The draft's and the target's step, where they are asked for.
    fn asked<'r>(&self, record: &'r StepRecord) -> [Option<&'r Step>; 2] {
        let is_asked = self.places.as_ref().is_none_or(|places| places.has(record));
        [record.draft.as_ref(), record.target.as_ref()].map(|step| step.filter(|_| is_asked))
    }
}

fn id(trajectory: &Trajectory) -> &str {
    trajectory.end.as_ref().map_or("", |end| &end.problem)
}

/// Of the same pair and the same decisions, with the labels of another scorer.
fn run_record(
    records: &[Record],
    options: &ScoreOptions,
    scorer: &str,
    reader: Option<ModelRecord>,
) -> Result<RunRecord, Failure> {
    let mut runs = records.iter().filter_map(|record| if let Record::Run(run) = record { Some(run) } else { None });
    let first = runs.next().ok_or("does not say which models wrote it")?;
    if let Some(other) = runs.map(|run| first.differences(run)).find(|differences| !differences.is_empty()) {
        return Err(format!("expected one run, found another in it: {}", other.join("; ")).into());
    }
    let mut run = first.clone();
    run.router = format!("labelling({scorer}, {})", first.router);
    if !run.notes.is_object() {
        run.notes = json!({});
    }
    run.notes["collected_by"] = run.notes["scorer"].take();
    run.notes["scorer"] = options.scorer.note(Some(&options.rollouts))?;
    if let Some(places) = &options.places {
        run.notes["places"] = json!(file_digest(places)?);
    }
    if let Some(model) = reader {
        run.notes["reader"] = json!({ "model": model, "system": options.reading.system });
    }
    Ok(run)
}

/// Problems that have ended, in an order that the seed gives; so many as are asked for.
fn choose(found: BTreeMap<String, Trajectory>, options: &ScoreOptions) -> Vec<Trajectory> {
    let mut chosen: Vec<Trajectory> = found.into_values().filter(|trajectory| trajectory.end.is_some()).collect();
    let mut draw = Draw::new(Draw::new(options.files.seed).next_u64());
    for at in (1..chosen.len()).rev() {
        chosen.swap(at, (draw.uniform() * (at + 1) as f64) as usize);
    }
    chosen.truncate(options.files.count.unwrap_or(usize::MAX));
    chosen
}

/// Scores of the draft's and the target's step of each record, where there is one.
type Scores = Vec<[Option<f32>; 2]>;

/// What the scorer says of them.
type Answers = [Option<Result<f32, BoxError>>; 2];

fn whole([draft, target]: Answers) -> Result<[Option<f32>; 2], BoxError> {
    Ok([draft.transpose()?, target.transpose()?])
}

/// The committed steps, up to the first that is missing.
fn history(trajectory: &Trajectory) -> Vec<Accepted> {
    let mut history = Vec::new();
    for (index, record) in &trajectory.steps {
        match record.step() {
            Some(step) if *index == history.len() => {
                history.push(Accepted { step: step.clone(), author: record.author });
            }
            _ => break,
        }
    }
    history
}

/// The records whose prefix is known.
fn scorable<'a>(trajectory: &'a Trajectory, history: &[Accepted]) -> impl Iterator<Item = (usize, &'a StepRecord)> {
    let known = history.len();
    trajectory.steps.iter().map(|(index, record)| (*index, record)).filter(move |(index, _)| *index <= known)
}

/// Appends a problem's records with their new scores, its end last; says how many steps were scored.
fn write(sink: &mut impl TraceSink, trajectory: &Trajectory, scores: Scores) -> Result<usize, Failure> {
    let Some(mut end) = trajectory.end.clone() else { return Ok(0) };
    let (mut scored, mut scores) = (0, scores.into_iter());
    (end.usage.judged_steps, end.usage.wasted_steps) = (0, 0);
    for record in trajectory.steps.values() {
        let mut record = record.clone();
        let own = scores.next().unwrap_or_default();
        [record.decision.draft_score, record.decision.target_score] = own;
        record.wasted = record.decision.wasted().filter(|_| record.author == Author::Target);
        end.usage.judged_steps += usize::from(record.wasted.is_some());
        end.usage.wasted_steps += usize::from(record.wasted == Some(true));
        scored += own.iter().flatten().count();
        sink.write(&Record::Step(record))?;
    }
    sink.write(&Record::Solution(end))?;
    Ok(scored)
}
