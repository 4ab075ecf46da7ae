//! Models behind a server: [`OpenAiModel`] generates steps, [`OpenAiScorer`] scores them, [`OpenAiRouter`] routes.
//!
//! All send their requests to one server through a [`Client`], in the [`Dialect`] of its [`Endpoint`]. All sequences of a call are in flight
//! together, up to the endpoint's limit. The prompts of a sequence grow at their end only, so that a server's prefix cache holds all but
//! the last step.
//!
//! ```no_run
//! use arbitrage_core::{Engine, Problem, Target, router::MeanLogprob};
//! use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiModel, Prompting};
//!
//! let model = |url: &str, name: &str| -> Result<OpenAiModel, Box<dyn std::error::Error>> {
//!     let endpoint = Endpoint::new(url, Dialect::VLLM)?.with_key_from("VLLM_API_KEY")?;
//!     Ok(OpenAiModel::new(Client::new(endpoint)?, name, Prompting::Chat)?)
//! };
//! let draft = model("http://draft:8000", "Qwen/Qwen2.5-1.5B-Instruct")?.with_logprobs(true)?;
//! let target = Target(model("http://target:8000", "Qwen/Qwen2.5-72B-Instruct")?);
//! let mut engine = Engine::new(draft, target, MeanLogprob::new(-0.2)?);
//! println!("{}", engine.solve(&Problem::new("What is 17 · 23?"))?.text());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where a step ends is decided here, on text, by the same segmenter as for any model. If the segmenter has stop strings and the server
//! reports which of them ended the text, the server stops by itself. Otherwise the text is streamed and cut at the boundary, and the
//! connection is closed. A partial answer is never a step: an answer that breaks off is requested again, or is an error.

mod answer;
mod breaker;
mod client;
mod counters;
mod dialect;
mod endpoint;
mod error;
mod model;
mod request;
mod retry;
mod router;
mod score_client;
mod scorer;
mod secret;
mod send;
mod sse;
mod step_batch;
mod step_builder;

pub use client::Client;
pub use counters::RequestCounts;
pub use dialect::{
    AnswerFormat, Continuation, Dialect, FieldValue, GenerationRoute, SamplingFields, ScoreKind, ScoreRoute,
    StopReporting,
};
pub use endpoint::{Endpoint, Timeouts};
pub use error::{RemoteError, RequestPhase, RetryLimit};
pub use model::{OpenAiModel, Prompting};
pub use retry::Retry;
pub use router::OpenAiRouter;
pub use scorer::OpenAiScorer;
