//! A synthetic evaluation: random text generators as models, scores and times by formula, everything seeded.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::testing::Babbler;
use arbitrage_core::trace::{Record, SolutionRecord};
use arbitrage_core::{
    AdvantageRouter, Author, BoxError, Decision, Drafter, Draw, Engine, Limits, Prefix, Problem, Rewrite, Route,
    SequenceId, Step, StepResult, StepRule, Verifier, VocabularyId, router_fn,
};
use arbitrage_router::Policy;
use serde_json::{Value, json};

/// Labels, families and policies, deliberately not sorted.
pub(crate) const POLICIES: [(&str, &str, &str); 22] = [
    ("target", "target", "target"),
    ("draft", "draft", "draft"),
    ("rsd:0.7", "rsd", "rsd:0.7"),
    ("oracle:0", "oracle", "oracle:0"),
    ("rsd:0.3", "rsd", "rsd:0.3"),
    ("rsd:0.5", "rsd", "rsd:0.5"),
    ("rsd:0.85", "rsd", "rsd:0.85"),
    ("rsd:0.95", "rsd", "rsd:0.95"),
    ("probe:0.2", "probe", "learned:0.2"),
    ("probe:0.35", "probe", "learned:0.35"),
    ("probe:0.5", "probe", "learned:0.5"),
    ("probe:0.65", "probe", "learned:0.65"),
    ("random:0.2", "random", "random:0.2"),
    ("random:0.4", "random", "random:0.4"),
    ("random:0.6", "random", "random:0.6"),
    ("random:0.8", "random", "random:0.8"),
    ("entropy:1.8", "entropy", "entropy:1.8"),
    ("entropy:2", "entropy", "entropy:2"),
    ("logprob:-1.8", "logprob", "logprob:-1.8"),
    ("logprob:-1.4", "logprob", "logprob:-1.4"),
    ("logprob:-1", "logprob", "logprob:-1"),
    ("speculative", "speculative", "target"),
];

/// Text that tries to break a page: it ends elements, reverses the direction of text, and has control characters.
pub(crate) const HOSTILE: &str =
    "</script><img src=x onerror=alert(1)>\u{202e}\u{7}\0 ]]> --> {{ 7*7 }} | `x` \u{2028}";

/// Writes traces and grades of all `policies` on a benchmark of `count` problems. The first problem of a benchmark called `hostile` is
/// [`HOSTILE`].
pub(crate) fn write(
    folder: &Path,
    benchmark: &str,
    count: usize,
    policies: &[(&str, &str, &str)],
) -> Result<(), BoxError> {
    let folder = folder.join(benchmark);
    fs::create_dir_all(&folder)?;
    let problems = problems(benchmark, count);
    for (label, family, name) in policies {
        let policy: Policy = name.parse()?;
        let notes = json!({
            "benchmark": benchmark, "label": label, "family": family, "policy": name, "target": "babbler-large",
            "problems": { "count": count, "digest": "" }, "sampling": { "temperature": 1.0, "top_p": 1.0 }, "segmenter": "blank-line",
        });
        let mut records = solve(policy, &problems, notes)?;
        if *family == "speculative" {
            records.iter_mut().for_each(guess);
        }
        let grades: Vec<Value> = records.iter().filter_map(|record| grade(record, &records)).collect();
        let slug = label.replace(':', "_");
        fs::write(folder.join(format!("{slug}.jsonl")), lines(&records)?)?;
        fs::write(folder.join(format!("{slug}.grades.jsonl")), lines(&grades)?)?;
    }
    Ok(())
}

fn lines<T: serde::Serialize>(rows: &[T]) -> Result<String, BoxError> {
    let lines = rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.join("\n") + "\n")
}

fn problems(benchmark: &str, count: usize) -> Vec<Problem> {
    let problem = |at: usize| {
        let (id, seed) = (format!("{benchmark}-{at:03}"), at as u64);
        match (benchmark, at) {
            ("hostile", 0) => Problem::new(HOSTILE).with_id(format!("{id}{HOSTILE}")).with_seed(seed),
            _ => {
                Problem::new(format!("What would number {at} say, and why does it say so?")).with_id(id).with_seed(seed)
            }
        }
    };
    (0..count).map(problem).collect()
}

fn solve(policy: Policy, problems: &[Problem], notes: Value) -> Result<Vec<Record>, BoxError> {
    let draft = Timed::new("babbler-small", Author::Draft, 0.004);
    let target = Timed::new("babbler-large", Author::Target, 0.016);
    let trace = Arc::new(Mutex::new(Vec::new()));
    let limits = Limits::default().with_steps(12).with_step_tokens(40).with_in_flight(1);
    let mut engine =
        Engine::new(draft, target, router(policy)?).with_limits(limits).with_notes(notes).with_sink(trace.clone());
    // Policies on log-probabilities fail on empty steps. The failure is recorded and belongs in the report.
    drop(engine.solve_all(problems));
    let mut records = std::mem::take(&mut *trace.lock().unwrap_or_else(PoisonError::into_inner));
    records.iter_mut().for_each(|record| time(record, policy));
    Ok(records)
}

fn router(policy: Policy) -> Result<Box<dyn AdvantageRouter>, BoxError> {
    let Policy::Learned(tau) = policy else {
        return Ok(policy.router(Some(Box::new(scorer_fn(|prefix, step| score(prefix.problem, step) as f32))))?);
    };
    let tau = tau.unwrap_or(0.5);
    Ok(Box::new(router_fn(move |candidate| {
        let weak = 1.0 - score(candidate.prefix.problem, candidate.draft);
        let noise = chance(&[&candidate.prefix.problem.id, &candidate.draft.text, "noise"]) - 0.5;
        let estimate = (0.2 + 0.9 * weak + 0.3 * noise).clamp(0.0, 1.0) as f32;
        Decision::new(Route::escalate_if(estimate > tau)).with_estimate(estimate)
    })))
}

/// A score that is mostly higher for the target's steps, and lower on hard problems. The vocabulary says which model wrote the step.
fn score(problem: &Problem, step: &Step) -> f64 {
    let (hardness, chance) = (chance(&[&problem.id]), chance(&[&problem.id, &step.text]));
    let power = if step.vocabulary == Some(VocabularyId(Author::Target as u64)) { 3 } else { 1 };
    1.0 - (0.2 + 0.8 * hardness) * chance.powi(power)
}

/// A number in [0, 1) by hashing `texts`.
fn chance(texts: &[&str]) -> f64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    let state = bytes.fold(1, |state, byte| Draw::new(state ^ u64::from(byte)).next_u64());
    Draw::new(state).uniform()
}

/// Replaces the measured times of the router by fixed ones, so that the report is the same on every machine.
fn time(record: &mut Record, policy: Policy) {
    let each = match policy {
        Policy::Rsd(_) => 0.03,
        Policy::Oracle(_) => 0.06,
        Policy::Learned(_) => 0.004,
        _ => 0.0,
    };
    match record {
        Record::Step(step) => step.router_seconds = each,
        Record::Solution(end) => {
            end.usage.router_seconds = each * (end.usage.accepted_steps + end.usage.escalated_steps) as f64;
        }
        _ => {}
    }
}

/// Changes a record as if two of three tokens had been speculative and confirmed.
fn guess(record: &mut Record) {
    const TIME_FACTOR: f64 = 0.6;
    match record {
        Record::Step(step) => {
            if let Some(step) = &mut step.target {
                step.cost.seconds *= TIME_FACTOR;
                step.cost.prefill_seconds *= TIME_FACTOR;
            }
        }
        Record::Solution(end) => {
            let target = &mut end.usage.target;
            (target.guessed, target.confirmed) = (target.decoded, target.decoded * 2 / 3);
            target.seconds *= TIME_FACTOR;
            target.prefill_seconds *= TIME_FACTOR;
        }
        _ => {}
    }
}

/// The grade of a solution, unless it failed: the better its steps, the more likely it is right.
fn grade(record: &Record, all: &[Record]) -> Option<Value> {
    let Record::Solution(end) = record else { return None };
    end.stop?;
    let mean = mean_score(end, all);
    let luck = chance(&[&end.problem, "luck"]);
    let verdict = match luck {
        _ if chance(&[&end.problem, "grader"]) < 0.02 => "errored",
        luck if luck < mean * mean => "right",
        _ => "wrong",
    };
    let hostile = end.question == HOSTILE;
    let answer = if hostile { HOSTILE.to_owned() } else { format!("{:.0}", 100.0 * mean) };
    Some(
        json!({ "id": end.problem, "verdict": verdict, "gold": "42", "extracted": answer, "rule": "babble", "profile": "strict" }),
    )
}

fn mean_score(end: &SolutionRecord, all: &[Record]) -> f64 {
    let problem = Problem::new(&end.question).with_id(&end.problem);
    let steps = all.iter().filter_map(|record| match record {
        Record::Step(step) if step.problem == end.problem => step.step(),
        _ => None,
    });
    let scores: Vec<f64> = steps.map(|step| score(&problem, step)).collect();
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

/// A babbler with fixed times, and a vocabulary that identifies it.
struct Timed {
    babbler: Babbler,
    name: &'static str,
    author: Author,
    seconds: f64,
}

impl Timed {
    fn new(name: &'static str, author: Author, seconds: f64) -> Self {
        let babbler = Babbler::new(name, author, 1 + author as u64).with_rollback().with_end_probability(0.012);
        Self { babbler, name, author, seconds }
    }

    fn with_times(&self, step: StepResult) -> StepResult {
        let mut step = step?;
        step.vocabulary = Some(VocabularyId(self.author as u64));
        step.cost.prefill_seconds = 0.001 + self.seconds * 0.15 * step.cost.prefilled as f64;
        step.cost.seconds = step.cost.prefill_seconds + self.seconds * step.cost.decoded as f64;
        Ok(step)
    }
}

impl Drafter for Timed {
    fn name(&self) -> &str {
        self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = self.babbler.draft(prefixes, rule);
        steps.into_iter().map(|step| self.with_times(step)).collect()
    }

    fn release(&mut self, id: SequenceId) {
        Drafter::release(&mut self.babbler, id);
    }
}

impl Verifier for Timed {
    fn name(&self) -> &str {
        self.name
    }

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = self.babbler.rewrite(requests, rule);
        steps.into_iter().map(|step| self.with_times(step)).collect()
    }

    fn release(&mut self, id: SequenceId) {
        Drafter::release(&mut self.babbler, id);
    }
}
