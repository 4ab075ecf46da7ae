//! Writes one step of each of several sequences, together.
//!
//! Every pass takes what each open sequence has pending: the rest of its prompt, or the token that it sampled last, and the
//! guesses behind it that are worth verifying. So prompts are caught up while others decode, and the weights are read once a
//! pass for all of them.

use std::sync::Arc;
use std::time::Instant;

use arbitrage_core::{BoxError, Rewrite, StepResult, StepRule};

use super::common::read_once;
use super::rows::PassRows;
use super::speculation::{MOST, Plan, Speculation};
use super::writing::Writing;
use super::{Listener, LocalModel};
use crate::decoder::{Outputs, Span};
use crate::error::Result;
use crate::sequence::share_rows;

/// One step for each of `requests`. A sequence that cannot be written gets its own error; a failing pass fails all that
/// were in it.
pub(super) fn write(
    model: &mut LocalModel,
    requests: &[Rewrite<'_>],
    rule: &StepRule<'_>,
    start: Instant,
) -> Vec<StepResult> {
    let rule = &StepRule::new(rule.segmenter, rule.max_tokens); // within the segmenter's own budget, whoever made the rule
    let sequences: Vec<_> = requests.iter().map(|request| model.take_sequence(request.prefix.id)).collect();
    let mut listener = model.listener.take();
    let mut speculation = std::mem::take(&mut model.speculation);
    let begin = |(request, sequence)| Writing::begin(model, request, sequence).map_err(BoxError::from);
    let mut writings: Vec<_> = requests.iter().zip(sequences).map(begin).collect();
    let setup = start.elapsed().as_secs_f64() / requests.len().max(1) as f64;
    let mut outcome = read_once(model, &mut writings);
    while let Err(error) = outcome.and_then(|()| run(model, &mut speculation, &mut writings, rule, &mut listener)) {
        let error = Arc::new(error);
        for writing in writings.iter_mut().filter(|writing| writing.as_ref().is_ok_and(|w| w.finish.is_none())) {
            *writing = Err(error.clone().into());
        }
        outcome = Ok(());
    }
    model.listener = listener;
    model.speculation = speculation;
    let vocabulary = model.vocabulary();
    writings
        .into_iter()
        .map(|writing| {
            let (sequence, id, mut step, written) = writing?.end(vocabulary)?;
            step.cost.seconds += setup;
            model.written.extend(written.map(|written| (id, written)));
            model.sequences.insert(id, sequence);
            Ok(step)
        })
        .collect()
}

/// Passes until every step is finished.
fn run(
    model: &LocalModel,
    speculation: &mut Speculation,
    writings: &mut [Result<Writing, BoxError>],
    rule: &StepRule<'_>,
    listener: &mut Option<Listener>,
) -> Result<()> {
    loop {
        let mut open: Vec<_> = writings.iter_mut().flatten().filter(|writing| writing.finish.is_none()).collect();
        if open.is_empty() {
            return Ok(());
        }
        let heard: Vec<usize> = open.iter().map(|writing| writing.stream.text().len()).collect();
        pass(model, speculation, &mut open, rule)?;
        let Some(listener) = listener else { continue };
        for (writing, heard) in open.iter().zip(heard).filter(|(writing, heard)| writing.stream.text().len() > *heard) {
            listener(writing.id, &writing.stream.text()[heard..]);
        }
    }
}

/// What one sequence has in a pass.
struct Part {
    /// Pending tokens.
    take: usize,
    /// Guesses behind them, if they are all that is pending.
    plan: Option<Plan>,
}

impl Part {
    fn rows(&self) -> usize {
        self.take + self.guesses().len()
    }

    fn guesses(&self) -> &[u32] {
        self.plan.as_ref().map_or(&[], |plan| &plan.guess.tokens)
    }
}

/// One forward pass over what is pending and guessed. Each sequence that has caught up takes in the tokens that the model
/// chose.
fn pass(
    model: &LocalModel,
    speculation: &mut Speculation,
    open: &mut [&mut Writing],
    rule: &StepRule<'_>,
) -> Result<()> {
    let start = Instant::now();
    let parts = plan(model, speculation, open, rule);
    let rows = parts.iter().map(Part::rows).sum::<usize>().max(1);
    let forward = Instant::now();
    let output = run_forward(model, open, &parts)?;
    speculation.costs.observe(rows, forward.elapsed().as_secs_f64());
    let mut rows_left = output.rows();
    let mut fresh = Vec::with_capacity(open.len());
    for (writing, part) in open.iter_mut().zip(&parts) {
        fresh.push(writing.tokens.is_empty());
        writing.sequence.held.extend(writing.pending.drain(..part.take));
        if part.take > 0 && writing.pending.is_empty() {
            let own: Vec<_> = rows_left.by_ref().take(1 + part.guesses().len()).collect();
            let (confirmed, refuted) = writing.take_in(model, &own, part.guesses(), rule);
            if let Some(plan) = &part.plan {
                speculation.learn(plan, confirmed, refuted);
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64() / rows as f64;
    for ((writing, part), fresh) in open.iter_mut().zip(&parts).zip(fresh) {
        writing.cost.seconds += seconds * part.rows() as f64;
        if fresh {
            writing.cost.prefill_seconds += seconds * part.take as f64;
        }
    }
    Ok(())
}

/// Shares the pass's rows out: first to what is pending, then to guesses.
fn plan(model: &LocalModel, speculation: &mut Speculation, open: &[&mut Writing], rule: &StepRule<'_>) -> Vec<Part> {
    let (takes, mut room) = share_rows(open.iter().map(|writing| writing.pending.len()));
    let depth = speculation.depth.unwrap_or(MOST).min(MOST);
    let (mut askers, mut asks) = (Vec::new(), Vec::new());
    for (at, (writing, &take)) in open.iter().zip(&takes).enumerate() {
        if take == writing.pending.len()
            && speculation.is_possible(writing.rejected.as_ref())
            && let Some(ask) = writing.ask(model, rule, room.min(depth))
        {
            room -= ask.most;
            askers.push(at);
            asks.push(ask);
        }
    }
    let mut parts: Vec<Part> = takes.into_iter().map(|take| Part { take, plan: None }).collect();
    if !asks.is_empty() {
        for (at, plan) in askers.into_iter().zip(speculation.plan(&asks, open.len(), model.tokens)) {
            parts[at].plan = Some(plan);
        }
    }
    parts
}

/// What the pass gives for each caught-up sequence's last pending token and of its guesses, one row after the other.
fn run_forward(model: &LocalModel, open: &mut [&mut Writing], parts: &[Part]) -> Result<PassRows> {
    let guessed = |(writing, part): (&&mut Writing, &Part)| {
        let tokens = writing.pending[..part.take].iter().chain(part.guesses());
        tokens.copied().collect::<Vec<u32>>()
    };
    let tokens: Vec<_> = open.iter().zip(parts).map(guessed).collect();
    let mut spans = Vec::with_capacity(open.len());
    for ((writing, part), tokens) in open.iter_mut().zip(parts).zip(&tokens).filter(|((_, part), _)| part.take > 0) {
        let whole = part.take == writing.pending.len();
        let outputs = if whole { Outputs::Tail(1 + part.guesses().len()) } else { Outputs::None };
        spans.push(Span { cache: &mut writing.sequence.cache, tokens, outputs });
    }
    PassRows::run(model, &mut spans)
}
