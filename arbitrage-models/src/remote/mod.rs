//! Models behind a server: [`OpenAiModel`] writes steps, [`OpenAiScorer`] judges them, [`OpenAiRouter`] routes.
//!
//! All speak to one server through a [`Client`], in the [`Dialect`] of its [`Endpoint`]. A call's sequences are in flight together, up
//! to the endpoint's bound; prompts of one sequence grow at their end only, so that a server's prefix cache holds all but the last step.
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
//! Where a step ends is decided here, on text, by the same segmenter as for any model. Where the segmenter has stop strings and the
//! server says which one hit, the server stops for us; elsewhere the text is streamed, cut at the boundary, and the connection
//! dropped. A partial answer is never a step: what breaks off is asked for again from its beginning, or is an error.

mod answer;
mod batch;
mod breaker;
mod client;
mod counters;
mod dialect;
mod endpoint;
mod error;
mod exchange;
mod judging;
mod model;
mod request;
mod retry;
mod router;
mod scorer;
mod secret;
mod sse;
mod writing;

pub use client::Client;
pub use counters::Counts;
pub use dialect::{Continuation, Dialect, Route, SamplingFields, ScoreKind, ScoreRoute, Setting, Shape, StopTold};
pub use endpoint::{Endpoint, Timeouts};
pub use error::{Phase, RemoteError, Stopped};
pub use model::{OpenAiModel, Prompting};
pub use retry::Retry;
pub use router::OpenAiRouter;
pub use scorer::OpenAiScorer;
