//! Text to token ids and back.
//!
//! One [`Tokenizer`] is read from a Hugging Face folder or from the vocabulary inside a GGUF file, and both give the same
//! ids. What this module adds to the `tokenizers` crate, which does the merging:
//!
//! * **The bytes of every token** ([`Tokenizer::token_bytes`]). A character may be split across tokens, so that text can
//!   only be streamed from bytes ([`crate::stream::TextStream`]).
//! * **Two ways to read text.** A prompt is rendered by a template and may hold control tokens; what a model wrote is
//!   text, and `<|im_end|>` in it is ten characters ([`Tokenizer::encode`]).
//! * **Vocabularies compared by token**, not by name or size ([`Tokenizer::fingerprint`]): ids may be shared between two
//!   models only where every id stands for the same bytes.
//! * **Checks.** Tokenizer files are untrusted: ids, merges and sizes are checked before the library sees them.

mod alphabet;
mod ends;
mod folder;
mod gguf;
mod parts;
mod pipeline;
mod pre;
mod spm;
mod table;

pub use gguf::GgufVocabulary;

use crate::error::{Error, Result};
use pipeline::Pipeline;
use std::path::{Path, PathBuf};
use table::{Kind, Table};
use tokenizers::Model as _;
use tokenizers::models::bpe::BPE;

/// A vocabulary and the rules by which text is cut into its tokens.
///
/// Built by [`Tokenizer::from_folder`] or [`Tokenizer::from_gguf`]. Immutable; share it in an [`std::sync::Arc`].
pub struct Tokenizer {
    path: PathBuf,
    model: BPE,
    prompt: Pipeline,
    continuation: Pipeline,
    table: Table,
    ends: Vec<u32>,
    bos: Option<u32>,
    add_bos: bool,
    fingerprint: u64,
    chat_template: Option<String>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("path", &self.path).field("tokens", &self.table.len()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a Hugging Face folder, and the end tokens, the beginning of text, the padded size and
    /// the chat template from `generation_config.json`, `config.json`, `tokenizer_config.json` and
    /// `chat_template.jinja` beside it, each of which may be missing.
    ///
    /// # Errors
    /// [`Error::Io`] when `tokenizer.json` cannot be read; [`Error::Tokenizer`] when a file is not what it should be,
    /// when the model is not BPE, or when no end token is to be found.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        folder::read(folder.as_ref())?.assemble()
    }

    /// Builds the tokenizer that a GGUF file describes: byte-level BPE (`gpt2`) or SentencePiece (`llama`).
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for another model, an unknown pre-tokenizer, lists that do not fit each other, merges or ids
    /// outside the vocabulary, or no end token.
    pub fn from_gguf(vocabulary: GgufVocabulary) -> Result<Self> {
        vocabulary.parts()?.assemble()
    }

    /// The file or folder that the tokenizer came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ids of `text`.
    ///
    /// With `specials`, `text` is a prompt from its beginning: control tokens such as `<|im_start|>` are recognised, and
    /// a SentencePiece vocabulary puts its space before it. Without, `text` goes on from earlier tokens as a model
    /// wrote it: neither happens, so that no text can smuggle in a control token.
    ///
    /// Beginning-of-text is never added here: see [`Tokenizer::encode_prompt`]. Characters for which the vocabulary has
    /// no token, not even one of their bytes, are left out, as in the reference implementations.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the library refuses the text.
    pub fn encode(&self, text: &str, specials: bool) -> Result<Vec<u32>> {
        let pipeline = if specials { &self.prompt } else { &self.continuation };
        let encode = || {
            let mut pieces = pipeline.pieces(text)?;
            pieces.tokenize(|piece| self.model.tokenize(piece.get()))?;
            Ok(pipeline::ids(&pieces))
        };
        encode().map_err(|error: tokenizers::Error| self.error(error))
    }

    /// The ids of a whole prompt: control tokens recognised, and beginning-of-text put first where the model wants it and
    /// the text does not begin with it already (many chat templates write it themselves).
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.encode(text, true)?;
        if let Some(bos) = self.bos().filter(|bos| ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// The text of `ids`: their bytes in a row, without control tokens and padding, and with U+FFFD for what is not UTF-8.
    ///
    /// A SentencePiece vocabulary's leading space is kept: the ids are taken as part of a text, not as its beginning.
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

    /// What `id` adds to a text: nothing for control tokens and padding.
    pub(crate) fn text_bytes(&self, id: u32) -> Result<&[u8]> {
        match self.table.kind(id) {
            None => Err(self.error(format!("id {id} is not below the {} tokens", self.table.len()))),
            Some(Kind::Control | Kind::Unknown | Kind::Padding) => Ok(&[]),
            Some(Kind::Normal | Kind::Added) => Ok(self.table.bytes(id).unwrap_or_default()),
        }
    }

    /// The bytes that token `id` stands for, a control token's name included; `None` for padding and past the end.
    pub fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.table.bytes(id)
    }

    /// Whether `id` is a control token: a mark that is no part of any text.
    pub fn is_special(&self, id: u32) -> bool {
        matches!(self.table.kind(id), Some(Kind::Control | Kind::Unknown))
    }

    /// Rows of the vocabulary, padding included. The model's logits may be wider still.
    pub fn vocab_size(&self) -> usize {
        self.table.len()
    }

    /// Tokens that end a text or a turn, never empty; those that the files name come first.
    pub fn eos_ids(&self) -> &[u32] {
        &self.ends
    }

    /// The token that a prompt begins with, where the model wants one.
    pub fn bos(&self) -> Option<u32> {
        self.bos.filter(|_| self.add_bos)
    }

    /// The beginning-of-text token, whether or not [`Tokenizer::bos`] asks for it.
    pub fn bos_token(&self) -> Option<u32> {
        self.bos
    }

    /// The text of the beginning-of-text token, for templates that write it, whether or not [`Tokenizer::bos`] asks for it.
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

    /// A hash over the bytes of every real token by id, padding ignored: equal where ids mean the same, in any process
    /// and on any machine (64-bit FNV-1a).
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The first id that means something else in `other`, in words; `None` where ids may be shared.
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
