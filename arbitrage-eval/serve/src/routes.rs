//! What is found at which address.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::answer::{Answer, now};
use super::asked::{Kind, Settings};
use super::event::{Event, Events};
use super::key::Key;
use super::metrics::Metrics;
use super::queue::{Phase, Queue};
use super::refusal::{Refusal, json_response};
use super::stream;

/// Time in which a request's body has to come.
const BODY_TIME: Duration = Duration::from_secs(30);

/// What all requests share.
pub(super) struct App {
    pub settings: Settings,
    pub key: Option<Key>,
    pub body_bytes: usize,
    pub queue: Arc<Queue>,
    pub metrics: Arc<Metrics>,
    /// The models' own names.
    pub draft: String,
    pub target: String,
}

type Shared = State<Arc<App>>;

/// The addresses. Those below `/v1` are locked where there is a key.
pub(super) fn routes(app: Arc<App>) -> Router {
    let locked = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(text))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model));
    Router::new()
        .merge(locked)
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async |uri: Uri| Refusal::Route(uri.path().chars().take(80).collect()))
        .method_not_allowed_fallback(async |method: Method| Refusal::Method(method.to_string()))
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

/// Looks for the key, and counts the answer.
async fn guard(State(app): Shared, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let endpoint = endpoint(path);
    let locked = path.starts_with("/v1/") && app.key.as_ref().is_some_and(|key| !key.opens(request.headers()));
    let response = if locked { Refusal::Key.into_response() } else { next.run(request).await };
    app.metrics.answered(endpoint, response.status().as_u16());
    response
}

/// The address as it is counted: what clients invent gets no row of its own.
fn endpoint(path: &str) -> &'static str {
    match path {
        "/v1/chat/completions" => "chat/completions",
        "/v1/completions" => "completions",
        "/health" | "/ready" => "health",
        "/metrics" => "metrics",
        _ if path.starts_with("/v1/models") => "models",
        _ => "other",
    }
}

async fn chat(app: Shared, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    complete(app, Kind::Chat, &headers, body).await
}

async fn text(app: Shared, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    complete(app, Kind::Text, &headers, body).await
}

async fn complete(State(app): Shared, kind: Kind, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let asked = app.settings.read(kind, &whole_body(&app, headers, body).await?)?;
    let prefix = if kind == Kind::Chat { "chatcmpl" } else { "cmpl" };
    let answer = Answer::new(&asked, format!("{prefix}-{:016x}", super::asked::unlike_others()));
    let id = HeaderValue::from_str(answer.id()).map_err(|error| Refusal::Failed(error.to_string()))?;
    let events = app.queue.submit(asked.problem.with_id(answer.id()), asked.choice)?;
    let mut response = match asked.stream {
        Some(streaming) => stream::respond(answer, events, streaming).await?,
        None => in_one_piece(&answer, events).await?,
    };
    response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    Ok(response)
}

/// The body, unless it is too long, too slow or not what it should be. Asking for JSON also keeps web pages out, which may send
/// anything else to a loopback address unasked.
async fn whole_body(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let content = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("what is no text"));
    let kind = content.map(|content| content.split(';').next().unwrap_or_default().trim());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::Type(kind.unwrap_or("none").chars().take(80).collect()));
    }
    let long = || Refusal::Size(app.body_bytes);
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > app.body_bytes) {
        return Err(long());
    }
    match timeout(BODY_TIME, Limited::new(body, app.body_bytes).collect()).await {
        Err(_late) => Err(Refusal::Slow(BODY_TIME.as_secs())),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(long()),
        Ok(Err(error)) => Err(Refusal::Body(error.to_string())),
    }
}

async fn in_one_piece(answer: &Answer, mut events: Events) -> Result<Response, Refusal> {
    let mut steps = Vec::new();
    loop {
        match events.next().await {
            Event::Step(step) => steps.push(step),
            Event::End(end) => return Ok(json_response(StatusCode::OK, &answer.whole(&steps, &*end?))),
        }
    }
}

fn described(app: &App, name: &str) -> Value {
    let parts = match name.rsplit_once(':') {
        Some((_, "draft")) => json!({"draft": app.draft}),
        Some((_, "target")) => json!({"target": app.target}),
        _ => {
            json!({"draft": app.draft, "target": app.target, "policy": app.settings.available.usual, "policies": app.settings.available.known()})
        }
    };
    json!({"id": name, "object": "model", "created": now(), "owned_by": "arbitrage", "arbitrage": parts})
}

async fn models(State(app): Shared) -> Response {
    let data: Vec<_> = app.settings.models().iter().map(|(name, _)| described(&app, name)).collect();
    json_response(StatusCode::OK, &json!({"object": "list", "data": data}))
}

async fn model(State(app): Shared, name: Result<Path<String>, PathRejection>) -> Result<Response, Refusal> {
    let Path(name) = name.map_err(|_| Refusal::Route("a name that is not UTF-8".to_owned()))?;
    let known = app.settings.models().iter().any(|(known, _)| *known == name);
    if !known {
        return Err(app.settings.unknown(&name));
    }
    Ok(json_response(StatusCode::OK, &described(&app, &name)))
}

/// Whether the engine lives.
async fn health(State(app): Shared) -> Response {
    match app.queue.phase() {
        Phase::Ended => json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "stopped"})),
        _ => json_response(StatusCode::OK, &json!({"status": "ok"})),
    }
}

/// Whether requests are taken.
async fn ready(State(app): Shared) -> Result<Response, Refusal> {
    match app.queue.phase() {
        Phase::Open => Ok(json_response(StatusCode::OK, &json!({"status": "ready"}))),
        _ => Err(Refusal::Stopping),
    }
}

async fn metrics(State(app): Shared) -> Result<Response, Refusal> {
    let text = app.metrics.text().map_err(|error| Refusal::Failed(error.to_string()))?;
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content)], text).into_response())
}
