//! Mutations of `tokenizer.json` and `tokenizer_config.json`.

use serde_json::{Value, json};

use super::folder::FolderMutation;
use super::json::{member, mutate, odd};
use super::random::Random;

const FILE: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";

/// A template that mutations of templates start from.
pub(crate) const CHATML: &str = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

pub(crate) const MUTATIONS: [FolderMutation; 6] = [
    ("tokenizer: a part", 8, |folder, random| {
        let (part, choices) = random.pick(&PARTS);
        let value = serde_json::from_str(random.pick(choices)).unwrap();
        folder.edit(FILE, |file| *member(file, part) = value);
    }),
    ("tokenizer: a place in a part", 5, |folder, random| {
        let parts = ["added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"];
        folder.edit(FILE, |file| mutate(member(file, random.pick(&parts)), random));
    }),
    ("tokenizer: vocabulary", 5, |folder, random| {
        folder.edit(FILE, |file| vocabulary(member(file, "model"), random));
    }),
    ("tokenizer: model", 4, |folder, random| {
        let (key, choices) = random.pick(&MODEL);
        let value: Value = serde_json::from_str(random.pick(choices)).unwrap();
        folder.edit(FILE, |file| *member(member(file, "model"), key) = value);
    }),
    ("tokenizer: added token", 5, |folder, random| folder.edit(FILE, |file| added_token(file, random))),
    ("tokenizer configuration", 4, |folder, random| {
        let key = random.pick(&CONFIG_KEYS);
        let texts = ["\"<s>\"", "\"no such token\"", "{\"content\": \"</s>\"}", "\"\"", "null", "true", "false"];
        let value = if random.chance(70) { random.pick(&texts).to_owned() } else { odd(random).to_string() };
        folder.set(CONFIG, key, &value);
    }),
];

const CONFIG_KEYS: [&str; 12] = [
    "add_bos_token",
    "add_eos_token",
    "add_prefix_space",
    "added_tokens_decoder",
    "bos_token",
    "clean_up_tokenization_spaces",
    "eos_token",
    "legacy",
    "model_max_length",
    "pad_token",
    "tokenizer_class",
    "unk_token",
];

/// Parts of `tokenizer.json` with what the tokenizers library reads, or nearly.
const PARTS: [(&str, &[&str]); 6] = [
    ("truncation", &[r#"{"direction":"Right","max_length":4,"strategy":"LongestFirst","stride":0}"#, "1"]),
    (
        "padding",
        &[
            r#"{"strategy":{"Fixed":1000000},"direction":"Left","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"x"}"#,
        ],
    ),
    (
        "normalizer",
        &[
            "null",
            r#"{"type":"NFKC"}"#,
            r#"{"type":"Lowercase"}"#,
            r#"{"type":"Prepend","prepend":"▁"}"#,
            r#"{"type":"Prepend","prepend":""}"#,
            r#"{"type":"Replace","pattern":{"String":""},"content":"xx"}"#,
            r#"{"type":"Replace","pattern":{"Regex":"(a|a)*$"},"content":"b"}"#,
            r#"{"type":"Replace","pattern":{"Regex":"("},"content":"b"}"#,
            r#"{"type":"Sequence","normalizers":[]}"#,
            r#"{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"}]}"#,
            r#"{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#,
            r#"{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}"#,
            r#"{"type":"ByteLevel"}"#,
            r#"{"type":"Unheard"}"#,
        ],
    ),
    (
        "pre_tokenizer",
        &[
            "null",
            r#"{"type":"Whitespace"}"#,
            r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"#,
            r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#,
            r#"{"type":"Digits","individual_digits":true}"#,
            r#"{"type":"Split","pattern":{"Regex":""},"behavior":"Isolated","invert":false}"#,
            r#"{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Removed","invert":true}"#,
            r#"{"type":"Split","pattern":{"Regex":"(?:(\\w+)\\1)*x"},"behavior":"Isolated","invert":false}"#,
            r#"{"type":"Split","pattern":{"Regex":"(?=(\\w+)+)(?:\\w|\\w)*!"},"behavior":"MergedWithPrevious","invert":false}"#,
            r#"{"type":"Split","pattern":{"Regex":"["},"behavior":"Isolated","invert":false}"#,
            r#"{"type":"Split","pattern":{"Regex":"\\w{1,1000}{1,1000}"},"behavior":"Isolated","invert":false}"#,
            r#"{"type":"Split","pattern":{"String":" "},"behavior":"Contiguous","invert":false}"#,
            r#"{"type":"Sequence","pretokenizers":[]}"#,
            r#"{"type":"Unheard"}"#,
        ],
    ),
    (
        "post_processor",
        &[
            "null",
            r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}"#,
            r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}"#,
            r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"no","type_id":0}}],"pair":[],"special_tokens":{}}"#,
            r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[4000000000],"tokens":["<s>"]}}}"#,
            r#"{"type":"BertProcessing","sep":["</s>",2],"cls":["<s>",1]}"#,
        ],
    ),
    (
        "decoder",
        &[
            "null",
            r#"{"type":"ByteFallback"}"#,
            r#"{"type":"Fuse"}"#,
            r#"{"type":"Strip","content":" ","start":1,"stop":1000}"#,
            r#"{"type":"Replace","pattern":{"String":""},"content":"x"}"#,
            r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#,
            r#"{"type":"CTC","pad_token":"x","word_delimiter_token":"y","cleanup":true}"#,
            r#"{"type":"Sequence","decoders":[]}"#,
        ],
    ),
];

const MODEL: [(&str, &[&str]); 9] = [
    ("type", &["\"Unigram\"", "\"WordPiece\"", "\"WordLevel\"", "\"\"", "null", "\"BPE\""]),
    ("dropout", &["1.0", "0.5", "-1", "2", "0.0"]),
    ("unk_token", &["\"<unk>\"", "\"no such token\"", "null", "\"\""]),
    ("continuing_subword_prefix", &["\"##\"", "\"\"", "null"]),
    ("end_of_word_suffix", &["\"</w>\"", "\"\"", "null"]),
    ("fuse_unk", &["true", "false"]),
    ("byte_fallback", &["true", "false"]),
    ("ignore_merges", &["true", "false"]),
    ("cache_capacity", &["0", "1000000000000"]),
];

fn vocabulary(model: &mut Value, random: &mut Random) {
    match random.below(9) {
        0 => *member(model, "merges") = json!([]),
        1 => drop(model.as_object_mut().and_then(|model| model.remove("merges"))),
        2 => *member(model, "merges") = json!(["h e", "no such", "a  b"]),
        3 => *member(model, "merges") = json!([["h", "e"], ["h", "e"], ["x"]]),
        4 | 5 => mutate(member(model, "merges"), random),
        6 | 7 => {
            let name = "x".repeat(random.pick(&[0, 1, 9, 70_000]));
            let id = random.pick(&[0, 5, 300, 319, 320, u64::from(u32::MAX), 1 << 40]);
            *member(member(model, "vocab"), &name) = json!(id);
        }
        _ => mutate(member(model, "vocab"), random),
    }
}

fn added_token(file: &mut Value, random: &mut Random) {
    let contents = ["", " ", "a", "1", "<|im_end|>", "é", "\n", "<s>", "\u{1b}[31m", "farmer"];
    let id = random.pick(&[0, 301, 304, 305, 306, 307, 310, 319, 320, 100_000, u64::from(u32::MAX)]);
    let mut flag = || random.chance(30);
    let (single_word, lstrip, rstrip, normalized, special) = (flag(), flag(), flag(), flag(), flag());
    let token = json!({"id": id, "content": random.pick(&contents), "single_word": single_word,
        "lstrip": lstrip, "rstrip": rstrip, "normalized": normalized, "special": special});
    match member(file, "added_tokens").as_array_mut() {
        Some(tokens) if random.chance(50) => tokens.push(token),
        Some(tokens) => {
            if let Some(old) = random.pick_mut(tokens) {
                *old = token;
            }
        }
        None => *member(file, "added_tokens") = json!([token]),
    }
}
