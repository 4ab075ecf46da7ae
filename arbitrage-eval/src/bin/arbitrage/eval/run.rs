//! One policy over one benchmark.

use std::path::{Path, PathBuf};

use arbitrage_core::trace::{Record, SolutionRecord, read_jsonl};
use arbitrage_core::{Drafter, Engine, Problem, Shared, Usage};
use arbitrage_eval::evaluation::Outcome;
use arbitrage_eval::harness::{
    Graded, Records, Sample, Shard, grade, solve_into, write_canonical, write_grades, write_lm_eval,
};
use arbitrage_models::source::file_digest;
use arbitrage_models::{LoadOptions, LocalModel, LocalTarget};
use arbitrage_router::Policy;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::Set;
use super::config::Options;
use super::plan::Planned;
use crate::Failure;
use crate::interrupt::{self, UntilInterrupted};
use crate::output::{self, make_folder};
use crate::pair::{self, Pair, guessing, router_folder};
use crate::progress::style;
use crate::rollouts::no_rollouts;
use crate::scorer::Scorer;

/// What all runs share: the models, loaded once, and where records go.
pub struct Driver<'a> {
    options: &'a Options,
    draft: LocalModel,
    target: LocalModel,
    load: LoadOptions,
    shard: Option<Shard>,
    folder: PathBuf,
}

impl<'a> Driver<'a> {
    /// Runs of `pair` into `folder`, of a part of the problems if one is named.
    pub fn new(options: &'a Options, pair: Pair, shard: Option<Shard>, folder: PathBuf) -> Result<Self, Failure> {
        let Pair { draft, target, .. } = pair;
        Ok(Self { options, draft, target, load: options.models.device.load()?, shard, folder })
    }

    /// Solves what the run's file has no end of, and puts the file in order when it is whole.
    pub fn run(&self, set: &Set<'_>, planned: &Planned<'_>) -> Result<(), Failure> {
        let problems = self.shard.map_or_else(|| set.problems.clone(), |shard| shard.of(&set.problems));
        let folder = set.folder(&self.folder);
        make_folder(&folder)?;
        let path = folder.join(format!("{}.jsonl", planned.slug()));
        let planned = self.settled(planned, &folder)?;
        let (sink, records) = Records::open(&path)?;
        let mut bar = Bar::new(set, &planned.label, &problems, &records);
        let (engine, target) = self.engine(set, &planned)?;
        let engine = engine.with_notes(self.notes(set, &planned, target)?);
        let solved = solve_into(engine, &problems, (UntilInterrupted(sink), &records), |problem, answer| {
            bar.hear(set, problem, answer.map(|solution| solution.text()).map_err(ToString::to_string));
        });
        bar.finish();
        solved?;
        interrupt::check()?;
        write_canonical(read_jsonl(&path)?, &problems, &path)?;
        told(set, &path, &folder.join("lm-eval").join(planned.slug()))
    }

    /// The run with its rate, where that is another's.
    fn settled<'p>(&self, planned: &Planned<'p>, folder: &Path) -> Result<Planned<'p>, Failure> {
        let Some(other) = &planned.entry.matches else { return Ok(planned.clone()) };
        let path = folder.join(format!("{}.jsonl", super::config::slug(other)));
        let usage = |record| if let Record::Solution(end) = record { Some(end.usage) } else { None };
        let spent: Usage = read_jsonl(&path)?.into_iter().filter_map(usage).sum();
        Ok(Planned { policy: planned.matched(&spent)?, ..planned.clone() })
    }

    fn engine(&self, set: &Set<'_>, planned: &Planned<'_>) -> Result<(BoxedEngine, String), Failure> {
        let (models, entry) = (&self.options.models, planned.entry);
        let target = self.target.share().with_hidden(matches!(entry.scorer, Some(Scorer::Head(_))));
        let name = target.name().to_owned();
        let guesses = entry.guesses.unwrap_or(models.guesses);
        let target = Shared::new(guessing(target, &self.draft, guesses)?, "target");
        let folder = self.router_folder(planned)?;
        let scorer = || match &entry.scorer {
            Some(scorer) => scorer.open(|| Ok(target.clone()), &set.rows, no_rollouts, &self.load),
            None => pair::scorer(models, planned.policy, &target),
        };
        let place = (folder.as_deref(), &models.device);
        let (router, draft) = pair::router(planned.policy, place, self.draft.share(), &target, scorer)?;
        let limits = &self.options.limits;
        let engine = Engine::new(draft, target, router)
            .with_segmenter(limits.segmenter()?)
            .with_limits(limits.limits().with_in_flight(set.in_flight));
        Ok((engine, name))
    }

    fn router_folder(&self, planned: &Planned<'_>) -> Result<Option<PathBuf>, Failure> {
        match planned.policy {
            Policy::Learned(_) => router_folder(&self.options.models, planned.entry.router.as_deref()),
            _ => Ok(None),
        }
    }

    /// What texts depend on beside models, router and limits. Of a part of the problems it is the same as of the whole.
    fn notes(&self, set: &Set<'_>, planned: &Planned<'_>, target: String) -> Result<Value, Failure> {
        let Options { models, limits } = self.options;
        let mut notes = output::notes(models, limits, &target, &set.problems);
        notes["policy"] = json!(planned.policy.to_string());
        notes["label"] = json!(planned.label);
        notes["family"] = json!(planned.family);
        notes["benchmark"] = json!(set.benchmark.name);
        if let Some(folder) = self.router_folder(planned)? {
            notes["router"] = json!(file_digest(folder.join("model.safetensors"))?);
        }
        if let Some(scorer) = &planned.entry.scorer {
            notes["scorer"] = scorer.note(None)?;
        }
        Ok(notes)
    }
}

/// Grades a whole run, beside its records, and tells it to those who read lm-evaluation-harness's files.
pub fn told(set: &Set<'_>, path: &Path, lm_eval: &Path) -> Result<(), Failure> {
    let records = read_jsonl(path)?;
    let grades = grade(&records, &set.gold);
    write_grades(&grades, &path.with_extension("grades.jsonl"))?;
    let run = records.iter().find_map(|record| if let Record::Run(run) = record { Some(run) } else { None });
    let ends = records.iter().filter_map(|record| if let Record::Solution(end) = record { Some(end) } else { None });
    let known = ends.zip(&grades).filter(|(_, grade)| grade.verdict != Outcome::Errored);
    let samples: Vec<Sample<'_>> = known.map(|(end, grade)| sample(end, grade)).collect();
    run.map_or(Ok(()), |run| Ok(write_lm_eval(lm_eval, &set.benchmark.name, run, &samples)?))
}

fn sample<'a>(end: &'a SolutionRecord, grade: &'a Graded) -> Sample<'a> {
    Sample {
        id: &end.problem,
        question: &end.question,
        gold: &grade.gold,
        response: &end.text,
        extracted: &grade.extracted,
        is_right: grade.verdict == Outcome::Right,
    }
}

type BoxedEngine = Engine<LocalModel, Shared<LocalTarget>, Box<dyn arbitrage_core::AdvantageRouter>>;

/// How the run goes on.
struct Bar {
    bar: ProgressBar,
    right: usize,
    ended: usize,
}

impl Bar {
    fn new(set: &Set<'_>, label: &str, problems: &[Problem], records: &Records) -> Self {
        let bar = ProgressBar::new(problems.len() as u64);
        bar.set_style(style("{prefix} {wide_bar} {pos}/{len} {elapsed} {eta} {msg}"));
        bar.set_prefix(format!("{} · {label}", set.benchmark.name));
        bar.set_position((problems.len() - records.open_problems(problems).len()) as u64);
        Self { bar, right: 0, ended: 0 }
    }

    fn hear(&mut self, set: &Set<'_>, problem: &Problem, answer: Result<String, String>) {
        match answer {
            Ok(text) => {
                self.ended += 1;
                self.right += usize::from(set.gold.is_solved(problem, &text).unwrap_or(false));
                self.bar.set_message(format!("{:.1}% right", 100.0 * self.right as f64 / self.ended as f64));
            }
            Err(error) => self.bar.suspend(|| anstream::eprintln!("problem {}: {error}", problem.id)),
        }
        self.bar.inc(1);
    }

    fn finish(self) {
        self.bar.abandon();
        if self.bar.is_hidden() {
            anstream::eprintln!("{} {}/{}", self.bar.prefix(), self.bar.position(), self.bar.length().unwrap_or(0));
        }
    }
}
