//! A process reward model behind a server.

use arbitrage_core::{BoxError, Prefix, Step, StepScorer};
use serde_json::Value;

use super::client::Client;
use super::counters::Counts;
use super::dialect::ScoreKind;
use super::judging::Judging;
use crate::error::Result;
use crate::layout::Layout;
use crate::tokenizer::Tokenizer;

/// Scores steps from 0 to 1 by a model that a server pools, embeds or classifies with: `h(x, z)` of the paper (§3.1).
///
/// Solutions are laid out as the model was trained to see them ([`Layout::skywork`], [`Layout::trl`], or any other), each step in a
/// request of its own, all of a call in flight together. A solution's texts grow at their end only, so the server's prefix cache
/// holds what was judged before.
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
    judging: Judging,
}

impl OpenAiScorer {
    /// Scores with the model that the server calls `model`, by a route of that kind.
    ///
    /// A head of one output is read at the last token, where the route gives them all; one of several classes by its last row.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) where the server's dialect has no such route.
    pub fn new(client: Client, model: impl Into<String>, layout: Layout, kind: ScoreKind) -> Result<Self> {
        Ok(Self { judging: Judging::new(client, model.into(), layout, kind)? })
    }

    /// Sends tokens instead of text. Separators are then tokens of their own, as reward models were trained; a server that is sent
    /// text may fuse them with what stands before.
    pub fn with_tokenizer(mut self, tokenizer: Tokenizer) -> Self {
        self.judging.tokenizer = Some(tokenizer);
        self
    }

    /// Adds a field to every request; it takes the place of our own of that name.
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.judging.extra.insert(name.into(), value.into());
        self
    }

    /// What has been asked of the server so far.
    pub fn counts(&self) -> Counts {
        self.judging.counters.read()
    }

    /// A score for each step, in order, or why it has none. A step that cannot be scored fails alone.
    ///
    /// # Errors
    /// For a step, [`RemoteError`](super::RemoteError), or [`Error`](crate::Error) where it cannot be laid out.
    pub fn score_all(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<f32, BoxError>> {
        self.judging.scores(steps)
    }
}

impl StepScorer for OpenAiScorer {
    fn name(&self) -> String {
        self.judging.model.clone()
    }

    /// # Errors
    /// The first step's that cannot be scored.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.score_all(steps).into_iter().collect()
    }
}
