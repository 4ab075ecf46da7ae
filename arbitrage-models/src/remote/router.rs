//! A router behind a server.

use arbitrage_core::{AdvantageRouter, BoxError, Candidate, ConfigError, Decision, Route};
use serde_json::Value;

use super::client::Client;
use super::counters::Counts;
use super::dialect::ScoreKind;
use super::error::RemoteError;
use super::judging::Judging;
use crate::error::Result;
use crate::layout::{Layout, Score};
use crate::tokenizer::Tokenizer;

/// The paper's router (§4.2) behind a classification route: `ŷ = P(Δ > 0)`, read from prefix and drafted step. Escalates iff `ŷ > τ`.
///
/// ```no_run
/// use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiRouter, ScoreKind};
///
/// let client = Client::new(Endpoint::new("http://router:8000", Dialect::VLLM)?)?;
/// let router = OpenAiRouter::new(client, "router-1.5b", 0.5, ScoreKind::Classify)?;
/// # Ok::<(), arbitrage_core::BoxError>(())
/// ```
#[derive(Debug)]
pub struct OpenAiRouter {
    judging: Judging,
    tau: f32,
}

impl OpenAiRouter {
    /// Routes with the model that the server calls `model`, of two classes, the second for escalation; as in the paper, it is told
    /// each step's author (App. C).
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `tau` is in [0, 1]; [`Error::Parameter`](crate::Error::Parameter) where the server's
    /// dialect has no such route.
    pub fn new(client: Client, model: impl Into<String>, tau: f32, kind: ScoreKind) -> Result<Self, BoxError> {
        let (low, high) = (0.0, 1.0);
        if !(low..=high).contains(&tau) {
            return Err(ConfigError::Threshold { policy: "remote".to_owned(), low, high, found: tau }.into());
        }
        let layout = Layout::skywork().with_bos(false).with_authors("Model 0: ", "Model 1: ");
        let layout = layout.with_score(Score::Softmax { class: 1 });
        Ok(Self { judging: Judging::new(client, model.into(), layout, kind)?, tau })
    }

    /// Sets what the router was trained to see, and which of its outputs is the estimate.
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.judging.layout = layout;
        self
    }

    /// Sends tokens instead of text, so that they are those of the router's training.
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
}

impl AdvantageRouter for OpenAiRouter {
    fn name(&self) -> String {
        format!("remote({}, τ={})", self.judging.model, self.tau)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let endpoint = self.judging.endpoint();
        let lost = || RemoteError::Client { endpoint, cause: "no decision came".to_owned() };
        self.route_batch(std::slice::from_ref(candidate)).pop().unwrap_or_else(|| Err(lost().into()))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let steps: Vec<_> = candidates.iter().map(|candidate| (candidate.prefix, candidate.draft)).collect();
        let decide = |estimate| Decision::new(Route::escalate_if(estimate > self.tau)).with_estimate(estimate);
        self.judging.scores(&steps).into_iter().map(|score| score.map(decide)).collect()
    }
}
