//! `arbitrage serve`: the pair behind an HTTP API.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use arbitrage_core::{Drafter, Engine, EngineError, Verifier};
use arbitrage_models::Error;
use arbitrage_router::Policy;
use arbitrage_serve::{ApiKey, Dispatch, Policies, Server};

use crate::Failure;
use crate::cli::ServeOptions;
use crate::interrupt;
use crate::model::{Model, TargetModel};
use crate::pair::{
    LoadedPair, NeededRoles, RouterSource, as_verifier, default_policy, default_scorer, open_router, router_folder,
};
use crate::promise::promise;
use crate::run_notes::run_notes;
use crate::sinks::Sinks;

/// Serves requests until a signal asks for shutdown.
pub(crate) fn run(options: &ServeOptions) -> Result<(), Failure> {
    let models = &options.models;
    let folder = router_folder(models, options.router.as_deref())?;
    let policy = options.policy.unwrap_or_else(|| default_policy(folder.as_deref()));
    let limits = options.limits.limits().with_in_flight(options.in_flight);
    limits.validate()?;
    let segmenter = options.limits.segmenter()?;
    let key = options.api_key_env.as_deref().map(api_key).transpose()?;
    let sinks = Sinks::trace(options.trace.as_deref())?;
    // Binding first reports a taken port before the models are loaded. Clients that connect in the meantime wait.
    let listener = TcpListener::bind(options.bind).map_err(|error| format!("--bind {}: {error}", options.bind))?;

    // Requests may choose other policies, so that both models are needed.
    let LoadedPair { draft, target } = LoadedPair::load(models, NeededRoles::BOTH)?.warmed_up()?;
    let notes = run_notes(models, &options.limits, target.name(), &[]);
    let promise =
        promise(policy, folder.as_deref(), limits, &notes, draft.name())?.filter(|_| options.budget.is_none());
    let target = as_verifier(target, &draft, models.speculation)?;
    let (mut policies, draft) = policies(options, policy, folder.as_deref(), draft, &target)?;
    let promised = promise.as_ref().map(|promise| format!("\npromise: {promise}")).unwrap_or_default();
    if let Some(promise) = promise {
        policies = policies.with_promise(promise);
    }
    let engine = |router: Dispatch| {
        Engine::new(draft, target, router).with_segmenter(segmenter).with_limits(limits).with_sink(sinks)
    };
    let server = configured(Server::new(policies, engine)?, options, key)?;
    anstream::eprintln!(
        "http://{} serves `{}`, by default with {policy}{promised}",
        listener.local_addr()?,
        options.name
    );
    interrupt::listen()?; // Only now: a signal while the models are loaded should end the process at once.
    match server.run(listener, || interrupt::check().is_err())?.aborted_requests {
        0 => Ok(()),
        count => {
            Err(format!("{count} requests did not finish in the grace period and were aborted; see --grace-period")
                .into())
        }
    }
}

/// The policies that requests can choose: with a trained router also `learned`, with a scorer also `rsd`.
fn policies(
    options: &ServeOptions,
    default: Policy,
    folder: Option<&Path>,
    mut draft: Model,
    target: &TargetModel,
) -> Result<(Policies, Model), Failure> {
    let models = &options.models;
    let mut policies = Policies::new(default);
    if folder.is_some() {
        let no_scorer = || Err(Failure::from("a trained router needs no scorer"));
        let source = RouterSource { folder, placement: &models.placement };
        let (learned, with_hidden) = open_router(Policy::Learned(None), source, draft, target, no_scorer)?;
        (policies, draft) = (policies.with_learned(learned), with_hidden);
    }
    if options.scorer || matches!(default, Policy::Rsd(_)) {
        policies = policies.with_scorer(default_scorer(models, Policy::Rsd(0.5), target)?)?;
    }
    if let Some(budget) = options.budget {
        policies = policies.with_budget(budget);
    }
    Ok((policies, draft))
}

/// The server with the options' settings.
fn configured<D: Drafter + 'static, V: Verifier + 'static>(
    server: Server<D, V>,
    options: &ServeOptions,
    key: Option<ApiKey>,
) -> Result<Server<D, V>, Failure> {
    let server = server
        .with_queue_capacity(options.queue_capacity)?
        .with_model_name(&options.name)
        .with_sampling(options.models.temperature, options.models.top_p.unwrap_or(1.0))
        .with_max_body_bytes(options.max_body_bytes)
        .with_grace_period(Duration::from_secs(options.grace_period))
        .with_request_errors(is_prompt_too_long);
    if key.is_none() && !options.bind.ip().is_loopback() {
        anstream::eprintln!(
            "warning: {} is open to other machines and requires no API key; set one with --api-key-env",
            options.bind
        );
    }
    Ok(match key {
        Some(key) => server.with_api_key(key),
        None => server,
    })
}

/// The API key that the variable holds. No message may contain it, not even an error.
fn api_key(variable: &str) -> Result<ApiKey, Failure> {
    let secret = std::env::var(variable).map_err(|_| {
        format!("--api-key-env {variable}: expected a variable with the key, but it is not set or not UTF-8")
    })?;
    Ok(ApiKey::new(&secret).map_err(|error| format!("--api-key-env {variable}: {error}"))?)
}

/// Whether the prompt does not fit the context: an error of the request, not of the server.
fn is_prompt_too_long(error: &EngineError) -> bool {
    let EngineError::Component { step: 0, source, .. } = error else { return false };
    matches!(source.downcast_ref(), Some(Error::ContextFull { .. }))
}
