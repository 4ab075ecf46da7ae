//! Error responses, in the shape that OpenAI's clients expect.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use thiserror::Error;

/// Why a request fails.
#[derive(Clone, Debug, PartialEq, Error)]
pub(super) enum ApiError {
    #[error("the body is not valid JSON: {0}")]
    InvalidJson(String),
    #[error("`{field}`: expected {expected}, found {found}")]
    InvalidField { field: String, expected: String, found: String },
    #[error("`{field}`: {reason}")]
    InvalidPolicy { field: &'static str, reason: String },
    /// The engine blames the request: its prompt does not fit the models.
    #[error("{0}")]
    InvalidPrompt(String),
    #[error("the API key is missing or invalid: send it as `Authorization: Bearer KEY`")]
    InvalidKey,
    #[error("unknown model `{found}`: expected one of {known}")]
    UnknownModel { found: String, known: String },
    #[error("unknown path {0}")]
    UnknownPath(String),
    #[error("method {0} is not allowed for this path")]
    MethodNotAllowed(String),
    #[error("the body was not complete within {0} seconds")]
    BodyTimeout(u64),
    #[error("the body could not be read: {0}")]
    UnreadableBody(String),
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(usize),
    #[error("expected a body of type `application/json`, found {0}")]
    UnsupportedMediaType(String),
    #[error("the queue is full with {waiting} waiting requests: try again in {seconds} s")]
    QueueFull { waiting: usize, seconds: u64 },
    #[error("{0}")]
    EngineFailed(String),
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// How an error is reported in OpenAI's protocol.
struct ErrorClass {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
}

impl ApiError {
    fn class(&self) -> ErrorClass {
        let invalid = |status, code| ErrorClass { status, kind: "invalid_request_error", code };
        match self {
            Self::InvalidJson(_) | Self::InvalidField { .. } | Self::InvalidPolicy { .. } | Self::UnreadableBody(_) => {
                invalid(StatusCode::BAD_REQUEST, None)
            }
            Self::InvalidPrompt(_) => invalid(StatusCode::BAD_REQUEST, Some("context_length_exceeded")),
            Self::InvalidKey => invalid(StatusCode::UNAUTHORIZED, Some("invalid_api_key")),
            Self::UnknownModel { .. } => invalid(StatusCode::NOT_FOUND, Some("model_not_found")),
            Self::UnknownPath(_) => invalid(StatusCode::NOT_FOUND, Some("not_found")),
            Self::MethodNotAllowed(_) => invalid(StatusCode::METHOD_NOT_ALLOWED, Some("method_not_allowed")),
            Self::BodyTimeout(_) => invalid(StatusCode::REQUEST_TIMEOUT, Some("timeout")),
            Self::BodyTooLarge(_) => invalid(StatusCode::PAYLOAD_TOO_LARGE, Some("too_large")),
            Self::UnsupportedMediaType(_) => {
                invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some("unsupported_media_type"))
            }
            Self::QueueFull { .. } => {
                ErrorClass { status: StatusCode::TOO_MANY_REQUESTS, kind: "rate_limit_error", code: Some("queue_full") }
            }
            Self::EngineFailed(_) => ErrorClass {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                kind: "server_error",
                code: Some("engine_failed"),
            },
            Self::ShuttingDown => {
                ErrorClass { status: StatusCode::SERVICE_UNAVAILABLE, kind: "server_error", code: Some("stopping") }
            }
        }
    }

    /// The field of the request that is wrong.
    fn param(&self) -> Option<&str> {
        match self {
            Self::InvalidField { field, .. } => Some(field),
            Self::InvalidPolicy { field, .. } => Some(field),
            Self::UnknownModel { .. } => Some("model"),
            _ => None,
        }
    }

    /// The body of the response. A stream that fails after its first step ends with it too.
    pub(crate) fn to_json(&self) -> Value {
        let ErrorClass { kind, code, .. } = self.class();
        json!({"error": {"message": self.to_string(), "type": kind, "param": self.param(), "code": code}})
    }

    /// The header that this error adds to the response.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::QueueFull { seconds, .. } => Some((header::RETRY_AFTER, (*seconds).into())),
            Self::ShuttingDown => Some((header::RETRY_AFTER, 5.into())),
            Self::InvalidKey => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            // The unread rest of the body would be taken for the next request on this connection.
            Self::BodyTooLarge(_) | Self::BodyTimeout(_) => {
                Some((header::CONNECTION, HeaderValue::from_static("close")))
            }
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = json_response(self.class().status, &self.to_json());
        response.headers_mut().extend(self.header());
        response
    }
}

/// A response with a JSON body.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [content_type], Body::from(body.to_string())).into_response()
}
