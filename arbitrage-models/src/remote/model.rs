//! A model behind a server, as a drafter.

use std::sync::Arc;

use arbitrage_core::{Author, Drafter, Prefix, StepResult, StepRule};
use serde_json::{Map, Value};

use super::batch::Batch;
use super::client::Client;
use super::counters::{Counters, Counts};
use super::dialect::{Continuation, Route, StopTold};
use super::request::Prompted;
use crate::Prompt;
use crate::chat::ChatTemplate;
use crate::error::{Error, Result};
use crate::sampler::Sampling;

/// A model behind a server. It is a [`Drafter`], and through [`Target`](arbitrage_core::Target) a verifier.
///
/// All prefixes of a call are in flight together, up to the [`Endpoint`](super::Endpoint)'s bound. Steps carry no ids, so they travel
/// between models as text. Log-probabilities are asked for [on demand](Self::with_logprobs); where they come in another number than
/// the text's tokens, the step has none, and [`Counts::without_logprobs`] counts it. Clones share connections and counts.
#[derive(Clone, Debug)]
pub struct OpenAiModel {
    pub(super) client: Client,
    pub(super) name: String,
    prompting: Prompting,
    prompt: Prompt,
    pub(super) sampling: Sampling,
    pub(super) author: Author,
    pub(super) logprobs: bool,
    pub(super) extra: Map<String, Value>,
    digest: Option<String>,
    pub(super) counters: Arc<Counters>,
}

/// Who turns a conversation into the text that the model reads.
#[derive(Clone, Debug)]
pub enum Prompting {
    /// We do, by the model's own template, and the completions route goes on with the text. Steps reach the model to the letter.
    Completions(Box<ChatTemplate>),
    /// The server does, and its chat route goes on with the assistant's turn. Templates that strip messages eat the blank line that
    /// the last step ended with.
    Chat,
}

impl Prompting {
    /// The completions route with this template.
    pub fn template(template: ChatTemplate) -> Self {
        Self::Completions(Box::new(template))
    }
}

impl OpenAiModel {
    /// The model that the server calls `name`. Greedy, unless said otherwise.
    ///
    /// # Errors
    /// [`Error::Parameter`] for [`Prompting::Chat`] where the dialect cannot go on with an assistant's turn.
    pub fn new(client: Client, name: impl Into<String>, prompting: Prompting) -> Result<Self> {
        let dialect = client.endpoint().dialect();
        if matches!(prompting, Prompting::Chat) && dialect.continuation == Continuation::Never {
            let expected = "completions, or a server whose chat goes on with an unfinished answer".to_owned();
            let found = format!("chat of dialect `{}`, which answers anew", dialect.name);
            return Err(Error::Parameter { name: "prompting", expected, found });
        }
        Ok(Self {
            client,
            name: name.into(),
            prompting,
            prompt: Prompt::default(),
            sampling: Sampling::greedy(),
            author: Author::Draft,
            logprobs: false,
            extra: Map::new(),
            digest: None,
            counters: Arc::default(),
        })
    }

    /// Sets what the model is told beside the question.
    pub fn with_prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets how tokens are drawn. Each step has a seed of its own, from the problem's, the step's index and the author.
    ///
    /// # Errors
    /// [`Error::Parameter`] for values out of range, and for `top_k` and `min_p` where the dialect does not know them.
    pub fn with_sampling(mut self, sampling: Sampling) -> Result<Self> {
        sampling.validate()?;
        let dialect = self.client.endpoint().dialect();
        let filters = sampling.top_k > 1 || sampling.min_p > 0.0;
        if filters && dialect.sampling.top_k_of_all.is_none() {
            let expected = format!("temperature and top_p alone, which is what dialect `{}` knows", dialect.name);
            let found = format!("top_k {} and min_p {}", sampling.top_k, sampling.min_p);
            return Err(Error::Parameter { name: "sampling", expected, found });
        }
        self.sampling = sampling;
        Ok(self)
    }

    /// Sets the role whose random numbers the model draws: the two roles of one problem must not share a stream.
    pub fn with_author(mut self, author: Author) -> Self {
        self.author = author;
        self
    }

    /// Sets whether log-probabilities are asked for, which gates by confidence need.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the route does not give them.
    pub fn with_logprobs(mut self, logprobs: bool) -> Result<Self> {
        if logprobs && self.route().logprobs.is_empty() {
            let found = format!("`{}` of dialect `{}`", self.route().path, self.client.endpoint().dialect().name);
            let expected = "a route that gives them".to_owned();
            return Err(Error::Parameter { name: "logprobs", expected, found });
        }
        self.logprobs = logprobs;
        Ok(self)
    }

    /// Adds a field to every request, such as `chat_template_kwargs`; it takes the place of our own of that name.
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Sets the weights' digest for traces. Without it they say `remote:` and the model's name: a server does not tell what it serves.
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = Some(digest.into());
        self
    }

    /// What has been asked of the server so far.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// The connections.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn route(&self) -> &Route {
        let dialect = self.client.endpoint().dialect();
        match self.prompting {
            Prompting::Completions(_) => &dialect.completions,
            Prompting::Chat => &dialect.chat,
        }
    }

    /// The stop strings that may be sent, or `None` where the text has to be streamed and cut here.
    pub(super) fn stops<'s>(&self, rule: &StepRule<'s>) -> Option<&'s [String]> {
        let (stops, route) = (rule.segmenter.stop_sequences(), self.route());
        let usable = !stops.is_empty() && stops.len() <= route.most_stops && route.stop != StopTold::Unsaid;
        (usable && (route.stop_logprob || !self.logprobs)).then_some(stops)
    }

    /// What is to be gone on with behind `prefix`, where `begun` of the step is written.
    pub(super) fn prompted(&self, prefix: &Prefix<'_>, begun: &str) -> Result<Prompted> {
        if prefix.problem.question.trim().is_empty() {
            return Err(Error::EmptyPrompt { model: self.name.clone() });
        }
        let messages = self.prompt.messages(prefix.problem);
        let answer = prefix.text() + begun;
        let template = match &self.prompting {
            Prompting::Chat => return Ok(Prompted::Messages { messages, answer }),
            Prompting::Completions(template) => template,
        };
        let mut text = template.render(&messages, true)?;
        if self.client.endpoint().dialect().specials.is_none() {
            text = text.strip_prefix(template.bos_text()).map(str::to_owned).unwrap_or(text);
        }
        text.push_str(&answer);
        Ok(Prompted::Text { text, special: !template.is_plain() })
    }
}

impl Drafter for OpenAiModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        Batch::new(self, rule).write(prefixes)
    }

    fn digest(&self) -> Option<String> {
        Some(self.digest.clone().unwrap_or_else(|| format!("remote:{}", self.name)))
    }
}
