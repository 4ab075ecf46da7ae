//! The scorer by roll-outs: completes a step several times and counts the right answers.

use arbitrage_core::scorer::Rollouts;
use arbitrage_core::{Limits, Problem, StepScorer, StepSegmenter};
use arbitrage_eval::gold::Gold;
use arbitrage_models::sampler::Sampling;

use crate::Failure;
use crate::cli::RolloutOptions;
use crate::model::Model;

/// Number of completions that are written at the same time for each problem in flight.
const COMPLETIONS_PER_PROBLEM: usize = 8;

/// Where steps and completions end.
pub(crate) struct RolloutLimits {
    /// Where steps end.
    pub segmenter: Box<dyn StepSegmenter>,
    /// Where completions end, except for their tokens, and how many problems are in flight.
    pub limits: Limits,
}

/// Refuses options that yield no scores, before a model is loaded.
pub(crate) fn check(options: &RolloutOptions, problems: &[Problem], gold: &Gold) -> Result<(), Failure> {
    if options.rollouts_temperature == 0.0 {
        return Err(
            "--rollouts-temperature: at 0 all completions of a step are equal; set a temperature above 0".into()
        );
    }
    Sampling::at_temperature(options.rollouts_temperature)?;
    problems.iter().try_for_each(|problem| gold.answer(problem).map(drop))?;
    Ok(())
}

/// A scorer that completes each step `count` times.
pub(crate) fn scorer(
    model: Model,
    count: usize,
    options: &RolloutOptions,
    gold: &Gold,
    RolloutLimits { segmenter, limits }: RolloutLimits,
) -> Result<Box<dyn StepScorer>, Failure> {
    let model = model.with_sampling(Sampling::at_temperature(options.rollouts_temperature)?)?;
    let gold = gold.clone();
    let in_flight = limits.in_flight.saturating_mul(COMPLETIONS_PER_PROBLEM);
    let scorer = Rollouts::new(model, count, move |problem, solution| Ok(gold.is_solved(problem, solution)?))?
        .with_limits(limits.with_in_flight(in_flight).with_tokens(options.rollouts_tokens))?
        .with_segmenter(segmenter);
    Ok(Box::new(scorer))
}

/// Refuses roll-outs for policies that score steps while they solve.
pub(crate) fn no_rollouts(_: usize) -> Result<Box<dyn StepScorer>, Failure> {
    Err("scorer `rollouts`: expected a scorer for solving; completing a step costs more than the solution that it is part of".into())
}
