//! A router behind a server.

use arbitrage_core::{AdvantageRouter, BoxError, Candidate, ConfigError, Decision, Route};

use super::client::Client;
use super::dialect::ScoreKind;
use super::error::RemoteError;
use super::score_client::{ScoreClient, score_client_options};
use crate::error::Result;
use crate::layout::{Layout, Score};

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
    scores: ScoreClient,
    tau: f32,
}

impl OpenAiRouter {
    /// Routes with the model that the server calls `model`. It has two classes, the second for escalation, and as in the paper its input
    /// names each step's author (App. C).
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `tau` is in [0, 1]; [`Error::Parameter`](crate::Error::Parameter) if the server's dialect has no
    /// such route.
    pub fn new(client: Client, model: impl Into<String>, tau: f32, kind: ScoreKind) -> Result<Self, BoxError> {
        let (low, high) = (0.0, 1.0);
        if !(low..=high).contains(&tau) {
            return Err(ConfigError::Threshold { policy: "remote".to_owned(), low, high, found: tau }.into());
        }
        let layout = Layout::skywork().with_bos(false).with_authors("Model 0: ", "Model 1: ");
        let layout = layout.with_score(Score::Softmax { class: 1 });
        Ok(Self { scores: ScoreClient::new(client, model.into(), layout, kind)?, tau })
    }

    /// Sets the input that the router was trained on, and which of its outputs is the estimate.
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.scores.layout = layout;
        self
    }
}

score_client_options!(OpenAiRouter);

impl AdvantageRouter for OpenAiRouter {
    fn name(&self) -> String {
        format!("remote({}, τ={})", self.scores.model, self.tau)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let endpoint = self.scores.endpoint();
        let missing = || RemoteError::Client { endpoint, cause: "there is no decision".to_owned() };
        self.route_batch(std::slice::from_ref(candidate)).pop().unwrap_or_else(|| Err(missing().into()))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let steps: Vec<_> = candidates.iter().map(|candidate| (candidate.prefix, candidate.draft)).collect();
        let decide = |estimate| Decision::new(Route::escalate_if(estimate > self.tau)).with_estimate(estimate);
        self.scores.scores(&steps).into_iter().map(|score| score.map(decide)).collect()
    }
}
