//! The vocabulary inside a GGUF file.

use super::alphabet::{Alphabet, SPACE, byte_piece};
use super::controls::mark_controls;
use super::folder::{self, TokenizerSettings};
use super::gguf_keys::{self, PREFIX, TOKENIZER_JSON};
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
    /// `tokenizer.ggml.pre`: the name of the pre-tokenizer. If it is empty, `default` is used with a warning.
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
    /// Tokens that end a text or a turn: `tokenizer.ggml.eos_token_id`, `eot_token_id`, `eom_token_id` and `eos_token_ids`.
    pub ends: Vec<u32>,
    /// `tokenizer.ggml.unknown_token_id`.
    pub unk: Option<u32>,
    /// `tokenizer.ggml.padding_token_id`, which templates may write.
    pub pad: Option<u32>,
    /// `tokenizer.ggml.add_bos_token`. Where absent: true for `llama` and the rules of Llama 3 and Tekken, false for others.
    pub add_bos: bool,
    /// `tokenizer.ggml.add_space_prefix`: whether a SentencePiece text begins with a space. Where absent: true.
    pub add_space_prefix: bool,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
    /// `tokenizer.huggingface.json`: the whole `tokenizer.json`. Its rules apply where [`pre`](Self::pre) names none that are known.
    pub tokenizer_json: Option<String>,
}

impl GgufVocabulary {
    /// Reads the vocabulary of a file. Only model and tokens are required, and merges of a byte-level vocabulary.
    ///
    /// # Errors
    /// [`Error::Format`] naming a key that is missing or of another type, or that would change the tokens of a text and is not
    /// followed.
    pub fn read(gguf: &Gguf) -> Result<Self> {
        let all = gguf.all_metadata();
        let key = |name: &str| format!("{PREFIX}{name}");
        let id = |name: &str| all.optional(&key(name), Metadata::u32_of);
        let flag = |name: &str, other: bool| Ok(all.optional(&key(name), Metadata::bool_of)?.unwrap_or(other));
        let texts = |strings: &Strings| strings.iter().map(str::to_owned).collect();
        let text = |name: &str| Ok(all.optional(name, Metadata::str_of)?.map(str::to_owned));
        gguf_keys::check(gguf)?;
        let model = all.str_of(&key("model"))?.to_owned();
        let pre: String = text(&key("pre"))?.unwrap_or_default();
        let ends = [id("eos_token_id")?, id("eot_token_id")?, id("eom_token_id")?];
        let more_ends = all.optional(&key("eos_token_ids"), Metadata::u32s_of)?.unwrap_or_default();
        Ok(Self {
            path: gguf.path().to_owned(),
            tokens: texts(all.strings_of(&key("tokens"))?),
            merges: all.optional(&key("merges"), Metadata::strings_of)?.map(texts).unwrap_or_default(),
            scores: all.optional(&key("scores"), Metadata::f32s_of)?.unwrap_or_default(),
            token_types: all.optional(&key("token_type"), Metadata::i32s_of)?.unwrap_or_default(),
            // Converters have written −1 where there is none.
            bos: id("bos_token_id")?.filter(|id| *id != u32::MAX),
            ends: ends.into_iter().flatten().chain(more_ends).collect(),
            unk: id("unknown_token_id")?,
            pad: id("padding_token_id")?,
            add_bos: flag("add_bos_token", model == "llama" || pre::adds_bos(&pre))?,
            add_space_prefix: flag("add_space_prefix", model == "llama")?,
            chat_template: text("tokenizer.chat_template")?,
            tokenizer_json: text(TOKENIZER_JSON)?,
            pre,
            model,
        })
    }

    /// The parts that a tokenizer is built from.
    pub(super) fn parts(mut self) -> Result<TokenizerParts> {
        self.check_lengths()?;
        if let Some(text) = self.tokenizer_json.take()
            && pre::rules(&self.pre).is_none()
        {
            return self.parts_of_tokenizer_json(&text);
        }
        let alphabet = match self.model.as_str() {
            "gpt2" => Alphabet::ByteLevel,
            "llama" => Alphabet::Pieces,
            other => {
                let expected = "gpt2 (byte-level BPE) or llama (SentencePiece)";
                let reason = format!("tokenizer.ggml.model: expected {expected}, found `{}`", excerpt(other));
                return Err(self.error(reason));
            }
        };
        let mut warnings = Vec::new();
        self.check_prefix(alphabet)?;
        let mut entries = self.entries();
        let designated: Vec<u32> = self.ends.iter().copied().chain(self.bos).collect();
        let (merges, rules) = match alphabet {
            Alphabet::ByteLevel => {
                let merges = self.bpe_merges()?;
                mark_controls(&mut entries, &designated, &merges);
                (merges, self.rules(&mut warnings)?)
            }
            Alphabet::Pieces => {
                mark_controls(&mut entries, &designated, &[]);
                (self.spm_merges(&entries)?, self.spm_rules())
            }
        };
        let bos = self.beginning(&entries, &mut warnings)?;
        let known = [
            ("bos_token", bos),
            ("eos_token", self.ends.first().copied()),
            ("unk_token", self.unk),
            ("pad_token", self.pad),
        ];
        Ok(TokenizerParts {
            template_tokens: template::tokens(&serde_json::Value::Null, &entries, &known),
            added: AddedTokenWithId::of_entries(&entries),
            path: self.path,
            entries,
            alphabet,
            merges,
            ignore_merges: rules.ignore_merges,
            // Rules that take words whole, such as those of Llama 3, need merges for other words all the same.
            merges_required: true,
            normalizer: rules.normalizer,
            pre_tokenizer: rules.pre_tokenizer,
            byte_fallback: alphabet == Alphabet::Pieces,
            fuse_unk: alphabet == Alphabet::Pieces,
            ends: self.ends,
            bos,
            add_bos: self.add_bos,
            chat_template: self.chat_template,
            warnings,
        })
    }

    /// The parts of the `tokenizer.json` inside the file, whose tokens have to be those of the file's own list.
    fn parts_of_tokenizer_json(self, text: &str) -> Result<TokenizerParts> {
        let fail = |reason: String| Error::Tokenizer {
            path: self.path.clone(),
            reason: format!("{TOKENIZER_JSON}: {reason}"),
        };
        let file = serde_json::from_str(text).map_err(|error| fail(excerpt(&error.to_string())))?;
        let settings = TokenizerSettings {
            end_ids: self.ends.clone(),
            bos_id: self.bos,
            pad_id: self.pad,
            unk_id: self.unk,
            vocab_size: Some(self.tokens.len()),
            add_bos: Some(self.add_bos),
            chat_template: self.chat_template.clone(),
            ..TokenizerSettings::default()
        };
        let parts = folder::parts(file, settings, &self.path).map_err(fail)?;
        let differs = |(id, entry): &(usize, &VocabularyEntry)| {
            entry.kind != TokenKind::Padding && self.tokens.get(*id) != Some(&entry.text)
        };
        match parts.entries.iter().enumerate().find(differs) {
            None => Ok(parts),
            Some((id, entry)) => {
                let found = self.tokens.get(id).map_or("none", String::as_str);
                let (expected, found) = (excerpt(found), excerpt(&entry.text));
                Err(fail(format!("token {id}: expected `{expected}`, as in tokenizer.ggml.tokens, found `{found}`")))
            }
        }
    }

    fn check_prefix(&self, alphabet: Alphabet) -> Result<()> {
        if alphabet == Alphabet::ByteLevel && self.add_space_prefix {
            return Err(self.error("tokenizer.ggml.add_space_prefix: expected false for the model gpt2, found true"));
        }
        Ok(())
    }

    /// The beginning-of-text token. A SentencePiece file may leave it out where it is that of SentencePiece.
    fn beginning(&self, entries: &[VocabularyEntry], warnings: &mut Vec<String>) -> Result<Option<u32>> {
        const SENTENCE_PIECE: (u32, &str) = (1, "<s>");
        if self.bos.is_some() || !self.add_bos {
            return Ok(self.bos);
        }
        let (id, text) = SENTENCE_PIECE;
        if self.model == "llama" && entries.get(id as usize).is_some_and(|entry| entry.text == text) {
            warnings.push(format!(
                "tokenizer.ggml.bos_token_id is missing: prompts begin with `{text}` (id {id}), as is usual for this model"
            ));
            return Ok(Some(id));
        }
        Err(self.error(
            "tokenizer.ggml.bos_token_id: expected an id, since prompts begin with that token (add_bos_token), found none",
        ))
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
            Some(4) => TokenKind::Added,
            Some(5) => TokenKind::Padding,
            None if self.model == "llama" && self.unk == u32::try_from(id).ok() => TokenKind::Unknown,
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

    fn rules(&self, warnings: &mut Vec<String>) -> Result<pre::PreTokenizerRules> {
        if self.pre.is_empty() {
            warnings.push(format!(
                "tokenizer.ggml.pre is missing, so texts are split by the rules called `{}`. The model was probably trained with \
                 others, and its answers will be worse: convert it again, or take a newer file",
                pre::DEFAULT
            ));
        }
        let name = if self.pre.is_empty() { pre::DEFAULT } else { &self.pre };
        pre::rules(name).ok_or_else(|| {
            let name = excerpt(name);
            self.error(format!("tokenizer.ggml.pre: expected one of {}, found `{name}`", pre::known_names()))
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

    fn spm_merges(&self, entries: &[VocabularyEntry]) -> Result<Vec<(String, String)>> {
        if self.scores.len() != entries.len() {
            return Err(self.error(
                "tokenizer.ggml.scores: expected one for each token of a SentencePiece vocabulary, found none",
            ));
        }
        if let Some(id) = self.scores.iter().position(|score| score.is_nan()) {
            return Err(self.error(format!("tokenizer.ggml.scores[{id}]: expected a number, found NaN")));
        }
        let text = |&id: &usize| entries[id].kind == TokenKind::Normal && byte_piece(&entries[id].text).is_none();
        let piece = |id: usize| spm::ScoredPiece { id: id as u32, text: &entries[id].text, score: self.scores[id] };
        Ok(spm::merges((0..entries.len()).filter(text).map(piece)))
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
