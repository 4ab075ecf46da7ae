//! Pre-tokenizers by the name that a GGUF file gives them (`tokenizer.ggml.pre`).
//!
//! The file has only a name; the rules here are those of the checkpoints' `tokenizer.json`. A wrong rule would give plausible but
//! different ids, so an unknown name is an error.

use serde_json::{Value, json};

/// How text is normalised and split before the merges, in the format of a `tokenizer.json`.
pub(super) struct PreTokenizerRules {
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    /// Whether a word that is a token is taken whole, without applying the merges (`ignore_merges`).
    pub ignore_merges: bool,
}

/// Whether the byte-level pre-tokenizer splits words first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WordSplitting {
    /// It does, as GPT-2 does.
    Gpt2,
    /// It does not, since an earlier step has split them.
    None,
}

/// The names that [`rules`] accepts.
pub(super) const KNOWN_NAMES: &str = "qwen2, deepseek-r1-qwen, llama-bpe (llama3, llama-v3), smollm (starcoder, refact, command-r), gpt-2, tekken, default";

/// Qwen2: splits numbers into single digits.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Llama 3: splits numbers into groups of up to three digits.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Mistral's Tekken: also splits words at a change of case.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The rules called `name`; `None` for an unknown name.
pub(super) fn rules(name: &str) -> Option<PreTokenizerRules> {
    let none = Value::Null;
    let (normalizer, pre_tokenizer, ignore_merges) = match name {
        "qwen2" => (json!({ "type": "NFC" }), split(QWEN2), false),
        "deepseek-r1-qwen" => (none, split(QWEN2), false),
        "llama-bpe" | "llama3" | "llama-v3" => (none, split(LLAMA3), true),
        "tekken" => (none, split(TEKKEN), true),
        "smollm" | "starcoder" | "refact" | "command-r" => {
            let digits = json!({ "type": "Digits", "individual_digits": true });
            (none, sequence(vec![digits, byte_level(WordSplitting::Gpt2)]), false)
        }
        "gpt-2" | "gpt2" => (none, byte_level(WordSplitting::Gpt2), false),
        "default" => {
            // What llama.cpp does for files from before names were recorded.
            let splits = [r"[\p{P}\$\+<=>\^~\|]+", r"\p{N}+", r"[0-9][0-9][0-9]"].map(isolated);
            let [marks, numbers, threes] = splits;
            (none, sequence(vec![marks, byte_level_words(), numbers, threes, byte_level(WordSplitting::None)]), false)
        }
        _ => return None,
    };
    Some(PreTokenizerRules { normalizer, pre_tokenizer, ignore_merges })
}

fn split(pattern: &str) -> Value {
    sequence(vec![isolated(pattern), byte_level(WordSplitting::None)])
}

fn isolated(pattern: &str) -> Value {
    json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false })
}

/// GPT-2's word splitting, without its encoding of bytes.
fn byte_level_words() -> Value {
    isolated(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)")
}

/// GPT-2's encoding of bytes.
fn byte_level(words: WordSplitting) -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": words == WordSplitting::Gpt2 })
}

fn sequence(steps: Vec<Value>) -> Value {
    json!({ "type": "Sequence", "pretokenizers": steps })
}
