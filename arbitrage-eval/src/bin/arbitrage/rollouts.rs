//! Roll-outs, as `collect` scores by them.

use arbitrage_core::StepScorer;
use arbitrage_core::scorer::Rollouts;
use arbitrage_models::LocalModel;
use arbitrage_models::sampler::Sampling;
use serde_json::{Value, json};

use crate::Failure;
use crate::batch::Batch;
use crate::cli::{CollectOptions, RolloutOptions, Writer};
use crate::output;

/// Completions at a time, for each problem in flight.
const SIDE_BY_SIDE: usize = 8;

/// Refuses what could score nothing, before a model is loaded.
pub fn check(options: &RolloutOptions, batch: &Batch<'_>) -> Result<(), Failure> {
    if options.rollouts_temperature == 0.0 {
        return Err("--rollouts-temperature: at 0 all completions of a step would be one".into());
    }
    Sampling::at_temperature(options.rollouts_temperature)?;
    batch.problems().iter().try_for_each(|problem| batch.gold().answer(problem).map(drop))?;
    Ok(())
}

/// A scorer by `count` completions a step, written by one of the pair, draft and target.
pub fn scorer(
    options: &CollectOptions,
    count: usize,
    [draft, target]: [&LocalModel; 2],
    batch: &Batch<'_>,
) -> Result<Box<dyn StepScorer>, Failure> {
    let writer = match options.rollouts.rollouts_by {
        Writer::Draft => draft,
        Writer::Target => target,
    };
    let writer = writer.share().with_sampling(Sampling::at_temperature(options.rollouts.rollouts_temperature)?);
    let limits = &options.batch.limits;
    let in_flight = options.batch.problems.in_flight.saturating_mul(SIDE_BY_SIDE);
    let gold = batch.gold().clone();
    let scorer = Rollouts::new(writer, count, move |problem, solution| Ok(gold.is_solved(problem, solution)?))?
        .with_limits(limits.limits().with_in_flight(in_flight))?
        .with_segmenter(limits.segmenter()?);
    Ok(Box::new(scorer))
}

/// What scores depend on beside the scorer's name.
pub fn notes(options: &RolloutOptions) -> Value {
    json!({ "by": output::name(options.rollouts_by), "temperature": options.rollouts_temperature })
}
