//! Invalid `tokenizer.json` files and other files of a tokenizer.

use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::chat::ChatTemplate;
use arbitrage_models::tokenizer::Tokenizer;
use serde_json::{Value, json};

use super::Kind::{Format, Io, Template, Tokenizer as Refused};
use super::{Case, Kind};

const FILE: &str = "tokenizer.json";
/// A valid byte-level vocabulary.
const GOOD: &str = include_str!("../fixtures/tiny/hf/qwen2-f32-tied/tokenizer.json");

/// Reads the folder and its template, and encodes a text on which no rule may fail.
fn open(folder: &Path) -> Result<(), Error> {
    let tokenizer = Tokenizer::from_folder(folder)?;
    ChatTemplate::for_tokenizer(&tokenizer)?;
    let text = "a".repeat(64) + " 12 hens:\n\n文 é <|im_end|>";
    let ids = tokenizer.encode_prompt(&text)?;
    tokenizer.decode(&ids).map(drop)
}

fn case(name: &str, content: impl Into<Vec<u8>>, kind: Kind, phrases: &str) -> Case {
    Case::new(format!("tokenizer: {name}"), open, kind, &format!("{FILE}|{phrases}")).file(FILE, content)
}

/// The valid file with another value at `pointer`, whose parent must exist.
fn with(pointer: &str, value: Value) -> String {
    let mut file: Value = serde_json::from_str(GOOD).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match file.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        parent => parent[key] = value,
    }
    file.to_string()
}

fn set(name: &str, pointer: &str, value: Value, phrases: &str) -> Case {
    case(name, with(pointer, value), Refused, phrases)
}

/// `tokenizer.json` as a whole.
pub(crate) fn files() -> Vec<Case> {
    vec![
        Case::new("tokenizer: absent", open, Io, FILE),
        case("empty", "", Refused, "EOF|corrupt or incomplete"),
        case("cut", &GOOD[..1000], Refused, "EOF|corrupt or incomplete"),
        case("cut by one", &GOOD[..GOOD.len() - 1], Refused, "EOF"),
        case("not UTF-8", b"{\"model\":\"\xFF\"}".to_vec(), Format, "UTF-8"),
        case("an array", "[]", Refused, "corrupt or incomplete"),
        case("nested deep", format!("{{\"normalizer\":{}", "[".repeat(100_000)), Refused, "recursion limit"),
        Case::new(
            "tokenizer: of 300 MB",
            open_large,
            Format,
            &format!("{FILE}|size|at most 268435456 bytes|314572800"),
        ),
        Case::new("tokenizer: a folder", open_folder, Format, &format!("{FILE}|file type|a regular file")),
        #[cfg(unix)]
        Case::new("tokenizer: a device", open_device, Format, &format!("{FILE}|file type|a regular file")),
    ]
}

fn open_large(folder: &Path) -> Result<(), Error> {
    std::fs::File::create(folder.join(FILE)).unwrap().set_len(300 << 20).unwrap();
    open(folder)
}

fn open_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir(folder.join(FILE)).unwrap();
    open(folder)
}

#[cfg(unix)]
fn open_device(folder: &Path) -> Result<(), Error> {
    std::os::unix::fs::symlink("/dev/zero", folder.join(FILE)).unwrap();
    open(folder)
}

/// The vocabulary and its merges.
pub(crate) fn model() -> Vec<Case> {
    let added = |token: Value| json!([token]);
    let mark = |id: u64, content: &str| {
        json!({"id": id, "content": content, "special": true, "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false})
    };
    vec![
        set("no model", "/model", Value::Null, "corrupt or incomplete"),
        set("another model", "/model/type", json!("Unigram"), "/model/type: expected BPE, found Unigram"),
        set("a long type", "/model/type", json!("U".repeat(1 << 20)), "/model/type"),
        set("a vocabulary that is a list", "/model/vocab", json!([]), "corrupt or incomplete"),
        set("no vocabulary", "/model/vocab", json!({}), ""),
        set("a negative id", "/model/vocab/a", json!(-1), "-1"),
        set("an id that is text", "/model/vocab/a", json!("7"), "corrupt or incomplete"),
        set("an id of 2^32 - 1", "/model/vocab/a", json!(u32::MAX), "1 to 1048576 tokens|4294967296"),
        set("an id of 2^32", "/model/vocab/a", json!(1_u64 << 32), "4294967296"),
        set("an id of two tokens", "/model/vocab/new", json!(5), "/model/vocab: id 5 is both"),
        set(
            "a merge of an absent piece",
            "/model/merges/0",
            json!(["a", "QQQQ"]),
            "merge 0|`QQQQ` is not in the vocabulary",
        ),
        set(
            "a merge into an absent piece",
            "/model/merges/0",
            json!(["a", "q"]),
            "merge 0|`aq` is not in the vocabulary",
        ),
        set("merges that are an object", "/model/merges", json!({}), "corrupt or incomplete"),
        set(
            "merges as lines, one piece",
            "/model/merges",
            json!(["a b", "ab"]),
            "/model/merges/1: expected two pieces|`ab`",
        ),
        set("a long merge", "/model/merges", json!(["x".repeat(1 << 20)]), "/model/merges/0: expected two pieces"),
        set("a prefix of words", "/model/continuing_subword_prefix", json!("##"), "/model/continuing_subword_prefix"),
        set("a suffix of words", "/model/end_of_word_suffix", json!("</w>"), "/model/end_of_word_suffix"),
        set(
            "an added token with another's id",
            "/added_tokens",
            added(mark(5, "<new>")),
            "/added_tokens: id 5 is both|`<new>`",
        ),
        set("an added token of id 2^32 - 1", "/added_tokens", added(mark(u32::MAX.into(), "<new>")), "4294967296"),
        set("an added token without content", "/added_tokens", json!([{"id": 5}]), "content"),
        set("an added token without id", "/added_tokens", json!([{"content": "<new>"}]), "id"),
        set("added tokens that are numbers", "/added_tokens", json!([1]), "corrupt or incomplete"),
        set("no decoder", "/decoder", Value::Null, "/decoder: expected a byte-level or a byte-fallback vocabulary"),
    ]
}

/// Rules for splitting text.
pub(crate) fn rules() -> Vec<Case> {
    let split =
        |regex: &str| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
    let sequence = |steps: Vec<Value>| json!({"type": "Sequence", "normalizers": steps});
    let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    let byte_levels = json!({"type": "Sequence", "pretokenizers": vec![byte_level; 40]});
    let precompiled = |map: &str| json!({"type": "Precompiled", "precompiled_charsmap": map});
    vec![
        set("an unknown pre-tokenizer", "/pre_tokenizer", json!({"type": "Magic"}), "/pre_tokenizer"),
        set("a pre-tokenizer that is text", "/pre_tokenizer", json!("ByteLevel"), "/pre_tokenizer"),
        set("a bad regular expression", "/pre_tokenizer", split("(a"), "/pre_tokenizer"),
        set("a huge regular expression", "/pre_tokenizer", split("((a{999}){999}){999}"), "/pre_tokenizer")
            .max_bytes(64 << 20),
        set("a deep regular expression", "/pre_tokenizer", split(&"(".repeat(50_000)), "/pre_tokenizer"),
        set("an unknown normaliser", "/normalizer", json!({"type": "Magic"}), "/normalizer"),
        set(
            "a normaliser with a bad expression",
            "/normalizer",
            json!({"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""}),
            "/normalizer",
        ),
        set("replacements that double", "/normalizer", sequence(vec![replace("a", "aa"); 60]), "/normalizer"),
        set("replacements of nothing", "/normalizer", sequence(vec![replace("", "xx"); 60]), "/normalizer"),
        set("spelt bytes spelt again", "/pre_tokenizer", byte_levels, "/pre_tokenizer"),
        set("a broken precompiled map", "/normalizer", precompiled("AAAA"), "/normalizer"),
        set("a precompiled map that is no base64", "/normalizer", precompiled("?"), "/normalizer"),
        set("an empty precompiled map", "/normalizer", precompiled(""), "/normalizer"),
    ]
}

/// Settings that would change the tokens of a text and are not followed.
pub(crate) fn ignored_settings() -> Vec<Case> {
    let config = |name: &str, content: Value, phrases: &str| {
        let phrases = format!("tokenizer_config.json|{phrases}");
        let case = Case::new(format!("tokenizer: {name}"), open, Format, &phrases).file(FILE, GOOD);
        case.file("tokenizer_config.json", content.to_string())
    };
    let processor = |single: Value| {
        json!({"type": "TemplateProcessing", "single": single, "special_tokens": {
        "<|im_end|>": {"id": "<|im_end|>", "ids": [3], "tokens": []}}})
    };
    let (mark, text) = (json!({"SpecialToken": {"id": "<|im_end|>"}}), json!({"Sequence": {"id": "A"}}));
    let decoder = |id: &str, content: &str| {
        json!({"added_tokens_decoder": {id: {"content": content, "special": true,
        "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}}})
    };
    let mut no_merges: Value = serde_json::from_str(GOOD).unwrap();
    no_merges["model"].as_object_mut().unwrap().remove("merges");
    vec![
        config("an end after every text", json!({"add_eos_token": true}), "/add_eos_token|false"),
        config(
            "a space before every text",
            json!({"add_prefix_space": true}),
            "/add_prefix_space|false, as in tokenizer.json",
        ),
        set("merges left out by chance", "/model/dropout", json!(0.1), "/model/dropout: expected none|0.1"),
        set("an empty list of merges", "/model/merges", json!([]), "merges: expected those that make tokens"),
        case("no merges", no_merges.to_string(), Refused, "/model/merges: expected a list"),
        set(
            "an end by the post-processor",
            "/post_processor",
            processor(json!([text, mark])),
            "/post_processor: expected the text|the text, <|im_end|>",
        ),
        set(
            "another id by the post-processor",
            "/post_processor",
            processor(json!([mark, text])),
            "/post_processor/special_tokens: expected the id|`<|im_end|>`, found 3",
        ),
        set(
            "an unknown post-processor",
            "/post_processor",
            json!({"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}),
            "/post_processor|RobertaProcessing",
        ),
        case_of_config("a beginning without its token", json!({"add_bos_token": true}), "beginning-of-text token|none"),
        case_of_config("an added token of another name", decoder("303", "<new>"), "/added_tokens_decoder/303|`<new>`"),
        case_of_config(
            "an added token without a number",
            decoder("x", "<new>"),
            "/added_tokens_decoder/x|id of a token",
        ),
        set(
            "a control token of 300 bytes",
            "/added_tokens/0",
            json!({"id": 319, "content": "<".repeat(300), "special": true, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false}),
            "at most 256 bytes|of 300",
        ),
    ]
}

fn case_of_config(name: &str, config: Value, phrases: &str) -> Case {
    let case = Case::new(format!("tokenizer: {name}"), open, Refused, phrases).file(FILE, GOOD);
    case.file("tokenizer_config.json", config.to_string())
}

/// The other files.
pub(crate) fn other_files() -> Vec<Case> {
    let of = |name: &str, file: &str, content: &str, kind: Kind, phrases: &str| {
        Case::new(format!("tokenizer: {name}"), open, kind, phrases).file(FILE, GOOD).file(file, content)
    };
    let ends = |name: &str, value: Value, phrases: &str| {
        let content = json!({"eos_token_id": value}).to_string();
        of(name, "generation_config.json", &content, Format, &format!("generation_config.json|/eos_token_id|{phrases}"))
    };
    let no_end = with("/added_tokens", json!([]));
    vec![
        case("no end token", no_end, Refused, "expected an end token"),
        of(
            "an end token out of range",
            "generation_config.json",
            r#"{"eos_token_id": 99999}"#,
            Refused,
            "end-of-text id|found 99999",
        ),
        ends("an end token of 2^40", json!(1_u64 << 40), "1099511627776"),
        ends("an end token that is text", json!("</s>"), "</s>"),
        ends("a negative end token", json!(-1), "-1"),
        ends("end tokens of all kinds", json!([2, "x"]), "x"),
        of("a generation config cut", "generation_config.json", "{", Format, "generation_config.json|JSON"),
        of("a config that is a list", "config.json", "[", Format, "config.json|JSON"),
        of("a tokenizer config cut", "tokenizer_config.json", "{\"a", Format, "tokenizer_config.json|JSON"),
        of(
            "a vocabulary of 10^12",
            "config.json",
            r#"{"vocab_size": 1000000000000}"#,
            Format,
            "config.json|/vocab_size|1048576|1000000000000",
        ),
        of("a template that does not parse", "chat_template.jinja", "{% for %}", Template, "line 1|syntax error"),
        of(
            "a template inside that does not parse",
            "tokenizer_config.json",
            r#"{"chat_template": "{% if"}"#,
            Template,
            "line 1",
        ),
        of(
            "a beginning out of range",
            "config.json",
            r#"{"bos_token_id": 99999}"#,
            Refused,
            "beginning-of-text id|found 99999",
        ),
    ]
}
