//! A process reward model behind a server.

use arbitrage_core::{BoxError, Prefix, Step, StepScorer};

use super::client::Client;
use super::dialect::ScoreKind;
use super::score_client::{ScoreClient, score_client_options};
use crate::error::Result;
use crate::layout::Layout;

/// Scores steps from 0 to 1 by a model that a server runs for pooling, embeddings or classification: `h(x, z)` of the paper (§3.1).
///
/// Solutions are laid out as the model was trained to read them ([`Layout::skywork`], [`Layout::trl`], or any other). Each step is a
/// request of its own, and all steps of a call are in flight together. A solution's texts grow at their end only, so that the server's
/// prefix cache holds what was scored before.
///
/// ```no_run
/// use arbitrage_models::Layout;
/// use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiScorer, ScoreKind};
///
/// let client = Client::new(Endpoint::new("http://prm:8000", Dialect::VLLM)?)?;
/// let scorer = OpenAiScorer::new(client, "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B", Layout::skywork(), ScoreKind::Embeddings)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OpenAiScorer {
    scores: ScoreClient,
}

impl OpenAiScorer {
    /// Scores with the model that the server calls `model`, by a route of kind `kind`.
    ///
    /// A head of one output is read at the last token, if the route gives the outputs of all tokens; a head of several classes by its last
    /// row.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) if the server's dialect has no such route.
    pub fn new(client: Client, model: impl Into<String>, layout: Layout, kind: ScoreKind) -> Result<Self> {
        Ok(Self { scores: ScoreClient::new(client, model.into(), layout, kind)? })
    }

    /// A score for each step, in order, or why it has none. A step that cannot be scored fails alone.
    ///
    /// # Errors
    /// For a step, [`RemoteError`](super::RemoteError), or [`Error`](crate::Error) if it cannot be laid out.
    pub fn score_all(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<f32, BoxError>> {
        self.scores.scores(steps)
    }
}

score_client_options!(OpenAiScorer);

impl StepScorer for OpenAiScorer {
    fn name(&self) -> String {
        self.scores.model.clone()
    }

    /// # Errors
    /// That of the first step that cannot be scored.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.score_all(steps).into_iter().collect()
    }
}
