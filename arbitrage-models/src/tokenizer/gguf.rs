//! The vocabulary inside a GGUF file.

use super::alphabet::{Alphabet, SPACE, byte_piece};
use super::parts::{MAX_TOKENS, TokenizerParts};
use super::pipeline::AddedTokenWithId;
use super::table::{TokenKind, VocabularyEntry};
use super::template;
use super::{pre, spm};
use crate::error::{Error, Result};
use crate::weights::gguf::{Metadata, Strings};
use crate::weights::{Gguf, WeightSource as _};
use arbitrage_core::text::excerpt;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The `tokenizer.*` metadata of a GGUF file.
#[derive(Debug, Clone, Default)]
pub struct GgufVocabulary {
    /// The file.
    pub path: PathBuf,
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece).
    pub model: String,
    /// `tokenizer.ggml.pre`: the name of the pre-tokenizer; empty means `default`.
    pub pre: String,
    /// `tokenizer.ggml.tokens`, by id.
    pub tokens: Vec<String>,
    /// `tokenizer.ggml.merges`: `left right`, in order of precedence. Byte-level BPE only.
    pub merges: Vec<String>,
    /// `tokenizer.ggml.scores`, one for each token. SentencePiece only.
    pub scores: Vec<f32>,
    /// `tokenizer.ggml.token_type`, one for each token, or empty: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused,
    /// 6 byte.
    pub token_types: Vec<i32>,
    /// `tokenizer.ggml.bos_token_id`.
    pub bos: Option<u32>,
    /// `tokenizer.ggml.eos_token_id`.
    pub eos: Option<u32>,
    /// `tokenizer.ggml.unknown_token_id`.
    pub unk: Option<u32>,
    /// `tokenizer.ggml.padding_token_id`.
    pub pad: Option<u32>,
    /// `tokenizer.ggml.add_bos_token`. Where absent: true for `llama`, false for `gpt2`.
    pub add_bos: bool,
    /// `tokenizer.ggml.add_space_prefix`: whether a SentencePiece text begins with a space. Where absent: true.
    pub add_space_prefix: bool,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
}

impl GgufVocabulary {
    /// Reads the vocabulary of a file. Only model and tokens are required.
    ///
    /// # Errors
    /// [`Error::Format`] naming a key that is missing or of another type.
    pub fn read(gguf: &Gguf) -> Result<Self> {
        const PREFIX: &str = "tokenizer.ggml.";
        let all = gguf.all_metadata();
        let key = |name: &str| format!("{PREFIX}{name}");
        let id = |name: &str| all.optional(&key(name), Metadata::u32_of);
        let flag = |name: &str, other: bool| Ok(all.optional(&key(name), Metadata::bool_of)?.unwrap_or(other));
        let texts = |strings: &Strings| strings.iter().map(str::to_owned).collect();
        let text = |name: &str| Ok(all.optional(name, Metadata::str_of)?.map(str::to_owned));
        let model = all.str_of(&key("model"))?.to_owned();
        Ok(Self {
            path: gguf.path().to_owned(),
            pre: text(&key("pre"))?.unwrap_or_default(),
            tokens: texts(all.strings_of(&key("tokens"))?),
            merges: all.optional(&key("merges"), Metadata::strings_of)?.map(texts).unwrap_or_default(),
            scores: all.optional(&key("scores"), Metadata::f32s_of)?.unwrap_or_default(),
            token_types: all.optional(&key("token_type"), Metadata::i32s_of)?.unwrap_or_default(),
            bos: id("bos_token_id")?,
            eos: id("eos_token_id")?,
            unk: id("unknown_token_id")?,
            pad: id("padding_token_id")?,
            add_bos: flag("add_bos_token", model == "llama")?,
            add_space_prefix: flag("add_space_prefix", true)?,
            chat_template: text("tokenizer.chat_template")?,
            model,
        })
    }

    /// The parts that a tokenizer is built from.
    pub(super) fn parts(mut self) -> Result<TokenizerParts> {
        self.check_lengths()?;
        let alphabet = match self.model.as_str() {
            "gpt2" => Alphabet::ByteLevel,
            "llama" => Alphabet::Pieces,
            other => {
                let expected = "gpt2 (byte-level BPE) or llama (SentencePiece)";
                let reason = format!("tokenizer.ggml.model: expected {expected}, found `{}`", excerpt(other));
                return Err(self.error(reason));
            }
        };
        let (merges, rules) = match alphabet {
            Alphabet::ByteLevel => (self.bpe_merges()?, self.rules()?),
            Alphabet::Pieces => (self.spm_merges()?, self.spm_rules()),
        };
        let entries = self.entries();
        let known =
            [("bos_token", self.bos), ("eos_token", self.eos), ("unk_token", self.unk), ("pad_token", self.pad)];
        Ok(TokenizerParts {
            template_tokens: template::tokens(&serde_json::Value::Null, &entries, &known),
            added: AddedTokenWithId::of_entries(&entries),
            path: self.path,
            entries,
            alphabet,
            merges,
            ignore_merges: rules.ignore_merges,
            normalizer: rules.normalizer,
            pre_tokenizer: rules.pre_tokenizer,
            ends: self.eos.into_iter().collect(),
            bos: self.bos,
            add_bos: self.add_bos,
            chat_template: self.chat_template,
        })
    }

    fn check_lengths(&self) -> Result<()> {
        let tokens = self.tokens.len();
        if tokens == 0 || tokens > MAX_TOKENS {
            return Err(self.error(format!("expected 1 to {MAX_TOKENS} tokens, found {tokens}")));
        }
        for (name, length) in [("token_type", self.token_types.len()), ("scores", self.scores.len())] {
            if length != 0 && length != tokens {
                return Err(self.error(format!(
                    "tokenizer.ggml.{name}: expected {tokens} entries, one for each token, found {length}"
                )));
            }
        }
        Ok(())
    }

    fn kind(&self, id: usize) -> TokenKind {
        let text = self.tokens[id].as_str();
        // Converters have marked padding rows as user-defined, normal or unused.
        if text.strip_prefix("[PAD").and_then(|rest| rest.strip_suffix(']')) == Some(&id.to_string()) {
            return TokenKind::Padding;
        }
        match self.token_types.get(id) {
            Some(2) => TokenKind::Unknown,
            Some(3) => TokenKind::Control,
            Some(4) if looks_like_control(text) => TokenKind::Control,
            Some(4) => TokenKind::Added,
            Some(5) => TokenKind::Padding,
            None if looks_like_control(text) => TokenKind::Control,
            _ => TokenKind::Normal,
        }
    }

    /// Moves the texts out of `tokens`.
    fn entries(&mut self) -> Vec<VocabularyEntry> {
        let kinds: Vec<TokenKind> = (0..self.tokens.len()).map(|id| self.kind(id)).collect();
        std::mem::take(&mut self.tokens)
            .into_iter()
            .zip(kinds)
            .map(|(text, kind)| VocabularyEntry { text, kind })
            .collect()
    }

    fn rules(&self) -> Result<pre::PreTokenizerRules> {
        let name = if self.pre.is_empty() { "default" } else { &self.pre };
        pre::rules(name).ok_or_else(|| {
            let name = excerpt(name);
            self.error(format!("tokenizer.ggml.pre: expected one of {}, found `{name}`", pre::KNOWN_NAMES))
        })
    }

    /// The two pieces are separated by the first space that is not the first character: the left piece may begin with a space, and
    /// the right one may contain spaces.
    fn bpe_merges(&mut self) -> Result<Vec<(String, String)>> {
        let merges = std::mem::take(&mut self.merges);
        let pair = |(rank, merge): (usize, String)| {
            let at = merge.char_indices().skip(1).find(|(_, c)| *c == ' ').map(|(at, _)| at);
            match at {
                Some(at) => Ok((merge[..at].to_owned(), merge[at + 1..].to_owned())),
                None => {
                    let merge = excerpt(&merge);
                    Err(self.error(format!(
                        "tokenizer.ggml.merges[{rank}]: expected two pieces separated by a space, found `{merge}`"
                    )))
                }
            }
        };
        merges.into_iter().enumerate().map(pair).collect()
    }

    fn spm_merges(&self) -> Result<Vec<(String, String)>> {
        if self.scores.len() != self.tokens.len() {
            return Err(self.error(
                "tokenizer.ggml.scores: expected one for each token of a SentencePiece vocabulary, found none",
            ));
        }
        if let Some(id) = self.scores.iter().position(|score| score.is_nan()) {
            return Err(self.error(format!("tokenizer.ggml.scores[{id}]: expected a number, found NaN")));
        }
        let text = |&id: &usize| self.kind(id) == TokenKind::Normal && byte_piece(&self.tokens[id]).is_none();
        let piece = |id: usize| spm::ScoredPiece { id: id as u32, text: &self.tokens[id], score: self.scores[id] };
        Ok(spm::merges((0..self.tokens.len()).filter(text).map(piece)))
    }

    /// SentencePiece does not split text. It replaces spaces and usually prepends one.
    fn spm_rules(&self) -> pre::PreTokenizerRules {
        let mark = SPACE.to_string();
        let mut steps = vec![json!({ "type": "Replace", "pattern": { "String": " " }, "content": mark })];
        if self.add_space_prefix {
            steps.insert(0, json!({ "type": "Prepend", "prepend": mark }));
        }
        let normalizer = json!({ "type": "Sequence", "normalizers": steps });
        pre::PreTokenizerRules { normalizer, pre_tokenizer: Value::Null, ignore_merges: false }
    }

    fn error(&self, reason: impl ToString) -> Error {
        Error::Tokenizer { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// Tokens of the form `<|…|>` are control tokens even where a file does not mark them so.
pub(super) fn looks_like_control(text: &str) -> bool {
    text.len() > 4 && text.starts_with("<|") && text.ends_with("|>")
}
