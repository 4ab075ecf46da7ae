//! What a client is told instead of an answer, in the shape that OpenAI's clients read.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use thiserror::Error;

/// Why a request gets no answer.
#[derive(Clone, Debug, PartialEq, Error)]
pub(super) enum Refusal {
    #[error("the body is not JSON: {0}")]
    Json(String),
    #[error("`{field}`: expected {expected}, found {found}")]
    Field { field: String, expected: String, found: String },
    #[error("`{field}`: {reason}")]
    Choice { field: &'static str, reason: String },
    /// The models cannot take the prompt.
    #[error("{0}")]
    Unfit(String),
    #[error("no valid key: send it as `Authorization: Bearer KEY`")]
    Key,
    #[error("model `{found}` is unknown; known are {known}")]
    Model { found: String, known: String },
    #[error("there is nothing at {0}")]
    Route(String),
    #[error("{0} is not a method of this address")]
    Method(String),
    #[error("the body did not come whole within {0} seconds")]
    Slow(u64),
    #[error("the body could not be read: {0}")]
    Body(String),
    #[error("the body is longer than {0} bytes")]
    Size(usize),
    #[error("expected a body of `application/json`, found {0}")]
    Type(String),
    #[error("{waiting} requests are waiting, and more than {waiting} may not: try again in {seconds} s")]
    Full { waiting: usize, seconds: u64 },
    #[error("{0}")]
    Failed(String),
    #[error("the server is stopping")]
    Stopping,
}

impl Refusal {
    /// Status, type, code.
    fn kind(&self) -> (StatusCode, &'static str, Option<&'static str>) {
        const INVALID: &str = "invalid_request_error";
        match self {
            Self::Json(_) | Self::Field { .. } | Self::Choice { .. } | Self::Body(_) => {
                (StatusCode::BAD_REQUEST, INVALID, None)
            }
            Self::Unfit(_) => (StatusCode::BAD_REQUEST, INVALID, Some("context_length_exceeded")),
            Self::Key => (StatusCode::UNAUTHORIZED, INVALID, Some("invalid_api_key")),
            Self::Model { .. } => (StatusCode::NOT_FOUND, INVALID, Some("model_not_found")),
            Self::Route(_) => (StatusCode::NOT_FOUND, INVALID, Some("not_found")),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, INVALID, Some("method_not_allowed")),
            Self::Slow(_) => (StatusCode::REQUEST_TIMEOUT, INVALID, Some("timeout")),
            Self::Size(_) => (StatusCode::PAYLOAD_TOO_LARGE, INVALID, Some("too_large")),
            Self::Type(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, Some("unsupported_media_type")),
            Self::Full { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", Some("queue_full")),
            Self::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", Some("engine_failed")),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "server_error", Some("stopping")),
        }
    }

    fn field(&self) -> Option<&str> {
        match self {
            Self::Field { field, .. } => Some(field),
            Self::Choice { field, .. } => Some(field),
            Self::Model { .. } => Some("model"),
            _ => None,
        }
    }

    /// The body: also what a stream ends with that was begun.
    pub fn to_json(&self) -> Value {
        let (_, kind, code) = self.kind();
        json!({"error": {"message": self.to_string(), "type": kind, "param": self.field(), "code": code}})
    }

    /// A header of its own.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Full { seconds, .. } => Some((header::RETRY_AFTER, (*seconds).into())),
            Self::Stopping => Some((header::RETRY_AFTER, 5.into())),
            Self::Key => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            // What is left of a body that is not read would be taken for the next request.
            Self::Size(_) | Self::Slow(_) => Some((header::CONNECTION, HeaderValue::from_static("close"))),
            _ => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json_response(self.kind().0, &self.to_json());
        response.headers_mut().extend(self.header());
        response
    }
}

/// A body of JSON.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let content = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [content], Body::from(body.to_string())).into_response()
}
