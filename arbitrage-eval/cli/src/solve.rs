//! `arbitrage solve`: one problem, shown while it is solved.

use std::io::{IsTerminal, Read, Write};
use std::time::Instant;

use arbitrage_core::router::Budget;
use arbitrage_core::{AdvantageRouter, Author, Drafter, Engine, Overlap, Problem};
use arbitrage_mini::{Generator, Stream};

use crate::Failure;
use crate::cli::{OverlapOption, PairOptions, SolveOptions};
use crate::live_view::LiveView;
use crate::pair::{
    DEFAULT_PAIR, LoadedPair, MINI, NeededRoles, RouterSource, as_verifier, default_policy, default_scorer,
    open_router, router_folder, seconds_per_token,
};
use crate::promise::promise;
use crate::run_notes::run_notes;
use crate::sinks::Sinks;
use crate::summary::{SolutionSummary, SolveTimes, representative_seconds_per_token};

/// Solves one problem and shows it.
pub(crate) fn run(options: &SolveOptions) -> Result<(), Failure> {
    let ResolvedProblem { pair, problem } = resolve_problem(options)?;
    let models = &PairOptions { pair: Some(pair), ..options.models.clone() };
    let folder = router_folder(models, options.router.as_deref())?;
    let policy = options.policy.unwrap_or_else(|| default_policy(folder.as_deref()));
    let policy = options.tau.map_or(Ok(policy), |tau| policy.with_threshold(tau))?;
    let limits = options.limits.limits();
    limits.validate()?;
    let segmenter = options.limits.segmenter()?;
    policy.check(None)?; // refuses a threshold out of range before a model is loaded

    let mut pair = LoadedPair::load(models, NeededRoles::of(policy, models.speculation, options.budget.is_some()))?;
    // The processor needs no warm-up, and the first step reports what cannot be used.
    if models.placement.backends().is_some() {
        pair = pair.warmed_up()?;
    }
    let LoadedPair { mut draft, mut target } = pair;
    let mut idle_target = target.share();
    let mut sinks = Sinks::trace(options.trace.as_deref())?;
    if !options.json {
        let view = LiveView::new();
        // With overlap a step that is drafted ahead may be dropped, and would appear in the middle of the target's step.
        if options.overlap == OverlapOption::Off {
            draft = draft.with_listener(view.listener(Author::Draft));
        }
        target = target.with_listener(view.listener(Author::Target));
        sinks = sinks.with(view);
    }
    let promise = match options.budget {
        Some(_) => None, // a budget may let the draft write what the router escalates
        None => {
            let notes = run_notes(models, &options.limits, target.name(), std::slice::from_ref(&problem));
            promise(policy, folder.as_deref(), limits, &notes, draft.name())?
        }
    };
    let target = as_verifier(target, &draft, models.speculation)?;
    let scorer = || default_scorer(models, policy, &target);
    let source = RouterSource { folder: folder.as_deref(), placement: &models.placement };
    let (router, draft) = open_router(policy, source, draft, &target, scorer)?;
    let router: Box<dyn AdvantageRouter> = match options.budget {
        Some(budget) => Box::new(Budget::new(router, budget)),
        None => router,
    };

    options.profile.start();
    let mut engine = Engine::new(draft, target, options.profile.count_router(router))
        .with_segmenter(segmenter)
        .with_limits(limits)
        .with_overlap(match options.overlap {
            OverlapOption::Off => Overlap::Off,
            OverlapOption::On => Overlap::On,
        })
        .with_sink(sinks);
    let start = Instant::now();
    let solution = engine.solve(&problem)?;
    let seconds = start.elapsed().as_secs_f64();
    let profile = options.profile.counted();
    let target_seconds_per_token = representative_seconds_per_token(&solution).or_else(|| {
        let measured = seconds_per_token(&mut idle_target);
        measured.inspect_err(|error| anstream::eprintln!("warning: the target could not be timed: {error}")).ok()?
    });
    let times = SolveTimes { seconds, target_seconds_per_token };
    let summary = SolutionSummary::new(&problem, &solution, policy, times).with_promise(promise);
    let mut out = anstream::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        writeln!(out, "{summary}")?;
    }
    if let Some(profile) = profile {
        anstream::eprintln!("\n{profile}");
    }
    Ok(())
}

/// A problem, and the pair that solves it.
struct ResolvedProblem {
    pair: String,
    problem: Problem,
}

/// A given question is for the default pair unless another one is named. Without a question, a problem is generated for the mini pair.
fn resolve_problem(options: &SolveOptions) -> Result<ResolvedProblem, Failure> {
    let pair = options.models.pair.clone();
    if let Some(question) = question(options)? {
        let problem = Problem::new(question).with_seed(options.seed.unwrap_or(0));
        return Ok(ResolvedProblem { pair: pair.unwrap_or_else(|| DEFAULT_PAIR.to_owned()), problem });
    }
    let is_mini = pair.as_deref().is_none_or(|name| name == MINI);
    if !is_mini || options.models.draft.is_some() || options.models.target.is_some() {
        return Err("no question: give it as an argument, or on standard input".into());
    }
    let index = options.seed.unwrap_or_else(|| random_number() % 100_000);
    let problem = Generator::default().problem(Stream::Test, index).problem;
    if !options.json {
        anstream::println!("{} (repeat with --seed {index})\n\n{}\n", problem.id, problem.question);
    }
    Ok(ResolvedProblem { pair: MINI.to_owned(), problem })
}

/// A number that differs from call to call.
fn random_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

fn question(options: &SolveOptions) -> Result<Option<String>, Failure> {
    if options.question.is_some() || std::io::stdin().is_terminal() {
        return Ok(options.question.clone());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok((!text.trim().is_empty()).then_some(text))
}
