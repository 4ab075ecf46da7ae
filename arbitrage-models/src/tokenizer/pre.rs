//! Pre-tokenizers by the name that a GGUF file gives them (`tokenizer.ggml.pre`).
//!
//! The file holds only a name; its rules are those of the checkpoint's `tokenizer.json`. A wrong rule gives plausible but
//! different ids, so that an unknown name is refused rather than guessed.

use serde_json::{Value, json};

/// How text is prepared and cut before the merges, in the notation of a `tokenizer.json`.
pub(super) struct Rules {
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub whole_words: bool,
}

/// The names that [`rules`] knows.
pub(super) const KNOWN: &str = "qwen2, deepseek-r1-qwen, llama-bpe (llama3, llama-v3), smollm (starcoder, refact, command-r), gpt-2, tekken, default";

/// Qwen2: digits one by one.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Llama 3: digits by threes.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Mistral's Tekken: words also at a change of case.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The rules called `name`; `None` when nobody has told what they are.
pub(super) fn rules(name: &str) -> Option<Rules> {
    let none = Value::Null;
    let (normalizer, pre_tokenizer, whole_words) = match name {
        "qwen2" => (json!({ "type": "NFC" }), split(QWEN2), false),
        "deepseek-r1-qwen" => (none, split(QWEN2), false),
        "llama-bpe" | "llama3" | "llama-v3" => (none, split(LLAMA3), true),
        "tekken" => (none, split(TEKKEN), true),
        "smollm" | "starcoder" | "refact" | "command-r" => {
            let digits = json!({ "type": "Digits", "individual_digits": true });
            (none, sequence(vec![digits, byte_level(true)]), false)
        }
        "gpt-2" | "gpt2" => (none, byte_level(true), false),
        "default" => {
            // What llama.cpp does for files that were made before names were recorded.
            let cut = [r"[\p{P}\$\+<=>\^~\|]+", r"\p{N}+", r"[0-9][0-9][0-9]"].map(isolated);
            let [marks, numbers, threes] = cut;
            (none, sequence(vec![marks, byte_level_words(), numbers, threes, byte_level(false)]), false)
        }
        _ => return None,
    };
    Some(Rules { normalizer, pre_tokenizer, whole_words })
}

fn split(pattern: &str) -> Value {
    sequence(vec![isolated(pattern), byte_level(false)])
}

fn isolated(pattern: &str) -> Value {
    json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false })
}

/// GPT-2's words, without its spelling of bytes.
fn byte_level_words() -> Value {
    isolated(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)")
}

/// The spelling of bytes, after GPT-2's words where `words`.
fn byte_level(words: bool) -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": words })
}

fn sequence(steps: Vec<Value>) -> Value {
    json!({ "type": "Sequence", "pretokenizers": steps })
}
