//! `arbitrage run`: many problems, one policy.

use arbitrage_core::trace::{JsonlSink, Record, SolutionRecord, read_jsonl};
use arbitrage_core::{Engine, Problem, Shared, Usage};
use arbitrage_eval::mini;
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::RunOptions;
use crate::collect::{problems, solved};
use crate::pair::{Pair, guessing, router, router_folder, scorer};
use crate::progress::style;

/// Solves what is not solved yet, and reports on everything in the output.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    let all = problems(&options.problems)?;
    let done = solved(&options.out)?;
    let open: Vec<Problem> = all.iter().filter(|problem| !done.contains(&problem.id)).cloned().collect();
    let folder = router_folder(&options.models, options.router.as_deref())?;
    let Pair { draft, target, .. } = Pair::load(&options.models)?;
    let target = Shared::new(guessing(target, &draft, options.models.guesses)?, "target");
    let asked = || scorer(&options.models, options.policy, &target);
    let (router, draft) = router(options.policy, folder.as_deref(), draft, &target, asked)?;
    let mut engine = Engine::new(draft, target, router)
        .with_segmenter(options.limits.segmenter()?)
        .with_limits(options.limits.limits().with_in_flight(options.problems.in_flight))
        .with_sink(JsonlSink::append(&options.out)?);
    let bar = ProgressBar::new(all.len() as u64).with_style(style("{wide_bar} {pos}/{len} {elapsed} {eta}"));
    bar.set_position((all.len() - open.len()) as u64);
    engine.solve_each(&open, |index, answer| {
        if let Err(error) = answer {
            bar.suspend(|| anstream::eprintln!("problem {}: {error}", open[index].id));
        }
        bar.inc(1);
    });
    bar.finish();
    report(options, &all)
}

fn report(options: &RunOptions, problems: &[Problem]) -> Result<(), Failure> {
    let solution = |record| if let Record::Solution(solution) = record { Some(solution) } else { None };
    let solutions: Vec<SolutionRecord> = read_jsonl(&options.out)?.into_iter().filter_map(solution).collect();
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
    if options.problems.mini.is_some() {
        let right = |solution: &&SolutionRecord| {
            let problem = problems.iter().find(|problem| problem.id == solution.problem);
            problem.is_some_and(|problem| mini::is_solved(problem, &solution.text).unwrap_or(false))
        };
        let right = solutions.iter().filter(right).count();
        println!("right: {right} of {} ({:.1}%)", solutions.len(), 100.0 * right as f64 / count);
    }
    Ok(())
}
