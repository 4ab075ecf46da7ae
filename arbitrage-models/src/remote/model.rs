//! A model behind a server, as a drafter.

use std::sync::Arc;

use arbitrage_core::text::excerpt;
use arbitrage_core::{Author, DraftCopies, Drafter, Message, Prefix, SeveralDrafts, StepResult, StepRule, StepsResult};
use serde_json::{Map, Value};

use super::client::Client;
use super::counters::{Counters, RequestCounts};
use super::dialect::{Continuation, GenerationRoute, StopReporting};
use super::request::PromptInput;
use super::step_batch::StepBatch;
use crate::Prompt;
use crate::chat::ChatTemplate;
use crate::error::{Error, Result};
use crate::rendered_prompt::RenderedPrompt;
use crate::sampler::Sampling;
use crate::tokenizer::{EncodeMode, Tokenizer, find_probable_control};

/// A model behind a server. It is a [`Drafter`], and through [`Target`](arbitrage_core::Target) a verifier.
///
/// All prefixes of a call are in flight together, up to the [`Endpoint`](super::Endpoint)'s limit. Steps have no token ids, so models
/// exchange them as text. Log-probabilities are requested [if wanted](Self::with_logprobs). If they do not match the tokens of the text,
/// the step has none, and [`RequestCounts::without_logprobs`] counts it. Clones share connections and counts.
#[derive(Clone, Debug)]
pub struct OpenAiModel {
    pub(super) client: Client,
    pub(super) name: String,
    prompting: Prompting,
    tokenizer: Option<Arc<Tokenizer>>,
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
    /// This crate, by the model's own template. The completions route then continues the text, and the model reads steps exactly as they
    /// are. Names of control tokens in questions are text, or refused: see [`OpenAiModel::with_tokenizer`].
    Completions(Box<ChatTemplate>),
    /// The server. Its chat route then continues the assistant's turn. Templates that strip messages remove the blank line at the end of
    /// the last step. Whether the names of control tokens in a question become those tokens is up to the server, and most let them.
    Chat,
}

impl Prompting {
    /// The completions route with this template.
    pub fn template(template: ChatTemplate) -> Self {
        Self::Completions(Box::new(template))
    }
}

impl OpenAiModel {
    /// The model that the server calls `name`. It samples greedily unless set otherwise.
    ///
    /// # Errors
    /// [`Error::Parameter`] for [`Prompting::Chat`] if the dialect cannot continue an assistant's turn.
    pub fn new(client: Client, name: impl Into<String>, prompting: Prompting) -> Result<Self> {
        let dialect = client.endpoint().dialect();
        if matches!(prompting, Prompting::Chat) && dialect.continuation == Continuation::Never {
            let expected = "completions, or a server whose chat route continues an unfinished answer".to_owned();
            let found = format!("chat of dialect `{}`, which starts a new answer", dialect.name);
            return Err(Error::Parameter { name: "prompting", expected, found });
        }
        Ok(Self {
            client,
            name: name.into(),
            prompting,
            tokenizer: None,
            prompt: Prompt::default(),
            sampling: Sampling::greedy(),
            author: Author::Draft,
            logprobs: false,
            extra: Map::new(),
            digest: None,
            counters: Arc::default(),
        })
    }

    /// Sets the prompt around the question.
    pub fn with_prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets the model's tokenizer, for prompts that are rendered here. A server reads the name of a control token in a question as that
    /// token, so that a prompt with such names is sent as ids. Without a tokenizer, or if the server takes text alone, it is refused.
    pub fn with_tokenizer(mut self, tokenizer: Arc<Tokenizer>) -> Self {
        self.tokenizer = Some(tokenizer);
        self
    }

    /// Sets how tokens are sampled. Each step has a seed of its own, made of the problem's seed, the step's index and the author.
    ///
    /// # Errors
    /// [`Error::Parameter`] for values out of range, and for `top_k` and `min_p` if the dialect does not support them.
    pub fn with_sampling(mut self, sampling: Sampling) -> Result<Self> {
        sampling.validate()?;
        let dialect = self.client.endpoint().dialect();
        let filters = sampling.top_k > 1 || sampling.min_p > 0.0;
        if filters && dialect.sampling.disabled_top_k.is_none() {
            let expected = format!("temperature and top_p alone, which is what dialect `{}` supports", dialect.name);
            let found = format!("top_k {} and min_p {}", sampling.top_k, sampling.min_p);
            return Err(Error::Parameter { name: "sampling", expected, found });
        }
        self.sampling = sampling;
        Ok(self)
    }

    /// Sets the role that the model samples for. The two roles of a problem must not share random numbers.
    pub fn with_author(mut self, author: Author) -> Self {
        self.author = author;
        self
    }

    /// Sets whether log-probabilities are requested, which routers by confidence need.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the route does not provide them.
    pub fn with_logprobs(mut self, logprobs: bool) -> Result<Self> {
        if logprobs && self.route().logprobs.is_empty() {
            let found = format!("`{}` of dialect `{}`", self.route().path, self.client.endpoint().dialect().name);
            let expected = "a route that provides them".to_owned();
            return Err(Error::Parameter { name: "logprobs", expected, found });
        }
        self.logprobs = logprobs;
        Ok(self)
    }

    /// Adds a field to every request, such as `chat_template_kwargs`; it replaces our own field of the same name.
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Sets the weights' digest for traces. The default is `remote:` and the model's name, since a server does not report a digest.
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = Some(digest.into());
        self
    }

    /// Requests and tokens so far.
    pub fn counts(&self) -> RequestCounts {
        self.counters.read()
    }

    /// The client of the server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn route(&self) -> &GenerationRoute {
        let dialect = self.client.endpoint().dialect();
        match self.prompting {
            Prompting::Completions(_) => &dialect.completions,
            Prompting::Chat => &dialect.chat,
        }
    }

    /// The stop strings to send, or `None` if the text has to be streamed and cut here.
    pub(super) fn stops<'s>(&self, rule: &StepRule<'s>) -> Option<&'s [String]> {
        let (stops, route) = (rule.segmenter.stop_sequences(), self.route());
        let usable = !stops.is_empty() && stops.len() <= route.max_stops && route.stop != StopReporting::Unreported;
        (usable && (route.stop_logprob || !self.logprobs)).then_some(stops)
    }

    /// The input that makes the model continue `prefix` and the part `begun` of the next step.
    pub(super) fn prompt_input(&self, prefix: &Prefix<'_>, begun: &str) -> Result<PromptInput> {
        if prefix.problem.question.trim().is_empty() {
            return Err(Error::EmptyPrompt { model: self.name.clone() });
        }
        let messages = self.prompt.messages(prefix.problem);
        let answer = prefix.text() + begun;
        let template = match &self.prompting {
            Prompting::Chat => return Ok(PromptInput::Messages { messages, answer }),
            Prompting::Completions(template) => template,
        };
        let input = match &self.tokenizer {
            Some(tokenizer) => self.checked_input(tokenizer, template, &messages, &answer)?,
            None => {
                let contents = messages.iter().flat_map(|message| [&message.role, &message.content]);
                contents.chain([&answer]).try_for_each(|text| refuse_control_names(text))?;
                None
            }
        };
        if let Some(ids) = input {
            return Ok(PromptInput::Tokens(ids));
        }
        let mut text = template.render(&messages, true)?;
        if self.client.endpoint().dialect().add_special_tokens.is_none() {
            text = text.strip_prefix(template.bos_text()).map(str::to_owned).unwrap_or(text);
        }
        text.push_str(&answer);
        Ok(PromptInput::Text { text, has_special_tokens: !template.is_plain() })
    }

    /// The ids of a prompt that a server would read with other control tokens if it were sent as text; `None` for any other.
    fn checked_input(
        &self,
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        messages: &[Message],
        answer: &str,
    ) -> Result<Option<Vec<u32>>> {
        let prompt = RenderedPrompt::new(tokenizer, template, messages, true)?;
        let mut ids = prompt.ids()?;
        let as_text = tokenizer.encode(answer, EncodeMode::Prompt)?;
        let harmless = !as_text.iter().any(|id| tokenizer.is_special(*id));
        if harmless && (!prompt.has_control_names() || tokenizer.encode_prompt(&prompt.text())? == ids) {
            return Ok(None);
        }
        let dialect = self.client.endpoint().dialect();
        if !self.route().accepts_tokens {
            let expected =
                format!("a prompt without names of control tokens, as dialect `{}` takes text alone", dialect.name);
            let found = "some in the question, the messages before it, or a step".to_owned();
            return Err(Error::Parameter { name: "prompt", expected, found });
        }
        ids.extend(tokenizer.encode(answer, EncodeMode::Continuation)?);
        Ok(Some(ids))
    }
}

/// Refuses a text with a name that is probably that of a control token, since the server would read it as one.
pub(super) fn refuse_control_names(text: &str) -> Result<()> {
    match find_probable_control(text) {
        Some(name) => Err(Error::Parameter {
            name: "prompt",
            expected: "no names of control tokens, which the server would read as those tokens (with the model's tokenizer given, they are \
                       sent as text)"
                .to_owned(),
            found: format!("`{}`", excerpt(name)),
        }),
        None => Ok(()),
    }
}

impl Drafter for OpenAiModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        StepBatch::new(self, rule).run(prefixes, |_| self.sampling)
    }

    /// A request for each draft, all in flight together. The server's prefix cache lets them share the prompt.
    fn draft_several(
        &mut self,
        prefixes: &[Prefix<'_>],
        drafts: SeveralDrafts,
        rule: &StepRule<'_>,
    ) -> Vec<StepsResult> {
        let copies = DraftCopies::new(prefixes, drafts.count());
        let further = Sampling { temperature: drafts.temperature(), ..self.sampling };
        let sampling = |at| if at < prefixes.len() { self.sampling } else { further };
        copies.collect(StepBatch::new(self, rule).run(&copies.requests(), sampling))
    }

    fn digest(&self) -> Option<String> {
        Some(self.digest.clone().unwrap_or_else(|| format!("remote:{}", self.name)))
    }
}
