//! `arbitrage collect`: labelled steps for the training of routers.

use arbitrage_core::router::{Labelling, Oracle};
use arbitrage_core::trace::StepRecord;
use arbitrage_core::{AdvantageRouter, Drafter, Shared, Solution, StepScorer};
use arbitrage_models::{LoadOptions, device};
use arbitrage_router::Policy;
use serde_json::{Value, json};

use crate::Failure;
use crate::batch::Batch;
use crate::cli::CollectOptions;
use crate::pair::{Pair, guessing};
use crate::scorer::Scorer;

/// Writes both models' steps for every problem, scores them, and appends the records to the output.
pub fn run(options: &CollectOptions) -> Result<(), Failure> {
    let batch = Batch::open(&options.batch)?;
    let models = &options.batch.models;
    let Pair { draft, target, .. } = Pair::load(models)?;
    let notes = notes(options, batch.notes(target.name()))?;
    // What the target has of its own steps need not be read for the head.
    let target = target.with_hidden(matches!(options.scorer, Scorer::Head(_)));
    let target = Shared::new(guessing(target, &draft, models.guesses)?, "target");
    let load = LoadOptions::new(device(&models.device)?);
    let router = router(options, options.scorer.open(|| Ok(target.clone()), &load)?)?;
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

/// The oracle at τ = 0, or another policy's decisions with the same labels.
fn router(options: &CollectOptions, scorer: Box<dyn StepScorer>) -> Result<Box<dyn AdvantageRouter>, Failure> {
    match options.policy {
        Policy::Oracle(tau) => Ok(Box::new(Oracle::new(scorer, tau)?)),
        policy if policy.needs_scorer() => Err(format!("collecting along `{policy}` needs a scorer of its own").into()),
        policy => Ok(Box::new(Labelling::new(scorer, policy.router(None)?))),
    }
}

fn notes(options: &CollectOptions, mut notes: Value) -> Result<Value, Failure> {
    let seed = options.batch.problems.seed;
    notes["collected"] = json!({ "policy": options.policy.to_string(), "seed": seed });
    notes["scorer"] = options.scorer.note()?;
    Ok(notes)
}
