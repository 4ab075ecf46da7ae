//! `arbitrage serve`.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use arbitrage_core::trace::{JsonlSink, TraceSink};
use arbitrage_core::{Drafter, Engine, EngineError, Verifier};
use arbitrage_models::Error;
use arbitrage_router::Policy;
use arbitrage_serve::{Dispatch, Key, Policies, Server};

use crate::Failure;
use crate::cli::ServeOptions;
use crate::interrupt;
use crate::model::{Model, TargetModel};
use crate::pair::{Pair, RouterPlace, as_verifier, default_policy, router, router_folder, scorer};
use crate::progress_view::Sinks;

/// Serves requests until it is told to stop.
pub fn run(options: &ServeOptions) -> Result<(), Failure> {
    let models = &options.models;
    let folder = router_folder(models, options.router.as_deref())?;
    let usual = options.policy.unwrap_or(default_policy(folder.as_deref()));
    let limits = options.limits.limits().with_in_flight(options.in_flight);
    limits.validate()?;
    let segmenter = options.limits.segmenter()?;
    let key = options.key_env.as_deref().map(key).transpose()?;
    let sinks = sinks(options)?;
    // A port that is taken is to be known before models are loaded; who knocks while they are finds the door slow, not shut.
    let listener = TcpListener::bind(options.bind).map_err(|error| format!("--bind {}: {error}", options.bind))?;

    let Pair { draft, target, .. } = Pair::load(models)?;
    let target = as_verifier(target, &draft, models.guesses)?;
    let (policies, draft) = policies(options, (usual, folder.as_deref()), draft, &target)?;
    let engine = |router: Dispatch| {
        Engine::new(draft, target, router).with_segmenter(segmenter).with_limits(limits).with_sink(sinks)
    };
    let server = settled(Server::new(policies, engine)?, options, key)?;
    anstream::eprintln!("http://{} serves `{}`, usually by {usual}", listener.local_addr()?, options.name);
    interrupt::listen()?; // before, while models are loaded, there is nothing to finish
    match server.run(listener, || interrupt::check().is_err())?.broken_off {
        0 => Ok(()),
        some => Err(format!("the grace time was over: {some} requests were broken off").into()),
    }
}

/// What can be chosen: with a router's folder also `learned`, with a scorer also `rsd`.
fn policies(
    options: &ServeOptions,
    (usual, folder): (Policy, Option<&Path>),
    mut draft: Model,
    target: &TargetModel,
) -> Result<(Policies, Model), Failure> {
    let models = &options.models;
    let mut policies = Policies::new(usual);
    if folder.is_some() {
        let no_scorer = || Err(Failure::from("a trained router needs no scorer"));
        let (learned, told) = router(
            Policy::Learned(None),
            RouterPlace { folder, placement: &models.placement },
            draft,
            target,
            no_scorer,
        )?;
        (policies, draft) = (policies.with_learned(learned), told);
    }
    if options.scorer || matches!(usual, Policy::Rsd(_)) {
        policies = policies.with_scorer(scorer(models, Policy::Rsd(0.5), target)?)?;
    }
    if let Some(most) = options.budget {
        policies = policies.with_budget(most);
    }
    Ok((policies, draft))
}

/// The server under the command's settings.
fn settled<D: Drafter + 'static, V: Verifier + 'static>(
    server: Server<D, V>,
    options: &ServeOptions,
    key: Option<Key>,
) -> Result<Server<D, V>, Failure> {
    let server = server
        .with_queue(options.queue)?
        .with_name(&options.name)
        .with_sampling(options.models.temperature, options.models.top_p.unwrap_or(1.0))
        .with_body_bytes(options.body_bytes)
        .with_grace(Duration::from_secs(options.grace))
        .with_faults(is_the_prompts);
    if key.is_none() && !options.bind.ip().is_loopback() {
        anstream::eprintln!("{} is open to others, and no key is wanted: --key-env asks for one", options.bind);
    }
    Ok(match key {
        Some(key) => server.with_key(key),
        None => server,
    })
}

/// The key that the variable holds. It is said nowhere, not even in an error.
fn key(variable: &str) -> Result<Key, Failure> {
    let secret =
        std::env::var(variable).map_err(|_| format!("--key-env {variable}: the variable is not set, or not text"))?;
    Ok(Key::new(&secret).map_err(|error| format!("--key-env {variable}: {error}"))?)
}

fn sinks(options: &ServeOptions) -> Result<Sinks, Failure> {
    let mut sinks: Vec<Box<dyn TraceSink>> = Vec::new();
    if let Some(path) = &options.trace {
        sinks.push(Box::new(JsonlSink::append(path)?));
    }
    Ok(Sinks(sinks))
}

/// Whether a prompt is too long, which is its sender's affair.
fn is_the_prompts(error: &EngineError) -> bool {
    let EngineError::Component { step: 0, source, .. } = error else { return false };
    matches!(source.downcast_ref(), Some(Error::ContextFull { .. }))
}
