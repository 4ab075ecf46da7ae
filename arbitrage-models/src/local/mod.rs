//! Models that run in this process: [`LocalModel`] drafts, [`LocalTarget`] verifies.

mod encode;
mod forks;
mod forward_outputs;
mod generate;
mod hidden_reader;
mod next_token;
mod open;
mod prefix_sharing;
pub mod speculation;
mod step_generation;
mod step_states;
mod target;
mod teacher_forcing;

pub use hidden_reader::HiddenReader;
pub(crate) use open::model_name;
pub use target::LocalTarget;
pub use teacher_forcing::TeacherForced;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arbitrage_core::{
    Author, Drafter, Prefix, Rewrite, SequenceId, SeveralDrafts, StepResult, StepRule, StepsResult, VocabularyId,
};

use crate::chat::ChatTemplate;
use crate::decoder::{Decoder, Span, values};
use crate::error::{Error, Result};
use crate::profile::{Part, measure};
use crate::prompt::Prompt;
use crate::sampler::{SampledToken, Sampler, Sampling};
use crate::sequence::CachedSequence;
use crate::tokenizer::Tokenizer;
use encode::EncodedPrompt;
use hidden_reader::GeneratedStates;
use speculation::{Proposer, Speculation};

/// Receives a step's text while it is generated: the sequence, and the characters that are newly complete. When a boundary lies
/// inside a token or is seen late, the listener may receive text that is then not part of the step.
pub type Listener = Box<dyn FnMut(SequenceId, &str) + Send>;

/// A decoder with its tokenizer, template and caches. As a [`Drafter`] it generates the next step of many sequences in one
/// batch.
///
/// Each sequence keeps its cache until it is released. A call truncates the cache to the longest prefix that it has in common
/// with the request, and prefills the rest in one go, such as steps that another model wrote. A prefix that several new
/// sequences share, or that a new one shares with one that is kept, is prefilled once.
pub struct LocalModel {
    name: String,
    digest: Option<String>,
    decoder: Arc<Decoder>,
    tokenizer: Arc<Tokenizer>,
    template: ChatTemplate,
    prompt: Prompt,
    sampling: Sampling,
    author: Author,
    /// How many ids stand for a token. The rows of the head after them are untrained padding.
    token_count: usize,
    sequences: HashMap<SequenceId, CachedSequence>,
    /// Of each sequence whose last step had several drafts, the caches of all but the first of them.
    forks: HashMap<SequenceId, Vec<CachedSequence>>,
    listener: Option<Listener>,
    speculation: Speculation,
    /// Whether steps carry their hidden states.
    with_hidden: bool,
    /// Of each sequence, the last generated step that has hidden states.
    generated: HashMap<SequenceId, GeneratedStates>,
    /// Of each sequence, the tokens of its prompt.
    prompts: Mutex<HashMap<SequenceId, EncodedPrompt>>,
}

impl LocalModel {
    /// A model from its parts; [`open`](Self::open) reads them all from a file or folder.
    pub fn new(name: impl Into<String>, decoder: Decoder, tokenizer: Tokenizer, template: ChatTemplate) -> Self {
        let rows = tokenizer.vocab_size().min(decoder.config().vocabulary) as u32;
        let last = (0..rows).rposition(|id| tokenizer.token_bytes(id).is_some());
        Self {
            name: name.into(),
            digest: None,
            token_count: last.map_or(0, |last| last + 1),
            decoder: Arc::new(decoder),
            tokenizer: Arc::new(tokenizer),
            template,
            prompt: Prompt::default(),
            sampling: Sampling::greedy(),
            author: Author::Draft,
            sequences: HashMap::new(),
            forks: HashMap::new(),
            listener: None,
            speculation: Speculation::default(),
            with_hidden: false,
            generated: HashMap::new(),
            prompts: Mutex::default(),
        }
    }

    /// What is doubtful about the model's files although they can be used, in whole sentences for the user; none for most models.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.tokenizer.warnings().iter().chain(self.template.warnings()).map(String::as_str)
    }

    /// The same model for another role: it shares the weights and has its own caches. Listener and proposer are not shared.
    pub fn share(&self) -> Self {
        Self {
            name: self.name.clone(),
            digest: self.digest.clone(),
            decoder: self.decoder.clone(),
            tokenizer: self.tokenizer.clone(),
            template: self.template.clone(),
            prompt: self.prompt.clone(),
            sampling: self.sampling,
            author: self.author,
            token_count: self.token_count,
            sequences: HashMap::new(),
            forks: HashMap::new(),
            listener: None,
            speculation: self.speculation.with_same_costs(),
            with_hidden: self.with_hidden,
            generated: HashMap::new(),
            prompts: Mutex::default(),
        }
    }

    /// Sets how a question becomes a prompt.
    pub fn with_prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets how tokens are sampled. The default is greedy.
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets the role whose random numbers the model uses. The two roles of one problem must not share a random stream.
    pub fn with_author(mut self, author: Author) -> Self {
        self.author = author;
        self
    }

    /// Sets the digest of the weights, for traces.
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = Some(digest.into());
        self
    }

    /// Whether generated steps carry their hidden states ([`Step::hidden`](arbitrage_core::Step::hidden)). These are the states
    /// that the tokens were sampled from, so they need no further pass and hardly any time.
    pub fn with_hidden(mut self, hidden: bool) -> Self {
        self.with_hidden = hidden;
        self
    }

    /// Streams the text of every step while it is generated.
    pub fn with_listener(mut self, listener: impl FnMut(SequenceId, &str) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Lets `proposer` propose the model's next tokens, several of which are then verified in one pass. The text stays the same;
    /// see [`speculation`].
    ///
    /// # Errors
    /// [`Error::Parameter`] when the proposer's tokens are of another vocabulary.
    pub fn with_proposer(mut self, proposer: impl Proposer + 'static) -> Result<Self> {
        let vocabulary = self.vocabulary();
        self.speculation.set_proposer(Box::new(proposer), vocabulary)?;
        Ok(self)
    }

    /// Verifies up to `count` speculative tokens a pass (Leviathan's γ, at most 32), whether they pay or not. This is meant for
    /// comparisons: by default the number follows what verifying them saves.
    pub fn with_speculative_tokens(mut self, count: usize) -> Self {
        self.speculation.fixed_count = Some(count);
        self
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The decoder, for [`LoadOptions::sharing`](crate::LoadOptions::sharing) of another model.
    pub fn shared_decoder(&self) -> Arc<Decoder> {
        self.decoder.clone()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Identifies the map from tokens to ids. Models with equal identifiers exchange token ids, others exchange text.
    pub fn vocabulary(&self) -> VocabularyId {
        VocabularyId(self.tokenizer.fingerprint())
    }

    /// Removes and returns the sequence's cache, or an empty one. The caller puts it back when the sequence is to be kept.
    fn take_sequence(&mut self, id: SequenceId) -> CachedSequence {
        self.sequences.remove(&id).unwrap_or_else(|| CachedSequence::new(self.decoder.cache()))
    }

    /// Logits of all output tokens of `spans`, `[outputs · logits_width]`.
    fn logits(&self, spans: &mut [Span<'_>]) -> Result<Vec<f32>> {
        let output = self.decoder.forward(spans)?;
        Ok(output.map(|output| values(output.logits)).unwrap_or_default())
    }

    /// Columns of the logits, padding included.
    fn logits_width(&self) -> usize {
        self.decoder.config().vocabulary
    }

    /// Samples a token from a row of logits, without the padding.
    fn sample(&self, sampler: &mut Sampler, logits: &[f32]) -> Result<SampledToken> {
        measure(Part::Sampler, || sampler.sample(&logits[..self.token_count]))
    }

    /// Adds the model and the position to an error about logits that are not finite.
    fn at_position(&self, error: Error, position: usize) -> Error {
        match error {
            Error::NotFinite { index, .. } => {
                Error::NotFinite { model: self.name.clone(), place: format!("logits at position {position}"), index }
            }
            other => other,
        }
    }

    /// How many sequences have a cache.
    pub fn sequences(&self) -> usize {
        self.sequences.len()
    }
}

impl std::fmt::Debug for LocalModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalModel").field("name", &self.name).field("author", &self.author).finish_non_exhaustive()
    }
}

impl Drafter for LocalModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let start = Instant::now();
        let requests: Vec<_> = prefixes.iter().map(|&prefix| Rewrite { prefix, rejected: None }).collect();
        measure(Part::Rest, || generate::generate(self, &requests, rule, start))
    }

    /// All drafts of a step are decoded in the same passes, and its prefix is read once.
    fn draft_several(
        &mut self,
        prefixes: &[Prefix<'_>],
        drafts: SeveralDrafts,
        rule: &StepRule<'_>,
    ) -> Vec<StepsResult> {
        let start = Instant::now();
        measure(Part::Rest, || forks::generate_several(self, prefixes, drafts, rule, start))
    }

    fn release(&mut self, id: SequenceId) {
        self.sequences.remove(&id);
        self.forks.remove(&id);
        self.generated.remove(&id);
        self.prompts.get_mut().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.speculation.release(id);
    }

    fn digest(&self) -> Option<String> {
        self.digest.clone()
    }
}
