//! `arbitrage run`: many problems, one policy.

use std::collections::BTreeMap;

use arbitrage_core::trace::{SolutionRecord, Trace};
use arbitrage_core::{Drafter, Problem, Usage};
use arbitrage_eval::gold::Gold;
use arbitrage_router::metrics::{Bootstrap, Clusters, weighted_mean};

use crate::Failure;
use crate::batch::ProblemBatch;
use crate::cli::RunOptions;
use crate::interrupt;
use crate::pair::{LoadedPair, NeededRoles, RouterSource, as_verifier, default_scorer, open_router, router_folder};
use crate::placement::ModelRole;
use crate::promise::promise;
use crate::rollouts::no_rollouts;
use crate::run_notes::with_policy;
use crate::scorer_choice::Scorer;

/// Solves the problems that the trace has no solution of, and reports on all solutions in the trace.
pub(crate) fn run(options: &RunOptions) -> Result<(), Failure> {
    let batch = ProblemBatch::open(&options.batch)?;
    let models = &options.batch.models;
    let folder = router_folder(models, options.router.as_deref())?;
    let needed = NeededRoles::of(options.policy, models.speculation, false);
    let LoadedPair { draft, target } = LoadedPair::load(models, needed)?.warmed_up()?;
    let mut notes = with_policy(batch.notes(target.name()), options.policy, folder.as_deref())?;
    notes.scorer = options.scorer.as_ref().map(|scorer| scorer.note(None)).transpose()?;
    let promise = promise(options.policy, folder.as_deref(), options.batch.limits.limits(), &notes, draft.name())?;
    notes.promise = promise.as_ref().map(ToString::to_string);
    let target = target.with_hidden(matches!(options.scorer, Some(Scorer::Head(_))), "a head")?;
    let target = as_verifier(target, &draft, models.speculation)?;
    let load = models.placement.load(ModelRole::Scorer)?;
    let scorer = || match &options.scorer {
        Some(scorer) => scorer.open(|what| target.local(what), &batch.set.rows, no_rollouts, &load),
        None => default_scorer(models, options.policy, &target),
    };
    let source = RouterSource { folder: folder.as_deref(), placement: &models.placement };
    let (router, draft) = open_router(options.policy, source, draft, &target, scorer)?;
    let (gold, problems) = (batch.set.gold.clone(), batch.set.problems.clone());
    options.profile.start();
    let solved = batch.solve(draft, target, options.profile.count_router(router), notes, |_| String::new());
    if let Some(profile) = options.profile.counted() {
        eprintln!("\n{profile}");
    }
    if solved.is_ok() || interrupt::check().is_err() {
        report(options, &problems, &gold)?;
        if let Some(promise) = promise {
            println!("promise: {promise}");
        }
    }
    solved
}

fn report(options: &RunOptions, problems: &[Problem], gold: &Gold) -> Result<(), Failure> {
    let trace = Trace::read(&options.batch.out)?;
    let solutions = trace.solutions();
    let usage: Usage = solutions.iter().map(|solution| solution.usage).sum();
    let count = solutions.len().max(1) as f64;
    let steps = usage.accepted_steps + usage.escalated_steps;
    println!(
        "{}: {} problems, {:.1}% of {steps} steps by the target, {:.3} s per problem (draft {:.3}, target {:.3}, router {:.4})",
        options.policy,
        solutions.len(),
        100.0 * usage.escalated_steps as f64 / steps.max(1) as f64,
        (usage.draft.seconds + usage.target.seconds + usage.router_seconds) / count,
        usage.draft.seconds / count,
        usage.target.seconds / count,
        usage.router_seconds / count,
    );
    if let Some(line) = router_time(&usage) {
        println!("{line}");
    }
    let graded = grade(&solutions, problems, gold);
    if !graded.is_empty() {
        let right = graded.values().filter(|right| **right).count();
        println!("right: {right} of {} ({:.1}%)", graded.len(), 100.0 * right as f64 / graded.len() as f64);
    }
    if let Some(path) = &options.against {
        let other = grade(&Trace::read(path)?.solutions(), problems, gold);
        println!("against {}: {}", path.display(), difference(&graded, &other)?);
    }
    Ok(())
}

/// The router's time per drafted step; `None` where nothing was drafted or timed.
fn router_time(usage: &Usage) -> Option<String> {
    let steps = usage.draft.calls as f64;
    let share = usage.router_seconds / usage.draft.seconds;
    let [router, draft] = [usage.router_seconds, usage.draft.seconds].map(|seconds| 1000.0 * seconds / steps);
    share
        .is_finite()
        .then(|| format!("router: {router:.3} ms per drafted step, {:.2}% of the draft's {draft:.3} ms", 100.0 * share))
}

/// Whether each problem was solved, for those with a gold answer.
fn grade(solutions: &[&SolutionRecord], problems: &[Problem], gold: &Gold) -> BTreeMap<String, bool> {
    let by_id: BTreeMap<&str, &Problem> = problems.iter().map(|problem| (problem.id.as_str(), problem)).collect();
    let graded = |solution: &&SolutionRecord| {
        let problem = by_id.get(solution.problem.as_str())?;
        Some((solution.problem.clone(), gold.is_solved(problem, &solution.text).ok()?))
    };
    solutions.iter().filter_map(graded).collect()
}

/// The difference in accuracy on the problems that both runs have.
fn difference(this: &BTreeMap<String, bool>, other: &BTreeMap<String, bool>) -> Result<String, Failure> {
    let value = |right: bool| f64::from(u8::from(right));
    let gains: Vec<f64> = this.iter().filter_map(|(id, right)| Some(value(*right) - value(*other.get(id)?))).collect();
    let mean = |weights: &[u32]| weighted_mean(&gains, weights);
    let interval = Bootstrap::default().interval(&Clusters::new(0..gains.len()), mean);
    let interval = interval.ok_or("--against: expected a run on the same problems, but the two runs share none")?;
    let [value, low, high] = [interval.value, interval.low, interval.high].map(|share| 100.0 * share);
    Ok(format!("{value:+.2} points [{low:+.2}, {high:+.2}] on {} problems", gains.len()))
}
