//! Generates one step of each of several sequences in a batch.
//!
//! Every pass runs what each unfinished sequence has pending: the rest of its prompt, or the token that was sampled last and the
//! speculative tokens that are worth verifying. So prompts are prefilled while other sequences decode, and one read of the
//! weights serves all of them.

use std::sync::Arc;
use std::time::Instant;

use arbitrage_core::{BoxError, Rewrite, StepResult, StepRule};

use super::forward_outputs::ForwardOutputs;
use super::prefix_sharing::share_prefixes;
use super::speculation::{MAX_SPECULATIVE_TOKENS, Speculation, SpeculationPlan};
use super::step_generation::{FinishedStep, StepGeneration};
use super::{Listener, LocalModel};
use crate::decoder::{Outputs, Span};
use crate::error::Result;
use crate::sequence::share_rows;

/// Generates one step for each of `requests`. A sequence that cannot be continued gets its own error; a pass that fails fails all
/// sequences that were in it.
pub(super) fn generate(
    model: &mut LocalModel,
    requests: &[Rewrite<'_>],
    rule: &StepRule<'_>,
    start: Instant,
) -> Vec<StepResult> {
    // The caller may have built the rule from its fields; `new` applies the segmenter's own token budget.
    let rule = &StepRule::new(rule.segmenter, rule.max_tokens);
    let mut generations = begin(model, requests, rule);
    let setup = start.elapsed().as_secs_f64() / requests.len().max(1) as f64;
    let shared = share_prefixes(model, &mut generations);
    let mut listener = model.listener.take();
    complete(model, &mut generations, shared, &mut listener);
    model.listener = listener;
    generations.into_iter().map(|generation| keep(model, generation, setup)).collect()
}

/// Begins a step for each of `requests`, with what is cached of its sequence.
pub(super) fn begin<'r>(
    model: &mut LocalModel,
    requests: &[Rewrite<'_>],
    rule: &StepRule<'r>,
) -> Vec<Result<StepGeneration<'r>, BoxError>> {
    requests.iter().for_each(|request| model.continue_best_fork(&request.prefix));
    let sequences: Vec<_> = requests.iter().map(|request| model.take_sequence(request.prefix.id)).collect();
    let begin = |(request, sequence)| StepGeneration::begin(model, request, rule, sequence).map_err(BoxError::from);
    requests.iter().zip(sequences).map(begin).collect()
}

/// Runs passes until every step is finished or has failed. `outcome` is that of the passes before.
pub(super) fn complete(
    model: &mut LocalModel,
    generations: &mut [Result<StepGeneration<'_>, BoxError>],
    mut outcome: Result<()>,
    listener: &mut Option<Listener>,
) {
    let mut speculation = std::mem::take(&mut model.speculation);
    while let Err(error) = outcome.and_then(|()| run(model, &mut speculation, generations, listener)) {
        let error = Arc::new(error);
        for generation in generations.iter_mut().filter(|one| one.as_ref().is_ok_and(|one| one.finish.is_none())) {
            *generation = Err(error.clone().into());
        }
        outcome = Ok(());
    }
    model.speculation = speculation;
}

/// The finished step, whose sequence the model keeps. Preparing it took `setup` seconds.
pub(super) fn keep(model: &mut LocalModel, generation: Result<StepGeneration<'_>, BoxError>, setup: f64) -> StepResult {
    let FinishedStep { id, sequence, mut step, states } = generation?.end(model.vocabulary())?;
    step.cost.seconds += setup;
    model.generated.extend(states.map(|states| (id, states)));
    model.sequences.insert(id, sequence);
    Ok(step)
}

/// Runs passes until every step is finished.
fn run(
    model: &LocalModel,
    speculation: &mut Speculation,
    generations: &mut [Result<StepGeneration<'_>, BoxError>],
    listener: &mut Option<Listener>,
) -> Result<()> {
    loop {
        let mut open: Vec<_> = generations.iter_mut().flatten().filter(|one| one.finish.is_none()).collect();
        if open.is_empty() {
            return Ok(());
        }
        let lengths: Vec<usize> = open.iter().map(|generation| generation.stream.text().len()).collect();
        pass(model, speculation, &mut open)?;
        let Some(listener) = listener else { continue };
        for (generation, length) in open.iter().zip(lengths) {
            let fresh = &generation.stream.text()[length..];
            if !fresh.is_empty() {
                listener(generation.id, fresh);
            }
        }
    }
}

/// What one sequence runs in a pass.
struct PassInput {
    /// How many of the pending tokens.
    take: usize,
    /// The speculative tokens after them; only if all pending tokens are taken.
    plan: Option<SpeculationPlan>,
}

impl PassInput {
    fn rows(&self) -> usize {
        self.take + self.speculative().len()
    }

    fn speculative(&self) -> &[u32] {
        self.plan.as_ref().map_or(&[], |plan| &plan.proposed.tokens)
    }
}

/// One forward pass over pending and speculative tokens. Each sequence whose pending tokens have all been run then accepts the
/// tokens that the model samples.
fn pass(model: &LocalModel, speculation: &mut Speculation, open: &mut [&mut StepGeneration<'_>]) -> Result<()> {
    let start = Instant::now();
    let inputs = plan(model, speculation, open);
    let rows = inputs.iter().map(PassInput::rows).sum::<usize>().max(1);
    let forward = Instant::now();
    let outputs = run_forward(model, open, &inputs)?;
    speculation.costs.observe(rows, forward.elapsed().as_secs_f64());
    let mut outputs = outputs.iter();
    let mut is_prefill = Vec::with_capacity(open.len());
    for (generation, input) in open.iter_mut().zip(&inputs) {
        is_prefill.push(generation.tokens.is_empty());
        generation.sequence.cached_tokens.extend(generation.pending.drain(..input.take));
        if input.take > 0 && generation.pending.is_empty() {
            let outputs: Vec<_> = outputs.by_ref().take(1 + input.speculative().len()).collect();
            let verification = generation.accept_tokens(model, &outputs, input.speculative());
            if let Some(plan) = &input.plan {
                speculation.learn(plan, verification);
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64() / rows as f64;
    for ((generation, input), is_prefill) in open.iter_mut().zip(&inputs).zip(is_prefill) {
        generation.cost.seconds += seconds * input.rows() as f64;
        if is_prefill {
            generation.cost.prefill_seconds += seconds * input.take as f64;
        }
    }
    Ok(())
}

/// Divides the rows of the pass: pending tokens come first, then speculative ones.
fn plan(model: &LocalModel, speculation: &mut Speculation, open: &[&mut StepGeneration<'_>]) -> Vec<PassInput> {
    let (takes, mut room) = share_rows(open.iter().map(|generation| generation.pending.len()));
    let limit = speculation.fixed_count.unwrap_or(MAX_SPECULATIVE_TOKENS).min(MAX_SPECULATIVE_TOKENS);
    let (mut owners, mut requests) = (Vec::new(), Vec::new());
    for (at, (generation, &take)) in open.iter().zip(&takes).enumerate() {
        if take == generation.pending.len()
            && speculation.is_possible(generation.rejected.as_ref())
            && let Some(request) = generation.draft_request(model, room.min(limit))
        {
            room -= request.max_tokens;
            owners.push(at);
            requests.push(request);
        }
    }
    let mut inputs: Vec<PassInput> = takes.into_iter().map(|take| PassInput { take, plan: None }).collect();
    if !requests.is_empty() {
        speculation.measure_costs(model.decoder());
        for (at, plan) in owners.into_iter().zip(speculation.plan(&requests, open.len(), model.token_count)) {
            inputs[at].plan = Some(plan);
        }
    }
    inputs
}

/// Runs the pass. Its outputs are, for each sequence whose pending tokens are all run, those of the last pending token and of the
/// speculative tokens.
fn run_forward(
    model: &LocalModel,
    open: &mut [&mut StepGeneration<'_>],
    inputs: &[PassInput],
) -> Result<ForwardOutputs> {
    let tokens = |(generation, input): (&&mut StepGeneration<'_>, &PassInput)| {
        [&generation.pending[..input.take], input.speculative()].concat()
    };
    let tokens: Vec<Vec<u32>> = open.iter().zip(inputs).map(tokens).collect();
    let is_greedy = open.iter().all(|generation| generation.is_greedy);
    let mut spans = Vec::with_capacity(open.len());
    for ((generation, input), tokens) in open.iter_mut().zip(inputs).zip(&tokens) {
        if input.take == 0 {
            continue;
        }
        let is_last = input.take == generation.pending.len();
        let outputs = if is_last { Outputs::Tail(1 + input.speculative().len()) } else { Outputs::None };
        spans.push(Span { cache: &mut generation.sequence.cache, tokens, outputs });
    }
    ForwardOutputs::compute(model, &mut spans, is_greedy)
}
