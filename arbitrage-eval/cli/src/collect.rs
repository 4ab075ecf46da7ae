//! `arbitrage collect`: labelled steps for the training of routers.

use arbitrage_core::router::{Labelling, Oracle, ScoreBoth, TargetSamples};
use arbitrage_core::trace::StepRecord;
use arbitrage_core::{AdvantageRouter, Author, Drafter, Solution, StepScorer};
use arbitrage_eval::reference_solution::ReferenceSolutionScorer;
use arbitrage_router::Policy;
use serde_json::{Value, json};

use crate::Failure;
use crate::batch::Batch;
use crate::cli::{CollectOptions, Writer};
use crate::model::Model;
use crate::output;
use crate::pair::{Pair, as_verifier};
use crate::placement::Role;
use crate::rollouts;
use crate::scorer::Scorer;

/// Writes both models' steps for every problem, scores them, and appends the records to the output.
pub fn run(options: &CollectOptions) -> Result<(), Failure> {
    let models = &options.batch.models;
    let batch = Batch::open(&options.batch)?;
    check(options, &batch)?;
    let Pair { draft, target, .. } = Pair::load(models)?;
    let notes = notes(options, batch.notes(target.name()))?;
    // What the target has of its own steps need not be read for the head.
    let target = target.with_hidden(matches!(options.scorer, Scorer::Head(_)), "a head")?;
    let second = target.share().with_author(Author::Target);
    let completing = match options.rollouts_by {
        Writer::Draft => draft.share(),
        Writer::Target => second.share(),
    };
    let target = as_verifier(target, &draft, models.guesses)?;
    let load = models.placement.load(Role::Scorer)?;
    let limits = options.batch.limits.limits().with_in_flight(options.batch.problems.in_flight);
    let ends = (options.batch.limits.segmenter()?, limits);
    let rollouts = |count| rollouts::scorer(completing, count, &options.rollouts, batch.gold(), ends);
    let scorer = options.scorer.open(|what| target.local(what), batch.rows(), rollouts, &load)?;
    let router = router(options, scorer, second)?;
    let mut counts = Counts::default();
    let problems = batch.solve((draft, target), router, notes, |solution| {
        counts.count(solution);
        format!("{} steps, {} with a gain", counts.steps, counts.gains)
    })?;
    println!(
        "{} problems, {} labelled steps, {} with a gain, {} errors",
        problems.len(),
        counts.steps,
        counts.gains,
        counts.errors
    );
    Ok(())
}

#[derive(Default)]
struct Counts {
    steps: usize,
    gains: usize,
    errors: usize,
}

impl Counts {
    fn count(&mut self, solution: Option<&Solution>) {
        let Some(solution) = solution else {
            self.errors += 1;
            return;
        };
        let gain = |record: &StepRecord| Some(record.decision.target_score? > record.decision.draft_score?);
        let labels: Vec<bool> = solution.records.iter().filter_map(gain).collect();
        self.steps += labels.len();
        self.gains += labels.iter().filter(|gain| **gain).count();
    }
}

/// Refuses what could label nothing, before a model is loaded.
fn check(options: &CollectOptions, batch: &Batch<'_>) -> Result<(), Failure> {
    if options.samples > 1 && options.batch.models.temperature == 0.0 {
        return Err("--samples: at --temperature 0 all samples of a step would be one".into());
    }
    match options.scorer {
        Scorer::Rollouts(_) => rollouts::check(&options.rollouts, batch.problems(), batch.gold()),
        Scorer::ReferenceSolution => Ok(ReferenceSolutionScorer::new(batch.rows()).map(drop)?),
        _ => Ok(()),
    }
}

/// The policy, with labels. `second` writes the samples of the target's step that are not committed.
fn router(
    options: &CollectOptions,
    scorer: Box<dyn StepScorer>,
    second: Model,
) -> Result<Box<dyn AdvantageRouter>, Failure> {
    if options.samples == 1 {
        return labelling(options.policy, scorer);
    }
    let limits = &options.batch.limits;
    let samples = TargetSamples::new(scorer, second, options.samples)?
        .with_segmenter(limits.segmenter()?)
        .with_step_tokens(limits.step_tokens);
    labelling(options.policy, samples)
}

/// The oracle at τ = 0, or another policy's decisions with the same labels.
fn labelling(policy: Policy, scorer: impl ScoreBoth + 'static) -> Result<Box<dyn AdvantageRouter>, Failure> {
    match policy {
        Policy::Oracle(tau) => Ok(Box::new(Oracle::new(scorer, tau)?)),
        policy if policy.needs_scorer() => Err(format!("collecting along `{policy}` needs a scorer of its own").into()),
        policy => Ok(Box::new(Labelling::new(scorer, policy.router(None)?))),
    }
}

fn notes(options: &CollectOptions, mut notes: Value) -> Result<Value, Failure> {
    let seed = options.batch.problems.seed;
    notes["collected"] = json!({ "policy": options.policy.to_string(), "seed": seed });
    notes["scorer"] = options.scorer.note(Some(&options.rollouts))?;
    if let Scorer::Rollouts(_) = options.scorer {
        notes["completed_by"] = json!(output::name(options.rollouts_by));
    }
    Ok(notes)
}
