//! The vocabulary inside a GGUF file.

use super::alphabet::{Alphabet, SPACE, byte_piece};
use super::parts::{MOST_TOKENS, Parts};
use super::pipeline::Added;
use super::table::{Entry, Kind};
use super::{pre, spm};
use crate::error::{Error, Result};
use crate::weights::gguf::{Metadata, Strings};
use crate::weights::{Gguf, WeightSource as _};
use arbitrage_core::text::excerpt as shown;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The `tokenizer.*` metadata of a GGUF file, as they are.
#[derive(Debug, Clone, Default)]
pub struct GgufVocabulary {
    /// The file.
    pub path: PathBuf,
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece).
    pub model: String,
    /// `tokenizer.ggml.pre`: the name of the pre-tokenizer's rules; empty reads as `default`.
    pub pre: String,
    /// `tokenizer.ggml.tokens`, by id.
    pub tokens: Vec<String>,
    /// `tokenizer.ggml.merges`: `left right`, the first to be merged first. Byte-level BPE only.
    pub merges: Vec<String>,
    /// `tokenizer.ggml.scores`, one a token. SentencePiece only.
    pub scores: Vec<f32>,
    /// `tokenizer.ggml.token_type`, one a token or none at all: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused,
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
    /// Reads the vocabulary of a file; only model and tokens must be there.
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

    /// What a tokenizer is built from.
    pub(super) fn parts(mut self) -> Result<Parts> {
        self.check_lengths()?;
        let alphabet = match self.model.as_str() {
            "gpt2" => Alphabet::ByteLevel,
            "llama" => Alphabet::Pieces,
            other => {
                let known = "gpt2 (byte-level BPE) and llama (SentencePiece) are known";
                let reason = format!("tokenizer.ggml.model is `{}`; {known}", shown(other));
                return Err(self.error(reason));
            }
        };
        let (merges, rules) = match alphabet {
            Alphabet::ByteLevel => (self.bpe_merges()?, self.rules()?),
            Alphabet::Pieces => (self.spm_merges()?, self.spaces()),
        };
        let entries = self.entries();
        Ok(Parts {
            added: Added::of_entries(&entries),
            path: self.path,
            entries,
            alphabet,
            merges,
            whole_words: rules.whole_words,
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
        if tokens == 0 || tokens > MOST_TOKENS {
            return Err(self.error(format!("expected 1 to {MOST_TOKENS} tokens, found {tokens}")));
        }
        for (name, length) in [("token_type", self.token_types.len()), ("scores", self.scores.len())] {
            if length != 0 && length != tokens {
                return Err(self.error(format!("tokenizer.ggml.{name} has {length} entries for {tokens} tokens")));
            }
        }
        Ok(())
    }

    fn kind(&self, id: usize) -> Kind {
        let text = self.tokens[id].as_str();
        // Converters have called the rows that fill the table user-defined, normal and unused.
        if text.strip_prefix("[PAD").and_then(|rest| rest.strip_suffix(']')) == Some(&id.to_string()) {
            return Kind::Padding;
        }
        match self.token_types.get(id) {
            Some(2) => Kind::Unknown,
            Some(3) => Kind::Control,
            Some(4) if looks_like_control(text) => Kind::Control,
            Some(4) => Kind::Added,
            Some(5) => Kind::Padding,
            None if looks_like_control(text) => Kind::Control,
            _ => Kind::Normal,
        }
    }

    /// Takes the texts.
    fn entries(&mut self) -> Vec<Entry> {
        let kinds: Vec<Kind> = (0..self.tokens.len()).map(|id| self.kind(id)).collect();
        std::mem::take(&mut self.tokens).into_iter().zip(kinds).map(|(text, kind)| Entry { text, kind }).collect()
    }

    fn rules(&self) -> Result<pre::Rules> {
        let name = if self.pre.is_empty() { "default" } else { &self.pre };
        pre::rules(name).ok_or_else(|| {
            let name = shown(name);
            self.error(format!("tokenizer.ggml.pre is `{name}`, whose rules are not known; known: {}", pre::KNOWN))
        })
    }

    /// The second half may hold spaces, the first may begin with one.
    fn bpe_merges(&mut self) -> Result<Vec<(String, String)>> {
        let merges = std::mem::take(&mut self.merges);
        let pair = |(rank, merge): (usize, String)| {
            let at = merge.char_indices().skip(1).find(|(_, c)| *c == ' ').map(|(at, _)| at);
            match at {
                Some(at) => Ok((merge[..at].to_owned(), merge[at + 1..].to_owned())),
                None => {
                    let merge = shown(&merge);
                    Err(self.error(format!("tokenizer.ggml.merges[{rank}] is `{merge}`, expected two pieces")))
                }
            }
        };
        merges.into_iter().enumerate().map(pair).collect()
    }

    fn spm_merges(&self) -> Result<Vec<(String, String)>> {
        if self.scores.len() != self.tokens.len() {
            return Err(self.error("a SentencePiece vocabulary without tokenizer.ggml.scores"));
        }
        if let Some(id) = self.scores.iter().position(|score| score.is_nan()) {
            return Err(self.error(format!("tokenizer.ggml.scores[{id}] is not a number")));
        }
        let text = |&id: &usize| self.kind(id) == Kind::Normal && byte_piece(&self.tokens[id]).is_none();
        let piece = |id: usize| (id as u32, self.tokens[id].as_str(), self.scores[id]);
        Ok(spm::merges((0..self.tokens.len()).filter(text).map(piece)))
    }

    /// SentencePiece does not cut text; it spells spaces and, as a rule, puts one first.
    fn spaces(&self) -> pre::Rules {
        let mark = SPACE.to_string();
        let mut steps = vec![json!({ "type": "Replace", "pattern": { "String": " " }, "content": mark })];
        if self.add_space_prefix {
            steps.insert(0, json!({ "type": "Prepend", "prepend": mark }));
        }
        let normalizer = json!({ "type": "Sequence", "normalizers": steps });
        pre::Rules { normalizer, pre_tokenizer: Value::Null, whole_words: false }
    }

    fn error(&self, reason: impl ToString) -> Error {
        Error::Tokenizer { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// Marks of the form `<|…|>` are control tokens even where a file forgets to say so.
pub(super) fn looks_like_control(text: &str) -> bool {
    text.len() > 4 && text.starts_with("<|") && text.ends_with("|>")
}
