//! `arbitrage replay`: any policy at any threshold, from one collection and without decoding.

use std::collections::HashMap;

use arbitrage_core::Usage;
use arbitrage_core::trace::{Record, read_jsonl};
use arbitrage_eval::cost::{Hardware, Judge, Reuse, measured};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::harness::grade;
use arbitrage_eval::problems::{BadRows, read_file};
use arbitrage_eval::replay::{PairedTrace, Prediction, check, grid, replay};
use arbitrage_eval::results::{Grade, Grades, PolicyResults, problem_results};
use arbitrage_router::Policy;
use arbitrage_router::labels::examples;
use arbitrage_router::learned::Card;
use serde::Serialize;

use crate::Failure;
use crate::cli::ReplayOptions;
use crate::training_data::attach_hidden;

/// Prints what is predicted of each policy, and how far that is from runs.
pub fn run(options: &ReplayOptions) -> Result<(), Failure> {
    let records = read_jsonl(&options.collection)?;
    let gold = gold(options)?;
    let collected = results(&records, &gold)?;
    let mut dump = PairedTrace::new(&records)?.with_outcomes(&collected)?;
    if dump.left_out > 0 {
        anstream::eprintln!("{} problems left out: they did not end, or lack a step or a score", dump.left_out);
    }
    let usage: Usage = collected.problems().iter().map(|problem| problem.usage).sum();
    let mut hardware = vec![measured("this machine", &usage, Judge::Both)?];
    hardware.extend(options.hardware.iter().map(|path| read_hardware(path)).collect::<Result<Vec<_>, _>>()?);
    if let Some(folder) = &options.router {
        dump = estimated(options, folder, &records, dump)?;
    }
    let mut predictions = Vec::new();
    for policy in policies(options, &dump)? {
        predictions.push(replay(&dump, &policy)?);
    }
    let reuse = if options.no_reuse { Reuse::Off } else { Reuse::On };
    let rows: Vec<Row> = predictions.iter().map(|prediction| Row::new(prediction, &hardware, reuse)).collect();
    println!(
        "approximate: decisions are replayed along the collected steps of {} problems, which they would have changed",
        dump.problems.len()
    );
    print(&rows, &hardware);
    for path in &options.check {
        let run = read_jsonl(path)?;
        let (policy, results) = (policy_of(&run, path)?, results(&run, &gold)?);
        println!("\n{}", check(&replay(&dump, &policy)?, &results, (&hardware[0], reuse))?);
    }
    match &options.json {
        Some(path) => Ok(std::fs::write(path, serde_json::to_vec_pretty(&rows)?)
            .map_err(|error| format!("{}: {error}", path.display()))?),
        None => Ok(()),
    }
}

fn gold(options: &ReplayOptions) -> Result<Gold, Failure> {
    let mut rows = Vec::new();
    for path in &options.problems {
        rows.extend(read_file(path, BadRows::Fail)?.rows);
    }
    Ok(Gold::new(&rows).with_fallback(arbitrage_mini::answer))
}

fn results(records: &[Record], gold: &Gold) -> Result<PolicyResults, Failure> {
    let grades = Grades::new(grade(records, gold).into_iter().map(|grade| Grade::new(grade.id, grade.verdict)));
    Ok(PolicyResults::new("", "", None, problem_results(records, &grades, 0)?.problems)?)
}

fn read_hardware(path: &std::path::Path) -> Result<Hardware, Failure> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
    Ok(serde_json::from_str(&text).map_err(|error| named(&error))?)
}

/// The dump with the router's estimate of each place.
fn estimated(
    options: &ReplayOptions,
    folder: &std::path::Path,
    records: &[Record],
    dump: PairedTrace,
) -> Result<PairedTrace, Failure> {
    let folder = &crate::pair::resolve_router(folder)?;
    let card = Card::open(folder)?;
    let mut examples = examples(records.iter().cloned())?.examples;
    if card.input.needs_hidden() {
        attach_hidden(&options.states, &mut examples)?;
    }
    let estimates = crate::compare::estimates(&card, (folder, &options.states.device), &examples)?;
    let places = examples.iter().map(|example| (example.problem.clone(), example.index));
    let known: HashMap<(String, usize), f32> = places.zip(estimates).collect();
    Ok(dump.with_estimates(|id, place| known.get(&(id.to_owned(), place.index)).copied()))
}

/// Those that were named with a threshold, and a grid of each that was named without.
fn policies(options: &ReplayOptions, dump: &PairedTrace) -> Result<Vec<Policy>, Failure> {
    let mut all = Vec::new();
    for text in &options.policy {
        let policy: Policy = text.parse()?;
        match text.contains(':') {
            true => all.push(policy),
            false => all.extend(grid(dump, policy, options.grid)?),
        }
    }
    Ok(all)
}

/// The policy that a run's own record names.
fn policy_of(records: &[Record], path: &std::path::Path) -> Result<Policy, Failure> {
    let mut runs = records.iter().filter_map(|record| if let Record::Run(run) = record { Some(run) } else { None });
    let policy = runs.find_map(|run| run.notes["policy"].as_str());
    let policy = policy.ok_or_else(|| format!("{}: does not say which policy wrote it", path.display()))?;
    Ok(policy.parse()?)
}

/// A line of the table.
#[derive(Serialize)]
struct Row {
    policy: Policy,
    acceptance_by_steps: Option<f64>,
    acceptance_by_tokens: Option<f64>,
    waste_of_calls: Option<f64>,
    accuracy: Option<f64>,
    /// Seconds a problem, a number for each hardware.
    seconds: Vec<Option<f64>>,
}

impl Row {
    fn new(of: &Prediction, hardware: &[Hardware], reuse: Reuse) -> Self {
        Self {
            policy: of.policy,
            acceptance_by_steps: of.acceptance_by_steps(),
            acceptance_by_tokens: of.acceptance_by_tokens(),
            waste_of_calls: of.waste().and_then(|waste| waste.of_calls),
            accuracy: of.accuracy(),
            seconds: hardware.iter().map(|hardware| of.seconds(hardware, reuse)).collect(),
        }
    }
}

fn print(rows: &[Row], hardware: &[Hardware]) {
    let names: Vec<String> = hardware.iter().map(|one| format!("s a problem, {}", one.name)).collect();
    println!("| policy | accepted steps | tokens | wasted calls | right | {} |", names.join(" | "));
    println!("|---|---|---|---|---|{}", "---|".repeat(hardware.len()));
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}%", 100.0 * share));
    for row in rows {
        let seconds = row.seconds.iter().map(|seconds| seconds.map_or_else(|| "–".to_owned(), |s| format!("{s:.3}")));
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            row.policy,
            share(row.acceptance_by_steps),
            share(row.acceptance_by_tokens),
            share(row.waste_of_calls),
            share(row.accuracy),
            seconds.collect::<Vec<_>>().join(" | "),
        );
    }
}
