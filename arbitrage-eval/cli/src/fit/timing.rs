//! What a token of each model costs on this machine.

use std::time::{Duration, Instant};

use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{Accepted, Author, Drafter, Finish, Prefix, Problem, SequenceId, Step, StepCost, StepRule};
use arbitrage_eval::cost::{PairSeconds, PassSeconds};
use serde::{Deserialize, Serialize};

use super::runs::PairRunner;
use crate::Failure;
use crate::model::Model;
use crate::pair::LoadedPair;

/// The least number of rounds, of which the fastest counts: whatever else runs on the machine can only slow a round down.
const LEAST_ROUNDS: usize = 2;
/// The greatest number of rounds.
const MAX_ROUNDS: usize = 40;
/// Rounds are repeated until this time has passed.
const ROUNDS_TIME: Duration = Duration::from_secs(1);
/// Tokens that are decoded in a round, about as many as a short step has.
const TOKENS: usize = 16;
/// Characters of the step that is read in one pass, as a rejected draft is verified.
const STEP_CHARS: usize = 60;

/// What was measured of a pair on this machine.
#[derive(Serialize, Deserialize)]
pub(super) struct Timing {
    /// Seconds per token with one problem in flight, and with as many as in all runs.
    pub seconds: Vec<PairSeconds>,
    /// Whether the target can verify tokens that the draft proposes.
    pub can_speculate: bool,
}

impl Timing {
    /// Measures the pair of `runner` with one problem, and with `in_flight`.
    pub(super) fn measure(mut runner: PairRunner<'_>, problems: &[Problem], in_flight: usize) -> Result<Self, Failure> {
        let can_speculate = runner.can_speculate();
        let mut counts = vec![1, in_flight];
        counts.dedup();
        let LoadedPair { draft, target } = &mut runner.pair;
        let seconds =
            counts.into_iter().map(|count| measure(draft, target, problems, count)).collect::<Result<_, _>>()?;
        Ok(Self { seconds, can_speculate })
    }

    /// The figures for the user, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |in_flight: usize, name: &str, seconds: PassSeconds| {
            let [decoded, read, verified] = [seconds.decoded, seconds.read, seconds.verified].map(|each| 1e6 * each);
            format!(
                "{in_flight} in flight, {name}: {decoded:.0} µs for a decoded token, {read:.0} for a read one, {verified:.0} for a verified one"
            )
        };
        let both = |seconds: &PairSeconds| {
            [line(seconds.in_flight, "draft", seconds.draft), line(seconds.in_flight, "target", seconds.target)]
        };
        self.seconds.iter().flat_map(both).collect()
    }
}

/// Measures both models with `in_flight` problems, which are repeated if there are fewer.
fn measure(
    draft: &mut Model,
    target: &mut Model,
    problems: &[Problem],
    in_flight: usize,
) -> Result<PairSeconds, Failure> {
    let problems: Vec<&Problem> = problems.iter().cycle().take(in_flight.max(1)).collect();
    let [draft, target] = [draft, target].map(|model| fastest(model, &problems));
    Ok(PairSeconds { in_flight: problems.len(), draft: draft?, target: target? })
}

/// The least seconds of each kind over several rounds.
fn fastest(model: &mut Model, problems: &[&Problem]) -> Result<PassSeconds, Failure> {
    let least = |one: PassSeconds, other: PassSeconds| PassSeconds {
        decoded: one.decoded.min(other.decoded),
        read: one.read.min(other.read),
        verified: one.verified.min(other.verified),
    };
    let start = Instant::now();
    let mut fastest = round(model, problems)?;
    for done in 1..MAX_ROUNDS {
        if done >= LEAST_ROUNDS && start.elapsed() > ROUNDS_TIME {
            break;
        }
        fastest = least(fastest, round(model, problems)?);
    }
    Ok(fastest)
}

fn round(model: &mut Model, problems: &[&Problem]) -> Result<PassSeconds, Failure> {
    let ids: Vec<SequenceId> = problems.iter().map(|_| SequenceId::fresh()).collect();
    let begun: Vec<Prefix<'_>> = ids.iter().zip(problems).map(|(id, problem)| Prefix::new(*id, problem, &[])).collect();
    let decoding = write(model, &begun, TOKENS)?;
    // A step that the model did not write itself has to be read, after the prompt that it has in its cache.
    let steps: Vec<[Accepted; 1]> = problems.iter().map(|problem| [foreign_step(problem)]).collect();
    let prefixes = ids.iter().zip(problems).zip(&steps);
    let continued: Vec<Prefix<'_>> = prefixes.map(|((id, problem), steps)| Prefix::new(*id, problem, steps)).collect();
    let reading = write(model, &continued, 1)?;
    ids.into_iter().for_each(|id| model.release(id));
    // The pass over the prompt gives the first token; where it gives the only one, nothing else was decoded that could be timed.
    let decoded = match decoding.decoded.saturating_sub(problems.len()) {
        0 => per_token(decoding.seconds, decoding.decoded),
        further => per_token(decoding.seconds - decoding.prefill_seconds, further),
    };
    Ok(PassSeconds {
        decoded,
        read: per_token(decoding.prefill_seconds, decoding.prefilled),
        verified: per_token(reading.prefill_seconds, reading.prefilled),
    })
}

/// The summed cost of a step of at most so many tokens after each prefix.
fn write(model: &mut Model, prefixes: &[Prefix<'_>], tokens: usize) -> Result<StepCost, Failure> {
    let segmenter = TokenBudget::new(tokens)?;
    let mut sum = StepCost::default();
    for step in model.draft(prefixes, &StepRule::new(&segmenter, tokens)) {
        let cost = step?.cost;
        sum.prefilled += cost.prefilled;
        sum.decoded += cost.decoded;
        sum.seconds += cost.seconds;
        sum.prefill_seconds += cost.prefill_seconds;
    }
    Ok(sum)
}

/// A step of about the usual length, of words that the model's tokenizer is made for: the question's.
fn foreign_step(problem: &Problem) -> Accepted {
    let text: String = problem.question.chars().take(STEP_CHARS).chain("\n\n".chars()).collect();
    Accepted { step: Step::new(text, Finish::Boundary), author: Author::Target }
}

/// Servers do not always report how many tokens they read; their price is then in that of the decoded tokens.
fn per_token(seconds: f64, tokens: usize) -> f64 {
    if tokens == 0 { 0.0 } else { seconds.max(0.0) / tokens as f64 }
}
