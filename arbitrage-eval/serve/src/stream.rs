//! Streamed responses: server-sent events, one for each step.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;

use super::api_error::ApiError;
use super::event::{EventReceiver, RequestEvent};
use super::request::StreamOptions;
use super::response::ResponseBuilder;

/// Time without an event after which a comment is sent, so that the client and proxies keep the connection open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// A stream of server-sent events. A request that fails before its first step and before the first keep-alive gets an ordinary error
/// response. A later failure is an event, and the stream then ends without `[DONE]`.
pub(super) async fn respond(
    builder: ResponseBuilder,
    mut events: EventReceiver,
    options: StreamOptions,
) -> Result<Response, ApiError> {
    match tokio::time::timeout(KEEP_ALIVE_INTERVAL, events.next()).await {
        Ok(RequestEvent::End(Err(error))) => return Err(error),
        Ok(first) => events.put_back(first),
        Err(_elapsed) => {}
    }
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        // Otherwise nginx buffers the steps until the response is complete.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let stream = EventStream { builder, events, options, ended: false };
    Ok((headers, Body::from_stream(stream::unfold(stream, EventStream::next))).into_response())
}

struct EventStream {
    builder: ResponseBuilder,
    events: EventReceiver,
    options: StreamOptions,
    ended: bool,
}

impl EventStream {
    /// The next bytes of the response. `None` after its end.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.ended {
            return None;
        }
        let text = match tokio::time::timeout(KEEP_ALIVE_INTERVAL, self.events.next()).await {
            Err(_elapsed) => ": still at work\n\n".to_owned(),
            Ok(event) => self.text(&event),
        };
        Some((Ok(text.into()), self))
    }

    fn text(&mut self, event: &RequestEvent) -> String {
        match event {
            RequestEvent::Step(step) => self.data(self.builder.step_chunk(step)),
            RequestEvent::End(Ok(end)) => {
                self.ended = true;
                let mut text = self.data(self.builder.final_chunk(end));
                if self.options.include_usage {
                    text += &self.data(self.builder.usage_chunk(end));
                }
                text + "data: [DONE]\n\n"
            }
            RequestEvent::End(Err(error)) => {
                self.ended = true;
                format!("data: {}\n\n", error.to_json())
            }
        }
    }

    /// The text of an event. Where the client asked for the usage, chunks without it have the field with `null`, as OpenAI's do.
    fn data(&self, mut chunk: Value) -> String {
        if self.options.include_usage && chunk.get("usage").is_none() {
            chunk["usage"] = Value::Null;
        }
        format!("data: {chunk}\n\n")
    }
}
