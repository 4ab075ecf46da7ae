//! `arbitrage run`: many problems, one policy.

use std::collections::BTreeMap;
use std::path::Path;

use arbitrage_core::trace::{Record, SolutionRecord, read_jsonl};
use arbitrage_core::{Drafter, Problem, Usage};
use arbitrage_eval::gold::Gold;
use arbitrage_models::source::file_digest;
use arbitrage_router::Policy;
use arbitrage_router::metrics::{Bootstrap, Clusters};
use serde_json::{Value, json};

use crate::Failure;
use crate::batch::Batch;
use crate::cli::RunOptions;
use crate::interrupt;
use crate::pair::{Pair, RouterPlace, as_verifier, router, router_folder, scorer};
use crate::placement::Role;
use crate::rollouts::no_rollouts;
use crate::scorer::Scorer;

/// Solves what is not solved yet, and reports on everything in the output.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    let batch = Batch::open(&options.batch)?;
    let models = &options.batch.models;
    let folder = router_folder(models, options.router.as_deref())?;
    let Pair { draft, target, .. } = Pair::load(models)?;
    let notes = notes(options, batch.notes(target.name()), folder.as_deref())?;
    let target = target.with_hidden(matches!(options.scorer, Some(Scorer::Head(_))), "a head")?;
    let target = as_verifier(target, &draft, models.guesses)?;
    let load = models.placement.load(Role::Scorer)?;
    let asked = || match &options.scorer {
        Some(scorer) => scorer.open(|what| target.local(what), batch.rows(), no_rollouts, &load),
        None => scorer(models, options.policy, &target),
    };
    let (router, draft) = router(
        options.policy,
        RouterPlace { folder: folder.as_deref(), placement: &models.placement },
        draft,
        &target,
        asked,
    )?;
    let (gold, problems) = (batch.gold().clone(), batch.problems().to_vec());
    let solved = batch.solve((draft, target), router, notes, |_| String::new());
    if solved.is_ok() || interrupt::check().is_err() {
        report(options, &problems, &gold)?;
    }
    solved.map(drop)
}

/// A trained router is known by its weights; its τ is part of its name.
fn notes(options: &RunOptions, mut notes: Value, router: Option<&Path>) -> Result<Value, Failure> {
    notes["policy"] = json!(options.policy.to_string());
    if let (Policy::Learned(_), Some(folder)) = (options.policy, router) {
        notes["router"] = json!(file_digest(folder.join("model.safetensors"))?);
    }
    if let Some(scorer) = &options.scorer {
        notes["scorer"] = scorer.note(None)?;
    }
    Ok(notes)
}

fn report(options: &RunOptions, problems: &[Problem], gold: &Gold) -> Result<(), Failure> {
    let solutions = solutions(&options.batch.out)?;
    let usage: Usage = solutions.iter().map(|solution| solution.usage).sum();
    let count = solutions.len().max(1) as f64;
    let steps = usage.accepted_steps + usage.escalated_steps;
    println!(
        "{}: {} problems, {:.1}% of {steps} steps by the target, {:.3} s a problem (draft {:.3}, target {:.3}, router {:.4})",
        options.policy,
        solutions.len(),
        100.0 * usage.escalated_steps as f64 / steps.max(1) as f64,
        (usage.draft.seconds + usage.target.seconds + usage.router_seconds) / count,
        usage.draft.seconds / count,
        usage.target.seconds / count,
        usage.router_seconds / count,
    );
    if let Some(line) = added_time(&usage) {
        println!("{line}");
    }
    let graded = grade(&solutions, problems, gold);
    if !graded.is_empty() {
        let right = graded.values().filter(|right| **right).count();
        println!("right: {right} of {} ({:.1}%)", graded.len(), 100.0 * right as f64 / graded.len() as f64);
    }
    if let Some(path) = &options.against {
        let other = grade(&self::solutions(path)?, problems, gold);
        println!("against {}: {}", path.display(), difference(&graded, &other)?);
    }
    Ok(())
}

/// What the router adds to each drafted step; `None` where nothing was drafted, or no time measured.
fn added_time(usage: &Usage) -> Option<String> {
    let steps = usage.draft.calls as f64;
    let share = usage.router_seconds / usage.draft.seconds;
    let [router, draft] = [usage.router_seconds, usage.draft.seconds].map(|seconds| 1000.0 * seconds / steps);
    share.is_finite().then(|| {
        format!(
            "router: {router:.3} ms a drafted step, {:.2}% of the {draft:.3} ms that drafting it takes",
            100.0 * share
        )
    })
}

fn solutions(path: &Path) -> Result<Vec<SolutionRecord>, Failure> {
    let solution = |record| if let Record::Solution(solution) = record { Some(solution) } else { None };
    Ok(read_jsonl(path)?.into_iter().filter_map(solution).collect())
}

/// Which problems were solved, of those whose answer is known.
fn grade(solutions: &[SolutionRecord], problems: &[Problem], gold: &Gold) -> BTreeMap<String, bool> {
    let by_id: BTreeMap<&str, &Problem> = problems.iter().map(|problem| (problem.id.as_str(), problem)).collect();
    let graded = |solution: &SolutionRecord| {
        let problem = by_id.get(solution.problem.as_str())?;
        Some((solution.problem.clone(), gold.is_solved(problem, &solution.text).ok()?))
    };
    solutions.iter().filter_map(graded).collect()
}

/// The difference in the share of solved problems, over those that both runs have.
fn difference(own: &BTreeMap<String, bool>, other: &BTreeMap<String, bool>) -> Result<String, Failure> {
    let gains: Vec<f64> = own
        .iter()
        .filter_map(|(id, own)| other.get(id).map(|other| f64::from(u8::from(*own)) - f64::from(u8::from(*other))))
        .collect();
    let mean = |weights: &[u32]| {
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        Some(weights.iter().zip(&gains).map(|(weight, gain)| f64::from(*weight) * gain).sum::<f64>() / total)
    };
    let interval = Bootstrap::default().interval(&Clusters::new(0..gains.len()), mean);
    let interval = interval.ok_or("the two runs share no problem")?;
    let [value, low, high] = [interval.value, interval.low, interval.high].map(|share| 100.0 * share);
    Ok(format!("{value:+.2} points [{low:+.2}, {high:+.2}] on {} problems", gains.len()))
}
