//! `arbitrage replay`: accuracy and cost of any policy at any threshold, predicted from one collection without running the models.

use std::collections::HashMap;
use std::path::Path;

use arbitrage_core::Usage;
use arbitrage_core::trace::Trace;
use arbitrage_eval::cost::{DecisionWork, Hardware, Reuse, measured};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::harness::grade;
use arbitrage_eval::replay::{PairedTrace, Prediction, check, grid, replay_lookahead};
use arbitrage_eval::results::{Grades, PolicyResults, problem_results};
use arbitrage_router::labels::examples;
use arbitrage_router::learned::Card;
use arbitrage_router::{Lookahead, LookaheadPolicy};
use serde::Serialize;

use crate::Failure;
use crate::cli::ReplayOptions;
use crate::compare::estimates;
use crate::figures::{or_dash, percent};
use crate::files::{in_file, read_text, write_json};
use crate::problem_set::{gold_answers, problem_rows};
use crate::training_data::attach_hidden;

/// Prints the prediction for each policy, and by how much it is off for finished runs.
pub(crate) fn run(options: &ReplayOptions) -> Result<(), Failure> {
    let trace = Trace::read(&options.collection)?;
    let gold = gold_answers(&problem_rows(&options.problems)?);
    let collected = results(&trace, &gold)?;
    let mut paired = PairedTrace::new(&trace)?.with_outcomes(&collected)?;
    if paired.excluded > 0 {
        anstream::eprintln!(
            "skipped: {} problems without a solution, or with a step that lacks its pair or a score",
            paired.excluded
        );
    }
    let usage: Usage = collected.problems().iter().map(|problem| problem.usage).sum();
    let mut hardware = vec![measured("this machine", &usage, DecisionWork::ScoreBoth)?];
    hardware.extend(options.hardware.iter().map(|path| read_hardware(path)).collect::<Result<Vec<_>, _>>()?);
    if let Some(router) = &options.router {
        paired = with_estimates(paired, router, &trace, options)?;
    }
    let policies = policies(options, &paired)?;
    let predictions = policies.iter().map(|policy| replay_lookahead(&paired, policy)).collect::<Result<Vec<_>, _>>()?;
    let reuse = if options.no_reuse { Reuse::Off } else { Reuse::On };
    let rows: Vec<_> = predictions.iter().map(|prediction| PredictionRow::new(prediction, &hardware, reuse)).collect();
    println!(
        "approximate: policies decide on the collected steps of {} problems, which their own decisions would have changed",
        paired.problems.len()
    );
    print(&rows, &hardware);
    for path in &options.check {
        let run = Trace::read(path)?;
        let prediction = replay_lookahead(&paired, &policy_of_run(&run, path)?)?;
        println!("\n{}", check(&prediction, &results(&run, &gold)?, &hardware[0], reuse)?);
    }
    write_json(options.json.as_deref(), &rows)
}

fn results(trace: &Trace, gold: &Gold) -> Result<PolicyResults, Failure> {
    let grades = Grades::new(grade(trace, gold));
    Ok(PolicyResults::new("", "", None, problem_results(trace, &grades, 0)?.problems)?)
}

fn read_hardware(path: &Path) -> Result<Hardware, Failure> {
    serde_json::from_str(&read_text(path)?).map_err(in_file(path))
}

/// Adds the estimates of a trained router.
fn with_estimates(
    paired: PairedTrace,
    router: &Path,
    trace: &Trace,
    options: &ReplayOptions,
) -> Result<PairedTrace, Failure> {
    let folder = crate::pair::resolve_router(router)?;
    let card = Card::open(&folder)?;
    if card.input.depends_on_path() {
        return Err(format!(
            "--router {}: a sequential router cannot be replayed, since its estimates depend on its own earlier decisions; \
             `run` solves the problems with it",
            router.display()
        )
        .into());
    }
    let mut examples = examples(trace)?.examples;
    if card.input.needs_hidden() {
        attach_hidden(&options.states, &mut examples)?;
    }
    let estimates = estimates(&card, &folder, &options.states.device.load()?, &examples)?;
    let steps = examples.iter().map(|example| (example.problem.clone(), example.index));
    let by_step: HashMap<(String, usize), f32> = steps.zip(estimates).collect();
    Ok(paired.with_estimates(|problem, pair| by_step.get(&(problem.to_owned(), pair.index)).copied()))
}

/// The policies that were given with a threshold, and a grid of thresholds for each that was given without.
fn policies(options: &ReplayOptions, paired: &PairedTrace) -> Result<Vec<LookaheadPolicy>, Failure> {
    let mut policies = Vec::new();
    for text in &options.policy {
        let named: LookaheadPolicy = text.parse()?;
        let has_threshold = text.split('+').next().is_some_and(|policy| policy.contains(':'));
        match has_threshold {
            true => policies.push(named),
            false => {
                let at = |policy| LookaheadPolicy { policy, ..named };
                policies.extend(grid(paired, named.policy, options.grid)?.into_iter().map(at));
            }
        }
    }
    Ok(policies)
}

fn policy_of_run(trace: &Trace, path: &Path) -> Result<LookaheadPolicy, Failure> {
    let policy = trace.runs().find_map(|run| run.notes.policy.as_deref());
    let policy = policy
        .ok_or_else(|| format!("{}: notes.policy: expected the policy of the run, found none", path.display()))?;
    let label = trace.runs().find_map(|run| run.notes.label.as_deref());
    Ok(LookaheadPolicy { policy: policy.parse()?, lookahead: label.map(Lookahead::of_name).unwrap_or_default() })
}

/// A row of the table.
#[derive(Serialize)]
struct PredictionRow {
    policy: LookaheadPolicy,
    acceptance_by_steps: Option<f64>,
    acceptance_by_tokens: Option<f64>,
    waste_of_calls: Option<f64>,
    accuracy: Option<f64>,
    /// Seconds per problem, on each hardware.
    seconds: Vec<Option<f64>>,
}

impl PredictionRow {
    fn new(prediction: &Prediction, hardware: &[Hardware], reuse: Reuse) -> Self {
        Self {
            policy: prediction.policy,
            acceptance_by_steps: prediction.acceptance_by_steps(),
            acceptance_by_tokens: prediction.acceptance_by_tokens(),
            waste_of_calls: prediction.waste().and_then(|waste| waste.of_calls),
            accuracy: prediction.accuracy(),
            seconds: hardware.iter().map(|hardware| prediction.seconds(hardware, reuse)).collect(),
        }
    }
}

fn print(rows: &[PredictionRow], hardware: &[Hardware]) {
    let names: Vec<String> = hardware.iter().map(|one| format!("s per problem, {}", one.name)).collect();
    println!(
        "| policy | accepted steps | accepted tokens | target calls without a gain | right | {} |",
        names.join(" | ")
    );
    println!("|---|---|---|---|---|{}", "---|".repeat(hardware.len()));
    for row in rows {
        let seconds = row.seconds.iter().map(|seconds| or_dash(*seconds, |seconds| format!("{seconds:.3}")));
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            row.policy,
            percent(row.acceptance_by_steps),
            percent(row.acceptance_by_tokens),
            percent(row.waste_of_calls),
            percent(row.accuracy),
            seconds.collect::<Vec<_>>().join(" | "),
        );
    }
}
