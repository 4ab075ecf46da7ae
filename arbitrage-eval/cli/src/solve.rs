//! `arbitrage solve`.

use std::io::{IsTerminal, Read, Write};
use std::time::Instant;

use arbitrage_core::router::Budget;
use arbitrage_core::trace::{JsonlSink, TraceSink};
use arbitrage_core::{AdvantageRouter, Author, Engine, Overlap, Problem};

use arbitrage_mini::{Generator, Stream};
use arbitrage_router::Policy;

use crate::Failure;
use crate::cli::{self, PairOptions, SolveOptions};
use crate::pair::{self, Pair, RouterPlace, as_verifier, default_policy, router, router_folder, scorer};
use crate::progress_view::{Screen, Sinks};
use crate::summary::Summary;

/// Solves one problem and shows it.
pub fn run(options: &SolveOptions) -> Result<(), Failure> {
    let (pair, problem) = posed(options)?;
    let models = &PairOptions { pair: Some(pair), ..options.models.clone() };
    let folder = router_folder(models, options.router.as_deref())?;
    let policy = options.policy.unwrap_or(default_policy(folder.as_deref()));
    let policy = options.tau.map_or(Ok(policy), |tau| policy.with_threshold(tau))?;
    let limits = options.limits.limits();
    limits.validate()?;
    let segmenter = options.limits.segmenter()?;
    if !policy.needs_scorer() && !matches!(policy, Policy::Learned(_)) {
        policy.router(None)?; // refuses a wrong threshold before a model is loaded
    }

    let Pair { mut draft, mut target, target_seconds_per_token } = Pair::load(models)?;
    let screen = (!options.json).then(Screen::new);
    if let Some(screen) = &screen {
        // What is drafted ahead may fall, and would be shown in the middle of what the target writes.
        if options.overlap == cli::Overlap::Off {
            draft = draft.with_listener(screen.listener(Author::Draft));
        }
        target = target.with_listener(screen.listener(Author::Target));
    }
    let target = as_verifier(target, &draft, models.guesses)?;
    let asked = || scorer(models, policy, &target);
    let (router, draft) =
        router(policy, RouterPlace { folder: folder.as_deref(), placement: &models.placement }, draft, &target, asked)?;
    let router: Box<dyn AdvantageRouter> = match options.budget {
        Some(most) => Box::new(Budget::new(router, most)),
        None => router,
    };

    let mut engine = Engine::new(draft, target, router)
        .with_segmenter(segmenter)
        .with_limits(limits)
        .with_overlap(overlap(options))
        .with_sink(sinks(options, screen)?);
    let start = Instant::now();
    let solution = engine.solve(&problem)?;
    let summary = Summary::new(&problem, &solution, policy, start.elapsed().as_secs_f64(), target_seconds_per_token);
    let mut out = anstream::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        writeln!(out, "{summary}")?;
    }
    Ok(())
}

/// The pair and the problem: a question goes to the real pair unless another is named; without one, a problem is drawn for the
/// mini pair.
fn posed(options: &SolveOptions) -> Result<(String, Problem), Failure> {
    let named = options.models.pair.clone();
    if let Some(question) = question(options)? {
        let problem = Problem::new(question).with_seed(options.seed.unwrap_or(0));
        return Ok((named.unwrap_or_else(|| pair::DEFAULT.to_owned()), problem));
    }
    let mini = named.as_deref().is_none_or(|name| name == pair::MINI);
    if !mini || options.models.draft.is_some() || options.models.target.is_some() {
        return Err("no question: give it as an argument, or on standard input".into());
    }
    let index = options.seed.unwrap_or_else(|| drawn() % 100_000);
    let problem = Generator::default().problem(Stream::Test, index).problem;
    if !options.json {
        anstream::println!("{} (again with --seed {index})\n\n{}\n", problem.id, problem.question);
    }
    Ok((pair::MINI.to_owned(), problem))
}

/// A number that differs from call to call.
fn drawn() -> u64 {
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

fn overlap(options: &SolveOptions) -> Overlap {
    match options.overlap {
        cli::Overlap::Off => Overlap::Off,
        cli::Overlap::On => Overlap::On,
    }
}

fn sinks(options: &SolveOptions, screen: Option<Screen>) -> Result<Sinks, Failure> {
    let mut sinks: Vec<Box<dyn TraceSink>> = Vec::new();
    if let Some(path) = &options.trace {
        sinks.push(Box::new(JsonlSink::append(path)?));
    }
    if let Some(screen) = screen {
        sinks.push(Box::new(screen));
    }
    Ok(Sinks(sinks))
}
