//! The text of the folder's files. It is written by hand, so that its bytes do not depend on the features of a JSON library.

use super::{END, END_ID};

/// The regular expression of the pre-tokenizer. Its alternatives, in order: a box, a word with its spaces, a digit, a blank line, a colon
/// with its space, and any other single character.
pub const PATTERN: &str = r"\\boxed\{| ?\p{L}+(?: (?=\p{N}))?|\p{N}|\n\n|: |[^\s\p{L}\p{N}]|\s";

/// Renders a user's message as the question and a blank line. System messages are left out, since the models were not trained on any.
/// Earlier answers end with the end token, as in training.
pub const CHAT_TEMPLATE: &str = r"{% for message in messages %}{% if message['role'] == 'user' %}{{ message['content'] + '\n\n' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}";

/// Longest text that models of this family are trained for, in tokens.
const MAX_TOKENS: u32 = 256;

/// The name and text of each file.
pub(super) fn all(vocabulary: &[Vec<u8>]) -> [(&'static str, String); 3] {
    [
        ("tokenizer.json", tokenizer(vocabulary)),
        ("tokenizer_config.json", config()),
        ("generation_config.json", generation()),
    ]
}

fn tokenizer(vocabulary: &[Vec<u8>]) -> String {
    let entry = |(id, bytes): (usize, &Vec<u8>)| {
        let token = if id == END_ID as usize { END.to_owned() } else { byte_level(bytes) };
        format!("      {}: {id}", quoted(&token))
    };
    let entries: Vec<String> = vocabulary.iter().enumerate().map(entry).collect();
    let (end, pattern, entries) = (quoted(END), quoted(PATTERN), entries.join(",\n"));
    format!(
        r#"{{
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [
    {{"id": {END_ID}, "content": {end}, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}}
  ],
  "normalizer": null,
  "pre_tokenizer": {{
    "type": "Sequence",
    "pretokenizers": [
      {{"type": "Split", "pattern": {{"Regex": {pattern}}}, "behavior": "Isolated", "invert": false}},
      {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}}
    ]
  }},
  "post_processor": null,
  "decoder": {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}},
  "model": {{
    "type": "BPE",
    "dropout": null,
    "unk_token": null,
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": false,
    "byte_fallback": false,
    "ignore_merges": true,
    "vocab": {{
{entries}
    }},
    "merges": []
  }}
}}
"#
    )
}

fn config() -> String {
    let (end, template) = (quoted(END), quoted(CHAT_TEMPLATE));
    format!(
        r#"{{
  "tokenizer_class": "PreTrainedTokenizerFast",
  "add_bos_token": false,
  "clean_up_tokenization_spaces": false,
  "eos_token": {end},
  "pad_token": {end},
  "model_max_length": {MAX_TOKENS},
  "chat_template": {template}
}}
"#
    )
}

fn generation() -> String {
    format!("{{\n  \"do_sample\": false,\n  \"eos_token_id\": {END_ID},\n  \"pad_token_id\": {END_ID}\n}}\n")
}

/// A JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Bytes in GPT-2's alphabet, in which each byte is one printable character.
fn byte_level(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| byte_char(byte)).collect()
}

/// Printable Latin-1 characters represent themselves. The other 68 bytes are, in order, the characters from U+0100.
fn byte_char(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let place = (0..byte).filter(|&before| !printable(before)).count() as u32;
    char::from_u32(0x100 + place).unwrap_or(char::REPLACEMENT_CHARACTER)
}
