//! `arbitrage collect`: labelled steps for the training of routers.

use arbitrage_core::router::{Labelling, Oracle, ScoreBoth, TargetSamples};
use arbitrage_core::trace::{CollectedAlong, RunNotes, StepRecord};
use arbitrage_core::{AdvantageRouter, Author, Drafter, Solution, StepScorer};
use arbitrage_eval::reference_solution::ReferenceSolutionScorer;
use arbitrage_router::Policy;

use crate::Failure;
use crate::batch::ProblemBatch;
use crate::cli::{CollectOptions, RolloutModel};
use crate::model::Model;
use crate::pair::{LoadedPair, NeededRoles, as_verifier};
use crate::placement::ModelRole;
use crate::rollouts::{self, RolloutLimits};
use crate::run_notes::option_value;
use crate::scorer_choice::Scorer;

/// Writes the steps of both models for every problem, scores them, and appends the records to the trace.
pub(crate) fn run(options: &CollectOptions) -> Result<(), Failure> {
    let models = &options.batch.models;
    let batch = ProblemBatch::open(&options.batch)?;
    check(options, &batch)?;
    let LoadedPair { draft, target } = LoadedPair::load(models, NeededRoles::BOTH)?.warmed_up()?;
    let notes = notes(options, batch.notes(target.name()))?;
    // A head scores the target's own steps by the hidden states that the target computed while it wrote them.
    let target = target.with_hidden(matches!(options.scorer, Scorer::Head(_)), "a head")?;
    let sampler = target.share().with_author(Author::Target);
    let rollout_model = match options.rollouts_by {
        RolloutModel::Draft => draft.share(),
        RolloutModel::Target => sampler.share(),
    };
    let target = as_verifier(target, &draft, models.speculation)?;
    let load = models.placement.load(ModelRole::Scorer)?;
    let limits = RolloutLimits {
        segmenter: options.batch.limits.segmenter()?,
        limits: options.batch.limits.limits().with_in_flight(options.batch.problems.in_flight),
    };
    let rollouts = |count| rollouts::scorer(rollout_model, count, &options.rollouts, &batch.set.gold, limits);
    let scorer = options.scorer.open(|what| target.local(what), &batch.set.rows, rollouts, &load)?;
    let router = router(options, scorer, sampler)?;
    let problems = batch.set.problems.len();
    let mut counts = StepCounts::default();
    batch.solve(draft, target, router, None, notes, |solution| {
        counts.count(solution);
        format!("{} steps, {} with a gain", counts.steps, counts.gains)
    })?;
    let StepCounts { steps, gains, errors } = counts;
    println!("{problems} problems, {steps} labelled steps, {gains} with a gain, {errors} errors");
    Ok(())
}

#[derive(Default)]
struct StepCounts {
    steps: usize,
    gains: usize,
    errors: usize,
}

impl StepCounts {
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

/// Refuses options that yield no labels, before a model is loaded.
fn check(options: &CollectOptions, batch: &ProblemBatch<'_>) -> Result<(), Failure> {
    if options.samples > 1 && options.batch.models.temperature == 0.0 {
        return Err("--samples: at --temperature 0 all samples of a step are equal; set a temperature above 0".into());
    }
    match options.scorer {
        Scorer::Rollouts(_) => rollouts::check(&options.rollouts, &batch.set.problems, &batch.set.gold),
        Scorer::ReferenceSolution => Ok(ReferenceSolutionScorer::new(&batch.set.rows).map(drop)?),
        _ => Ok(()),
    }
}

/// The policy, with labels. `sampler` writes those samples of the target's step that are not committed.
fn router(
    options: &CollectOptions,
    scorer: Box<dyn StepScorer>,
    sampler: Model,
) -> Result<Box<dyn AdvantageRouter>, Failure> {
    if options.samples == 1 {
        return labelling(options.policy, scorer);
    }
    let limits = &options.batch.limits;
    let samples = TargetSamples::new(scorer, sampler, options.samples)?
        .with_segmenter(limits.segmenter()?)
        .with_step_tokens(limits.step_tokens);
    labelling(options.policy, samples)
}

/// The oracle scores both steps anyway. Any other policy is wrapped, so that both steps are scored as well.
fn labelling(policy: Policy, scorer: impl ScoreBoth + 'static) -> Result<Box<dyn AdvantageRouter>, Failure> {
    match policy {
        Policy::Oracle(tau) => Ok(Box::new(Oracle::new(scorer, tau)?)),
        policy if policy.needs_scorer() => Err(format!(
            "--policy {policy}: expected `oracle` or a policy without a scorer, since --scorer is for the labels"
        )
        .into()),
        policy => Ok(Box::new(Labelling::new(scorer, policy.router(None)?))),
    }
}

fn notes(options: &CollectOptions, mut notes: RunNotes) -> Result<RunNotes, Failure> {
    notes.collected = Some(CollectedAlong { policy: options.policy.to_string(), seed: options.batch.problems.seed });
    notes.scorer = Some(options.scorer.note(Some(&options.rollouts))?);
    if let Scorer::Rollouts(_) = options.scorer {
        notes.completed_by = option_value(options.rollouts_by);
    }
    Ok(notes)
}
