//! Roll-outs, as `collect` and `score` score by them.

use arbitrage_core::scorer::Rollouts;
use arbitrage_core::{Limits, Problem, StepScorer, StepSegmenter};
use arbitrage_eval::gold::Gold;
use arbitrage_models::sampler::Sampling;

use crate::Failure;
use crate::cli::RolloutOptions;
use crate::model::Model;

/// Completions at a time, for each problem in flight.
const SIDE_BY_SIDE: usize = 8;

/// Refuses what could score nothing, before a model is loaded.
pub fn check(options: &RolloutOptions, problems: &[Problem], gold: &Gold) -> Result<(), Failure> {
    if options.rollouts_temperature == 0.0 {
        return Err("--rollouts-temperature: at 0 all completions of a step would be one".into());
    }
    Sampling::at_temperature(options.rollouts_temperature)?;
    problems.iter().try_for_each(|problem| gold.answer(problem).map(drop))?;
    Ok(())
}

/// A scorer by `count` completions a step, for as many problems in flight as `limits` say.
pub fn scorer(
    writer: Model,
    count: usize,
    options: &RolloutOptions,
    gold: &Gold,
    (segmenter, limits): (Box<dyn StepSegmenter>, Limits),
) -> Result<Box<dyn StepScorer>, Failure> {
    let writer = writer.with_sampling(Sampling::at_temperature(options.rollouts_temperature)?)?;
    let gold = gold.clone();
    let scorer = Rollouts::new(writer, count, move |problem, solution| Ok(gold.is_solved(problem, solution)?))?
        .with_limits(
            limits.with_in_flight(limits.in_flight.saturating_mul(SIDE_BY_SIDE)).with_tokens(options.rollouts_tokens),
        )?
        .with_segmenter(segmenter);
    Ok(Box::new(scorer))
}

/// What a policy that decides while it writes gets instead of roll-outs.
pub fn no_rollouts(_: usize) -> Result<Box<dyn StepScorer>, Failure> {
    Err("scorer `rollouts`: judging a step would cost more than writing the solution that it is part of".into())
}
