//! Answers as they are written: one event a step.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;

use super::answer::Answer;
use super::asked::Streaming;
use super::event::{Event, Events};
use super::refusal::Refusal;

/// Silence after which a comment tells the client, and what stands between, that all is well.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A stream of server-sent events. One that fails before its first step, and soon, is no stream but the refusal with its own
/// status; later a failure is an event, and the stream then ends without `[DONE]`.
pub(super) async fn respond(answer: Answer, mut events: Events, streaming: Streaming) -> Result<Response, Refusal> {
    match tokio::time::timeout(KEEP_ALIVE, events.next()).await {
        Ok(Event::End(Err(refusal))) => return Err(refusal),
        Ok(first) => events.put_back(first),
        Err(_silence) => {}
    }
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        // nginx would keep the steps until the last has come.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let sending = Sending { answer, events, streaming, ended: false };
    Ok((headers, Body::from_stream(stream::unfold(sending, Sending::next))).into_response())
}

struct Sending {
    answer: Answer,
    events: Events,
    streaming: Streaming,
    ended: bool,
}

impl Sending {
    /// The next bytes of the stream.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.ended {
            return None;
        }
        let text = match tokio::time::timeout(KEEP_ALIVE, self.events.next()).await {
            Err(_silence) => ": still at work\n\n".to_owned(),
            Ok(event) => self.text(&event),
        };
        Some((Ok(text.into()), self))
    }

    fn text(&mut self, event: &Event) -> String {
        match event {
            Event::Step(step) => data(self.answer.chunk(step), self.streaming),
            Event::End(Ok(end)) => {
                self.ended = true;
                let used = self.streaming.usage.then(|| data(self.answer.used(end), self.streaming));
                format!("{}{}data: [DONE]\n\n", data(self.answer.last(end), self.streaming), used.unwrap_or_default())
            }
            Event::End(Err(refusal)) => {
                self.ended = true;
                format!("data: {}\n\n", refusal.to_json())
            }
        }
    }
}

/// An event. Where usage was asked for, chunks without it say so, as OpenAI's do.
fn data(mut chunk: Value, streaming: Streaming) -> String {
    if streaming.usage && chunk.get("usage").is_none() {
        chunk["usage"] = Value::Null;
    }
    format!("data: {chunk}\n\n")
}
