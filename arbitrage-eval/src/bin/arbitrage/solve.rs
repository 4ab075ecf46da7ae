//! `arbitrage solve`.

use std::io::{IsTerminal, Read, Write};
use std::time::Instant;

use arbitrage_core::router::Budget;
use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::{JsonlSink, TraceSink};
use arbitrage_core::{AdvantageRouter, Author, Engine, Overlap, Problem, Shared, StepScorer};

use crate::Failure;
use crate::cli::{self, SolveOptions};
use crate::live::{Screen, Sinks};
use crate::pair::{Pair, guessing};
use crate::summary::Summary;

/// Solves one problem and shows it.
pub fn run(options: &SolveOptions) -> Result<(), Failure> {
    let problem = Problem::new(question(options)?).with_seed(options.seed);
    let policy = options.tau.map_or(Ok(options.policy), |tau| options.policy.with_threshold(tau))?;
    let limits = options.limits.limits();
    limits.validate()?;
    let segmenter = options.limits.segmenter()?;
    if !policy.needs_scorer() {
        policy.router(None)?; // refuses a wrong threshold before a model is loaded
    }

    let Pair { mut draft, mut target, target_seconds_per_token } = Pair::load(&options.models)?;
    let screen = (!options.json).then(Screen::new);
    if let Some(screen) = &screen {
        // What is drafted ahead may fall, and would be shown in the middle of what the target writes.
        if options.overlap == cli::Overlap::Off {
            draft = draft.with_listener(screen.listener(Author::Draft));
        }
        target = target.with_listener(screen.listener(Author::Target));
    }
    let target = guessing(target, &draft, options.models.guesses)?;
    let target = Shared::new(target, "target");
    let scorer = policy.needs_scorer().then(|| Box::new(Judge::new(target.clone())) as Box<dyn StepScorer>);
    let router: Box<dyn AdvantageRouter> = match (policy.router(scorer)?, options.budget) {
        (router, Some(most)) => Box::new(Budget::new(router, most)),
        (router, None) => router,
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

fn question(options: &SolveOptions) -> Result<String, Failure> {
    if let Some(question) = &options.question {
        return Ok(question.clone());
    }
    if std::io::stdin().is_terminal() {
        return Err("no question: give it as an argument, or on standard input".into());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn overlap(options: &SolveOptions) -> Overlap {
    match options.overlap {
        cli::Overlap::Off => Overlap::Off,
        cli::Overlap::On => Overlap::On,
        cli::Overlap::Measured => Overlap::Measured,
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
