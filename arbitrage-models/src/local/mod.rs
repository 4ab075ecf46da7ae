//! Models that run in this process: [`LocalModel`] drafts, [`LocalTarget`] verifies.

mod common;
mod encode;
mod hidden;
mod judge;
mod open;
mod reading;
mod rows;
pub mod speculation;
mod states;
mod target;
mod writer;
mod writing;

pub use hidden::HiddenReader;
pub(crate) use open::name;
pub use reading::Reading;
pub(crate) use rows::values;
pub use target::LocalTarget;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arbitrage_core::{Author, Drafter, Prefix, Rewrite, SequenceId, StepResult, StepRule, VocabularyId};

use crate::chat::ChatTemplate;
use crate::decoder::{Decoder, Span};
use crate::error::{Error, Result};
use crate::prompt::Prompt;
use crate::sampler::{Choice, Sampler, Sampling};
use crate::sequence::Sequence;
use crate::tokenizer::Tokenizer;
use hidden::Written;
use speculation::{Proposer, Speculation};

/// Hears a step's text as it is written: the sequence, and the newly complete characters. What follows a boundary inside a
/// token run may be heard and then not be part of the step.
pub type Listener = Box<dyn FnMut(SequenceId, &str) + Send>;

/// A decoder with its tokenizer, template and caches. As a [`Drafter`] it writes the next step of many sequences in one
/// batch.
///
/// Caches are kept a sequence until it is released, rolled back to the longest common token prefix at each call, and caught
/// up in one prefill when another model wrote the latest steps. What a new sequence begins with is read once for all that begin
/// so, whether they are kept or asked for in the same call.
pub struct LocalModel {
    name: String,
    digest: Option<String>,
    decoder: Arc<Decoder>,
    tokenizer: Arc<Tokenizer>,
    template: ChatTemplate,
    prompt: Prompt,
    sampling: Sampling,
    author: Author,
    /// Rows of the head that stand for a token; the others are padding, which nobody trained.
    tokens: usize,
    /// Columns of the logits that stand for a token: the first ones.
    columns: usize,
    sequences: HashMap<SequenceId, Sequence>,
    listener: Option<Listener>,
    speculation: Speculation,
    /// Whether steps carry their hidden states.
    hidden: bool,
    /// The last step with hidden states that was written in each sequence.
    written: HashMap<SequenceId, Written>,
}

impl LocalModel {
    /// A model from its parts; [`open`](Self::open) reads them all from a file or folder.
    pub fn new(name: impl Into<String>, decoder: Decoder, tokenizer: Tokenizer, template: ChatTemplate) -> Self {
        let rows = tokenizer.vocab_size().min(decoder.config().vocabulary) as u32;
        let tokens = (0..rows).rposition(|id| tokenizer.token_bytes(id).is_some()).map_or(0, |last| last + 1);
        let below = |ids: &[u32]| ids.partition_point(|&id| (id as usize) < tokens);
        Self {
            name: name.into(),
            digest: None,
            tokens,
            columns: decoder.head_ids().map_or(tokens, below),
            decoder: Arc::new(decoder),
            tokenizer: Arc::new(tokenizer),
            template,
            prompt: Prompt::default(),
            sampling: Sampling::greedy(),
            author: Author::Draft,
            sequences: HashMap::new(),
            listener: None,
            speculation: Speculation::default(),
            hidden: false,
            written: HashMap::new(),
        }
    }

    /// The same model once more, for another role: it shares the weights and has caches of its own. Listener and proposer stay
    /// behind.
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
            tokens: self.tokens,
            columns: self.columns,
            sequences: HashMap::new(),
            listener: None,
            speculation: Speculation::default(),
            hidden: self.hidden,
            written: HashMap::new(),
        }
    }

    /// Sets how a question becomes a prompt.
    pub fn with_prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets how tokens are chosen. Greedy unless said otherwise.
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets the role whose random numbers the model draws: the two roles of one problem must not share a stream.
    pub fn with_author(mut self, author: Author) -> Self {
        self.author = author;
        self
    }

    /// Sets the digest of the weights, for traces.
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = Some(digest.into());
        self
    }

    /// Whether written steps carry their hidden states ([`Step::hidden`](arbitrage_core::Step::hidden)). They are those that
    /// the tokens were drawn from, so that they cost no pass and hardly any time.
    pub fn with_hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// Streams the text of every step as it is written.
    pub fn with_listener(mut self, listener: impl FnMut(SequenceId, &str) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Lets `proposer` guess the model's next tokens, which are then verified several at a time. The text stays the same; see
    /// [`speculation`].
    ///
    /// # Errors
    /// [`Error::Parameter`] when the guesses would come in another vocabulary.
    pub fn with_proposer(mut self, proposer: impl Proposer + 'static) -> Result<Self> {
        let own = self.vocabulary();
        self.speculation.set(Box::new(proposer), own)?;
        Ok(self)
    }

    /// Verifies up to `depth` guesses a pass, whether they pay or not (Leviathan's γ, at most 32): for comparisons. Without it,
    /// how many are verified follows what they save.
    pub fn with_guess_depth(mut self, depth: usize) -> Self {
        self.speculation.depth = Some(depth);
        self
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Names the token → id map. Two models with equal ids exchange tokens, others exchange text.
    pub fn vocabulary(&self) -> VocabularyId {
        VocabularyId(self.tokenizer.fingerprint())
    }

    /// The sequence's cache, or an empty one. It is given back when the sequence is to be kept.
    fn take_sequence(&mut self, id: SequenceId) -> Sequence {
        self.sequences.remove(&id).unwrap_or_else(|| Sequence::new(self.decoder.cache()))
    }

    /// Logits of all wanted tokens of `spans`, one row after the other.
    fn logits(&self, spans: &mut [Span<'_>]) -> Result<Vec<f32>> {
        let output = self.decoder.forward(spans)?;
        let data = output.map(|output| output.logits.into_data_as::<f32>());
        Ok(data.and_then(|data| data.try_into_vec::<f32>().ok()).unwrap_or_default())
    }

    /// Draws a token from a row of logits, padding left out.
    fn draw(&self, sampler: &mut Sampler, logits: &[f32]) -> Result<Choice> {
        sampler.sample_columns(&logits[..self.columns], self.decoder.head_ids())
    }

    /// The column of the logits that stands for token `id`, unless the head lacks it.
    fn column_of(&self, id: u32) -> Option<u32> {
        match self.decoder.head_ids() {
            Some(ids) => ids.binary_search(&id).ok().map(|column| column as u32),
            None => Some(id),
        }
    }

    /// Says where the logits were that were no numbers.
    fn at_position(&self, error: Error, position: usize) -> Error {
        match error {
            Error::NotFinite { index, .. } => {
                Error::NotFinite { model: self.name.clone(), place: format!("logits at position {position}"), index }
            }
            other => other,
        }
    }

    /// Sequences whose caches are held.
    pub fn sequences(&self) -> usize {
        self.sequences.len()
    }
}

impl Drafter for LocalModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let start = Instant::now();
        let requests: Vec<_> = prefixes.iter().map(|&prefix| Rewrite { prefix, rejected: None }).collect();
        writer::write(self, &requests, rule, start)
    }

    fn release(&mut self, id: SequenceId) {
        self.sequences.remove(&id);
        self.written.remove(&id);
        self.speculation.release(id);
    }

    fn digest(&self) -> Option<String> {
        self.digest.clone()
    }
}
