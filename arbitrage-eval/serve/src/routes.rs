//! The routes of the server and their handlers.

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

use super::api_error::{ApiError, json_response};
use super::api_key::ApiKey;
use super::event::{EventReceiver, RequestEvent};
use super::metrics::ServerMetrics;
use super::queue::{RequestQueue, ServerPhase};
use super::request::{CompletionKind, ServedModel};
use super::response::{ResponseBuilder, unix_seconds};
use super::stream;

/// Time within which the body of a request must be complete.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The state that all handlers share.
pub(super) struct AppState {
    pub model: ServedModel,
    /// The key that requests to `/v1` need.
    pub api_key: Option<ApiKey>,
    pub max_body_bytes: usize,
    pub queue: Arc<RequestQueue>,
    pub metrics: Arc<ServerMetrics>,
    pub draft_name: String,
    pub target_name: String,
}

type SharedState = State<Arc<AppState>>;

/// All routes. Those below `/v1` need the API key where there is one.
pub(super) fn routes(app: Arc<AppState>) -> Router {
    let api = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(text))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model));
    Router::new()
        .merge(api)
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async |uri: Uri| ApiError::UnknownPath(uri.path().chars().take(80).collect()))
        .method_not_allowed_fallback(async |method: Method| ApiError::MethodNotAllowed(method.to_string()))
        .layer(middleware::from_fn_with_state(app.clone(), authorize))
        .with_state(app)
}

/// Checks the API key, and counts the response.
async fn authorize(State(app): SharedState, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let endpoint = endpoint(path);
    let is_denied =
        path.starts_with("/v1/") && app.api_key.as_ref().is_some_and(|key| !key.authorizes(request.headers()));
    let response = if is_denied { ApiError::InvalidKey.into_response() } else { next.run(request).await };
    app.metrics.count_response(endpoint, response.status().as_u16());
    response
}

/// The label of a path in the metrics. Unknown paths share one label, so that clients cannot create new ones.
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

async fn chat(app: SharedState, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    complete(app, CompletionKind::Chat, &headers, body).await
}

async fn text(app: SharedState, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    complete(app, CompletionKind::Text, &headers, body).await
}

async fn complete(
    State(app): SharedState,
    kind: CompletionKind,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let request = app.model.parse(kind, &whole_body(&app, headers, body).await?)?;
    let prefix = if kind == CompletionKind::Chat { "chatcmpl" } else { "cmpl" };
    let builder = ResponseBuilder::new(&request, format!("{prefix}-{:016x}", super::request::random_u64()));
    let id = HeaderValue::from_str(builder.id()).map_err(|error| ApiError::EngineFailed(error.to_string()))?;
    let events = app.queue.submit(request.problem.with_id(builder.id()), request.choice)?;
    let mut response = match request.stream {
        Some(options) => stream::respond(builder, events, options).await?,
        None => respond_whole(&builder, events).await?,
    };
    response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    Ok(response)
}

/// The body, unless it is too long, too slow or not JSON by its type. Requiring that type also keeps web pages out: browsers let them send
/// other types to a loopback address without asking the server first.
async fn whole_body(app: &AppState, headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    let content = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("an unreadable type"));
    let kind = content.map(|content| content.split(';').next().unwrap_or_default().trim());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(ApiError::UnsupportedMediaType(kind.unwrap_or("none").chars().take(80).collect()));
    }
    let too_large = || ApiError::BodyTooLarge(app.max_body_bytes);
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > app.max_body_bytes) {
        return Err(too_large());
    }
    match timeout(BODY_TIMEOUT, Limited::new(body, app.max_body_bytes).collect()).await {
        Err(_elapsed) => Err(ApiError::BodyTimeout(BODY_TIMEOUT.as_secs())),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(ApiError::UnreadableBody(error.to_string())),
    }
}

async fn respond_whole(builder: &ResponseBuilder, mut events: EventReceiver) -> Result<Response, ApiError> {
    let mut steps = Vec::new();
    loop {
        match events.next().await {
            RequestEvent::Step(step) => steps.push(step),
            RequestEvent::End(end) => return Ok(json_response(StatusCode::OK, &builder.completion(&steps, &*end?))),
        }
    }
}

/// The description of a model: which of the pair's models it uses, and the policies that requests may choose.
fn model_description(app: &AppState, name: &str) -> Value {
    let parts = match name.rsplit_once(':') {
        Some((_, "draft")) => json!({"draft": app.draft_name}),
        Some((_, "target")) => json!({"target": app.target_name}),
        _ => pair_description(app),
    };
    json!({"id": name, "object": "model", "created": unix_seconds(), "owned_by": "arbitrage", "arbitrage": parts})
}

/// The models of the pair, the policies, and what is promised of the default policy: its terms, and as a sentence.
fn pair_description(app: &AppState) -> Value {
    let capabilities = &app.model.capabilities;
    let mut description = json!({
        "draft": app.draft_name,
        "target": app.target_name,
        "policy": capabilities.default_policy,
        "policies": capabilities.policy_names(),
    });
    if let Some(promise) = &capabilities.promise {
        description["promise"] = json!(promise);
        description["promise"]["text"] = promise.to_string().into();
    }
    description
}

async fn models(State(app): SharedState) -> Response {
    let data: Vec<_> = app.model.models().iter().map(|(name, _)| model_description(&app, name)).collect();
    json_response(StatusCode::OK, &json!({"object": "list", "data": data}))
}

async fn model(State(app): SharedState, name: Result<Path<String>, PathRejection>) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::UnknownPath("/v1/models/NAME, where NAME is not UTF-8".to_owned()))?;
    let known = app.model.models().iter().any(|(known, _)| *known == name);
    if !known {
        return Err(app.model.unknown_model(&name));
    }
    Ok(json_response(StatusCode::OK, &model_description(&app, &name)))
}

/// Whether the engine runs.
async fn health(State(app): SharedState) -> Response {
    match app.queue.phase() {
        ServerPhase::Ended => json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "stopped"})),
        _ => json_response(StatusCode::OK, &json!({"status": "ok"})),
    }
}

/// Whether requests are accepted.
async fn ready(State(app): SharedState) -> Result<Response, ApiError> {
    match app.queue.phase() {
        ServerPhase::Open => Ok(json_response(StatusCode::OK, &json!({"status": "ready"}))),
        _ => Err(ApiError::ShuttingDown),
    }
}

async fn metrics(State(app): SharedState) -> Result<Response, ApiError> {
    let text = app.metrics.to_text().map_err(|error| ApiError::EngineFailed(error.to_string()))?;
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content)], text).into_response())
}
