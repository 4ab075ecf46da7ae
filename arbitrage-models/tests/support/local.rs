//! Local models of the tiny fixtures, and steps that they generate.

use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{
    Accepted, Author, Drafter, Finish, Prefix, Problem, SequenceId, Step, StepResult, StepRule, StepSegmenter,
};
use arbitrage_models::sampler::Sampling;
use arbitrage_models::{LocalModel, Precision, Prompt};

use super::{Fixture, fixture, options};

pub(crate) const ALL: [Precision; 3] = [Precision::Plain, Precision::Half, Precision::Packed];
/// The precisions without rounding to half precision.
pub(crate) const BOTH: [Precision; 2] = [Precision::Plain, Precision::Packed];
pub(crate) const LLAMA: &str = "hf/llama3-bf16-sharded";
pub(crate) const QWEN: &str = "gguf/qwen2-q5_0-q8_0";

/// A greedy model whose prompt is only the question.
pub(crate) fn model(name: &str, precision: Precision) -> LocalModel {
    open(&fixture(name), precision)
}

pub(crate) fn open(fixture: &Fixture, precision: Precision) -> LocalModel {
    LocalModel::open(&fixture.path, &options(precision)).unwrap().with_prompt(Prompt::none())
}

/// A packed model at temperature 1.
pub(crate) fn warm(name: &str, seed: u64) -> LocalModel {
    model(name, Precision::Packed).with_sampling(Sampling::at_temperature(1.0).unwrap().with_seed(seed))
}

/// A step of `tokens` tokens.
pub(crate) fn draft(model: &mut LocalModel, id: u64, problem: &Problem, steps: &[Accepted], tokens: usize) -> Step {
    step(model, id, problem, steps, &TokenBudget::new(tokens).unwrap())
}

/// A step that ends where `segmenter` says.
pub(crate) fn step(
    model: &mut LocalModel,
    id: u64,
    problem: &Problem,
    steps: &[Accepted],
    segmenter: &dyn StepSegmenter,
) -> Step {
    let prefix = Prefix::new(SequenceId(id), problem, steps);
    model.draft(&[prefix], &StepRule::new(segmenter, 10_000)).pop().unwrap().unwrap()
}

/// Five tokens of each of several sequences, whose ids are their positions.
pub(crate) fn draft_all(model: &mut LocalModel, sequences: &[(&Problem, &[Accepted])]) -> Vec<StepResult> {
    let segmenter = TokenBudget::new(5).unwrap();
    let prefix = |(id, &(problem, steps))| Prefix::new(SequenceId(id as u64), problem, steps);
    let prefixes: Vec<_> = sequences.iter().enumerate().map(prefix).collect();
    model.draft(&prefixes, &StepRule::new(&segmenter, 5))
}

pub(crate) fn accepted(step: Step, author: Author) -> Accepted {
    Accepted { step, author }
}

/// The content of a step, without its cost.
pub(crate) fn content(step: &Step) -> (&str, &[u32], Finish, Vec<u32>) {
    (&step.text, &step.tokens, step.finish, step.logprobs.iter().map(|p| p.to_bits()).collect())
}
