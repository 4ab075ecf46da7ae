//! One policy over one benchmark.

use std::path::{Path, PathBuf};

use arbitrage_core::trace::{Record, read_jsonl};
use arbitrage_core::{Drafter, Engine, Usage};
use arbitrage_eval::harness::{Records, Shard, solve_into, write_canonical};
use arbitrage_models::LoadOptions;
use arbitrage_models::source::file_digest;
use arbitrage_router::Policy;
use serde_json::{Value, json};

use super::Set;
use super::bar::Bar;
use super::config::Options;
use super::grades::told;
use super::plan::Planned;
use crate::Failure;
use crate::interrupt::{self, UntilInterrupted};
use crate::model::{Model, TargetModel};
use crate::output::{self, make_folder};
use crate::pair::{self, Pair, as_verifier, router_folder};
use crate::placement::Role;
use crate::rollouts::no_rollouts;
use crate::scorer::Scorer;

/// What all runs share: the models, loaded once, and where records go.
pub struct Driver<'a> {
    options: &'a Options,
    draft: Model,
    target: Model,
    load: LoadOptions,
    shard: Option<Shard>,
    folder: PathBuf,
}

impl<'a> Driver<'a> {
    /// Runs of `pair` into `folder`, of a part of the problems if one is named.
    pub fn new(options: &'a Options, pair: Pair, shard: Option<Shard>, folder: PathBuf) -> Result<Self, Failure> {
        let Pair { draft, target, .. } = pair;
        Ok(Self { options, draft, target, load: options.models.placement.load(Role::Scorer)?, shard, folder })
    }

    /// Solves what the run's file has no end of, and puts the file in order when it is whole.
    pub fn run(&self, set: &Set<'_>, planned: &Planned<'_>) -> Result<(), Failure> {
        let problems = self.shard.map_or_else(|| set.problems.clone(), |shard| shard.of(&set.problems));
        let folder = set.folder(&self.folder);
        make_folder(&folder)?;
        let path = folder.join(format!("{}.jsonl", planned.slug()));
        let planned = self.settled(planned, &folder)?;
        let (sink, records) = Records::open(&path)?;
        let open = records.open_problems(&problems).len();
        let mut bar = Bar::new(format!("{} · {}", set.benchmark.name, planned.label), (open, problems.len()));
        let (engine, target) = self.engine(set, &planned)?;
        let engine = engine.with_notes(self.notes(set, &planned, target)?);
        let solved = solve_into(engine, &problems, (UntilInterrupted(sink), &records), |problem, answer| {
            bar.hear(set, problem, answer);
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
        let target = self.target.share().with_hidden(matches!(entry.scorer, Some(Scorer::Head(_))), "a head")?;
        let name = target.name().to_owned();
        let guesses = entry.guesses.unwrap_or(models.guesses);
        let target = as_verifier(target, &self.draft, guesses)?;
        let folder = self.router_folder(planned)?;
        let scorer = || match &entry.scorer {
            Some(scorer) => scorer.open(|what| target.local(what), &set.rows, no_rollouts, &self.load),
            None => pair::scorer(models, planned.policy, &target),
        };
        let place = pair::RouterPlace { folder: folder.as_deref(), placement: &models.placement };
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

type BoxedEngine = Engine<Model, TargetModel, Box<dyn arbitrage_core::AdvantageRouter>>;
