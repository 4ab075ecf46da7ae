//! Text to token ids and back.
//!
//! A [`Tokenizer`] is read from a Hugging Face folder or from the vocabulary inside a GGUF file, and both give the same ids. The
//! `tokenizers` crate does the merging; this module adds:
//!
//! * **The bytes of every token** ([`Tokenizer::token_bytes`]). A character may be split across tokens, so text can only be
//!   streamed from bytes ([`crate::stream::TextStream`]).
//! * **Two encoding modes** ([`EncodeMode`]). A prompt is rendered by a template and may contain control tokens. In text that a
//!   model wrote, `<|im_end|>` is ten ordinary characters. So it is in a message of a prompt: see
//!   [`RenderedPrompt`](crate::RenderedPrompt).
//! * **Comparison of vocabularies by token**, not by name or size ([`Tokenizer::fingerprint`]): two models may share ids only where
//!   every id stands for the same bytes.
//! * **Checks.** Tokenizer files are untrusted: ids, merges and sizes are checked before they reach the library.

mod alphabet;
mod control_names;
mod controls;
mod ends;
mod folder;
mod folder_checks;
mod gguf;
mod gguf_keys;
mod parts;
mod pipeline;
mod post_processor;
mod pre;
mod rendered;
mod spm;
mod table;
mod template;
mod to_gguf;
mod tokenizer_json;

pub(crate) use control_names::MessagePart;
#[cfg(feature = "remote")]
pub(crate) use controls::find_probable_control;
pub use gguf::GgufVocabulary;

use crate::error::{Error, Result};
use control_names::ControlNames;
use pipeline::Pipeline;
use rendered::TextPipelines;
use std::path::{Path, PathBuf};
use table::{TokenKind, TokenTable};
use tokenizers::Model as _;
use tokenizers::models::bpe::BPE;

/// Where a text to be encoded comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeMode {
    /// A prompt from its beginning: the names of control tokens such as `<|im_start|>` become those tokens, and a SentencePiece
    /// vocabulary prepends its space.
    Prompt,
    /// Text that continues earlier tokens, such as a step that a model wrote. The names of control tokens are ordinary text, so no
    /// text can inject a control token, and no space is prepended.
    Continuation,
}

/// A vocabulary and the rules by which text is split into its tokens.
///
/// Built by [`Tokenizer::from_folder`] or [`Tokenizer::from_gguf`]. It is immutable; share it in an [`std::sync::Arc`].
pub struct Tokenizer {
    path: PathBuf,
    model: BPE,
    prompt: Pipeline,
    continuation: Pipeline,
    /// For a prompt's text between control tokens.
    text: TextPipelines,
    control_names: ControlNames,
    table: TokenTable,
    ends: Vec<u32>,
    bos: Option<u32>,
    add_bos: bool,
    fingerprint: u64,
    chat_template: Option<String>,
    warnings: Vec<String>,
    template_tokens: Vec<(String, String)>,
    longest_token: usize,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("path", &self.path).field("tokens", &self.table.len()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a Hugging Face folder. End tokens, beginning of text, padded size and chat template come from
    /// `generation_config.json`, `config.json`, `tokenizer_config.json` and `chat_template.jinja` in the same folder, each of
    /// which is optional.
    ///
    /// # Errors
    /// [`Error::Io`] when `tokenizer.json` cannot be read; [`Error::Tokenizer`] when a file is invalid, when the model is not BPE,
    /// or when there is no end token.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        folder::read(folder.as_ref())?.assemble()
    }

    /// Builds the tokenizer that a GGUF file describes: byte-level BPE (`gpt2`) or SentencePiece (`llama`).
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for another model, an unknown pre-tokenizer, lists of different lengths, merges or ids outside the
    /// vocabulary, or when there is no end token.
    pub fn from_gguf(vocabulary: GgufVocabulary) -> Result<Self> {
        vocabulary.parts()?.assemble()
    }

    /// The file or folder that the tokenizer was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ids of `text`.
    ///
    /// Beginning-of-text is never added here: see [`Tokenizer::encode_prompt`]. Characters that the vocabulary cannot encode, not
    /// even as bytes, are left out, as `tokenizers` and llama.cpp do.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the library rejects the text.
    pub fn encode(&self, text: &str, mode: EncodeMode) -> Result<Vec<u32>> {
        match mode {
            EncodeMode::Prompt => self.encode_with(&self.prompt, text),
            EncodeMode::Continuation => self.encode_with(&self.continuation, text),
        }
    }

    fn encode_with(&self, pipeline: &Pipeline, text: &str) -> Result<Vec<u32>> {
        let encode = || {
            let mut pieces = pipeline.pieces(text)?;
            pieces.tokenize(|piece| self.model.tokenize(piece.get()))?;
            Ok(pipeline::ids(&pieces))
        };
        encode().map_err(|error: tokenizers::Error| self.error(error))
    }

    /// The ids of a whole prompt: as [`EncodeMode::Prompt`], with beginning-of-text as the first token where the model needs it.
    /// It is not added twice, since many chat templates write it themselves.
    ///
    /// Every name of a control token in `text` becomes that token, whoever wrote it. For a prompt with texts of users, use
    /// [`RenderedPrompt`](crate::RenderedPrompt).
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        self.encode(text, EncodeMode::Prompt).map(|ids| self.with_bos(ids))
    }

    /// The ids with beginning-of-text as the first where the model needs it and it is not there yet.
    pub(crate) fn with_bos(&self, mut ids: Vec<u32>) -> Vec<u32> {
        if let Some(bos) = self.bos().filter(|bos| ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        ids
    }

    /// The text of `ids`: their concatenated bytes, without control tokens and padding, and with U+FFFD for invalid UTF-8.
    ///
    /// A SentencePiece vocabulary's leading space is kept, since the ids may be from the middle of a text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for an id at or past [`Tokenizer::vocab_size`].
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for &id in ids {
            bytes.extend_from_slice(self.text_bytes(id)?);
        }
        Ok(match String::from_utf8_lossy(&bytes) {
            std::borrow::Cow::Owned(text) => text,
            std::borrow::Cow::Borrowed(text) => text.to_owned(),
        })
    }

    /// The bytes that `id` adds to a text: none for control tokens and padding.
    pub(crate) fn text_bytes(&self, id: u32) -> Result<&[u8]> {
        match self.table.kind(id) {
            None => Err(self.error(format!("expected an id below the {} tokens, found {id}", self.table.len()))),
            Some(TokenKind::Control | TokenKind::Unknown | TokenKind::Padding) => Ok(&[]),
            Some(TokenKind::Normal | TokenKind::Added) => Ok(self.table.bytes(id).unwrap_or_default()),
        }
    }

    /// The bytes of token `id`, which are the name for a control token; `None` for padding and past the end.
    pub fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.table.bytes(id)
    }

    /// Whether `id` is a control token, which adds nothing to a text.
    pub fn is_special(&self, id: u32) -> bool {
        matches!(self.table.kind(id), Some(TokenKind::Control | TokenKind::Unknown))
    }

    /// Rows of the vocabulary, padding included. The model's logits may have further columns.
    pub fn vocab_size(&self) -> usize {
        self.table.len()
    }

    /// Bytes of the longest token; 0 where there is only padding.
    pub fn longest_token(&self) -> usize {
        self.longest_token
    }

    /// Tokens that `text` has at least, from its length alone.
    pub fn least_tokens(&self, text: &str) -> usize {
        text.len() / self.longest_token.max(1)
    }

    /// The tokens that end a text or a turn, at least one. Those that the files list come first.
    pub fn eos_ids(&self) -> &[u32] {
        &self.ends
    }

    /// The token that a prompt has to begin with, where the model needs one.
    pub fn bos(&self) -> Option<u32> {
        self.bos.filter(|_| self.add_bos)
    }

    /// The beginning-of-text token, whether or not prompts have to begin with it.
    pub fn bos_token(&self) -> Option<u32> {
        self.bos
    }

    /// The text of the beginning-of-text token, for templates that write it, whether or not prompts have to begin with it.
    pub fn bos_text(&self) -> Option<&str> {
        self.name_of(self.bos?)
    }

    /// The text of the first end token, for templates that write it.
    pub fn eos_text(&self) -> Option<&str> {
        self.name_of(*self.ends.first()?)
    }

    /// The chat template that came with the tokenizer, unparsed. See [`crate::chat::ChatTemplate::for_tokenizer`].
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    /// The texts of special tokens by the name that chat templates have for them, such as `bos_token`.
    pub fn template_tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        self.template_tokens.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// A 64-bit FNV-1a hash over the ids and bytes of all tokens but padding. It is the same in every process and on every machine;
    /// vocabularies with equal hashes can exchange ids.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What is doubtful about the tokenizer's files, in whole sentences for the user; empty for most models.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Describes the first id that stands for other bytes in `other`; `None` where the two can exchange ids.
    pub fn describe_difference(&self, other: &Self) -> Option<String> {
        let id = self.table.first_difference(&other.table)?;
        let shown = |tokenizer: &Self| match tokenizer.token_bytes(id) {
            Some(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            None => "no token".to_owned(),
        };
        let (here, there) = (shown(self), shown(other));
        Some(format!("token {id} is {here} in {} and {there} in {}", self.path.display(), other.path.display()))
    }

    fn name_of(&self, id: u32) -> Option<&str> {
        std::str::from_utf8(self.table.bytes(id)?).ok()
    }

    fn error(&self, reason: impl ToString) -> Error {
        Error::Tokenizer { path: self.path.clone(), reason: reason.to_string() }
    }
}
