//! Invalid vocabularies in GGUF files.

use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::tokenizer::{GgufVocabulary, Tokenizer};
use arbitrage_models::weights::Gguf as File;

use super::Kind::{Format, Tokenizer as Refused};
use super::build::{ARRAY, BOOL, F32, Gguf, array};
use super::gguf_header::FILE;
use super::{Case, Kind};

fn open(folder: &Path) -> Result<(), Error> {
    let tokenizer = Tokenizer::from_gguf(GgufVocabulary::read(&File::open(folder.join(FILE))?)?)?;
    tokenizer.encode_prompt("ab ab").map(drop)
}

fn case(name: &str, file: Gguf, kind: Kind, phrases: &str) -> Case {
    Case::new(format!("vocabulary: {name}"), open, kind, &format!("{FILE}|{phrases}")).file(FILE, file.header())
}

const I32: u32 = 5;
const U8: u32 = 0;
const TOKENS: [&str; 5] = ["a", "b", "ab", "Ġ", "<|im_end|>"];

/// A model's name and its tokens.
fn start(model: &str) -> Gguf {
    Gguf::new().text("tokenizer.ggml.model", model).texts("tokenizer.ggml.tokens", &TOKENS)
}

fn numbers<const N: usize>(kind: u32, values: &[[u8; N]]) -> Vec<u8> {
    array(kind, values.len() as u64, &values.concat())
}

/// Keys that are missing or of another type.
pub(crate) fn keys() -> Vec<Case> {
    let bad = |name: &str, file: Gguf, phrases: &str| case(name, file, Format, phrases);
    let good = || start("gpt2");
    let tokens = "tokenizer.ggml.tokens";
    vec![
        bad("nothing", Gguf::new(), "tokenizer.ggml.model|no such key"),
        bad("no tokens", Gguf::new().text("tokenizer.ggml.model", "gpt2"), "tokenizer.ggml.tokens|no such key"),
        bad(
            "tokens that are a number",
            Gguf::new().text("tokenizer.ggml.model", "gpt2").number(tokens, 3),
            "tokenizer.ggml.tokens|an array of strings|u32 3",
        ),
        bad(
            "a model that is a number",
            Gguf::new().number("tokenizer.ggml.model", 2),
            "tokenizer.ggml.model|a string|u32 2",
        ),
        bad("rules that are a number", good().number("tokenizer.ggml.pre", 1), "tokenizer.ggml.pre|a string"),
        bad(
            "merges that are text",
            good().text("tokenizer.ggml.merges", "a b"),
            "tokenizer.ggml.merges|an array of strings",
        ),
        bad(
            "scores that are texts",
            good().texts("tokenizer.ggml.scores", &["1"]),
            "tokenizer.ggml.scores|an array of f32",
        ),
        bad(
            "types that are texts",
            good().texts("tokenizer.ggml.token_type", &["1"]),
            "tokenizer.ggml.token_type|an array of i32",
        ),
        bad(
            "an end that is text",
            good().text("tokenizer.ggml.eos_token_id", "</s>"),
            "tokenizer.ggml.eos_token_id|a u32|</s>",
        ),
        bad(
            "a beginning that is a float",
            good().float("tokenizer.ggml.bos_token_id", 1.0),
            "tokenizer.ggml.bos_token_id|a u32",
        ),
        bad(
            "a truth that is a number",
            good().number("tokenizer.ggml.add_bos_token", 1),
            "tokenizer.ggml.add_bos_token|a bool",
        ),
        bad(
            "a template that is a number",
            good().number("tokenizer.chat_template", 1),
            "tokenizer.chat_template|a string",
        ),
    ]
}

/// A file that is complete, but for what `change` adds to it.
fn complete(change: impl Fn(Gguf) -> Gguf) -> Gguf {
    change(start("gpt2").text("tokenizer.ggml.pre", "gpt-2").texts("tokenizer.ggml.merges", &["a b"]))
}

/// Keys that would change the tokens of a text and are not followed.
pub(crate) fn ignored_keys() -> Vec<Case> {
    let truth = |key: &'static str| {
        let name = format!("tokenizer.ggml.{key}");
        let file = complete(|file| file.entry(name.as_bytes(), BOOL, &[1]));
        case(key, file, Format, &format!("{name}|false or nothing|true"))
    };
    let keys = [
        "add_eos_token",
        "add_sep_token",
        "add_unknown_token",
        "remove_extra_whitespaces",
        "normalizer.lowercase",
        "normalizer.strip_accents",
    ];
    let of_bytes =
        complete(|file| file.entry(b"tokenizer.ggml.precompiled_charsmap", ARRAY, &numbers(U8, &[[7], [7]])));
    let suppressed =
        complete(|file| file.entry(b"tokenizer.ggml.suppress_tokens", ARRAY, &numbers(I32, &[[1, 0, 0, 0]])));
    let prefix = complete(|file| file.entry(b"tokenizer.ggml.add_space_prefix", BOOL, &[1]));
    let begins = complete(|file| file.entry(b"tokenizer.ggml.add_bos_token", BOOL, &[1]));
    keys.into_iter()
        .map(truth)
        .chain([
            case("a table of characters", of_bytes, Format, "tokenizer.ggml.precompiled_charsmap|false or nothing"),
            case("suppressed tokens", suppressed, Format, "tokenizer.ggml.suppress_tokens|false or nothing"),
            case(
                "an unknown key",
                complete(|file| file.number("tokenizer.ggml.shift_by", 1)),
                Format,
                "tokenizer.ggml.shift_by|unknown key",
            ),
            case("a space before byte-level text", prefix, Refused, "tokenizer.ggml.add_space_prefix: expected false"),
            case("a beginning without its token", begins, Refused, "tokenizer.ggml.bos_token_id: expected an id|none"),
            case("no merges", start("gpt2").text("tokenizer.ggml.pre", "gpt-2"), Refused, "merges|`ab`|none"),
            case(
                "an end of turn out of range",
                complete(|file| file.number("tokenizer.ggml.eot_token_id", 9)),
                Refused,
                "end-of-text id|found 9",
            ),
        ])
        .collect()
}

/// Lists that contradict each other.
pub(crate) fn lists() -> Vec<Case> {
    let bad = |name: &str, file: Gguf, phrases: &str| case(name, file, Refused, phrases);
    let gpt2 = || start("gpt2").text("tokenizer.ggml.pre", "gpt-2");
    let llama = |scores: &[f32]| {
        let scores: Vec<[u8; 4]> = scores.iter().map(|score| score.to_le_bytes()).collect();
        start("llama").entry(b"tokenizer.ggml.scores", ARRAY, &numbers(F32, &scores))
    };
    let types = |types: &[i32]| {
        let types: Vec<[u8; 4]> = types.iter().map(|kind| kind.to_le_bytes()).collect();
        gpt2().entry(b"tokenizer.ggml.token_type", ARRAY, &numbers(I32, &types))
    };
    let empty = Gguf::new().text("tokenizer.ggml.model", "gpt2").texts("tokenizer.ggml.tokens", &[]);
    let endless = Gguf::new().text("tokenizer.ggml.model", "gpt2").texts("tokenizer.ggml.tokens", &TOKENS[..4]);
    vec![
        bad("another model", start("bert"), "tokenizer.ggml.model: expected gpt2|found `bert`"),
        bad("a long model", start(&"m".repeat(1 << 20)), "tokenizer.ggml.model|found `mmm"),
        bad(
            "unknown rules",
            start("gpt2").text("tokenizer.ggml.pre", "magic"),
            "tokenizer.ggml.pre: expected one of qwen2|found `magic`",
        ),
        bad(
            "long rules",
            start("gpt2").text("tokenizer.ggml.pre", &"p".repeat(1 << 20)),
            "tokenizer.ggml.pre|found `ppp",
        ),
        bad("an empty list", empty, "1 to 1048576 tokens, found 0"),
        bad("no end token", endless, "expected an end token"),
        bad("too few types", types(&[1, 1]), "tokenizer.ggml.token_type: expected 5 entries|found 2"),
        bad("too many types", types(&[1; 9]), "tokenizer.ggml.token_type: expected 5 entries|found 9"),
        bad("no scores", start("llama"), "tokenizer.ggml.scores"),
        bad("too few scores", llama(&[0.0]), "tokenizer.ggml.scores: expected 5 entries|found 1"),
        bad(
            "a score that is NaN",
            llama(&[0.0, 1.0, f32::NAN, 0.0, 0.0]),
            "tokenizer.ggml.scores[2]: expected a number, found NaN",
        ),
        bad(
            "a merge of one piece",
            gpt2().texts("tokenizer.ggml.merges", &["a b", "ab"]),
            "tokenizer.ggml.merges[1]: expected two pieces|found `ab`",
        ),
        bad("an empty merge", gpt2().texts("tokenizer.ggml.merges", &[""]), "tokenizer.ggml.merges[0]|found ``"),
        bad(
            "a long merge",
            gpt2().texts("tokenizer.ggml.merges", &[&"x".repeat(1 << 20)]),
            "tokenizer.ggml.merges[0]|found `xxx",
        ),
        bad(
            "a merge of an absent piece",
            gpt2().texts("tokenizer.ggml.merges", &["a z"]),
            "merge 0|`z` is not in the vocabulary",
        ),
        bad(
            "an end out of range",
            gpt2().number("tokenizer.ggml.eos_token_id", 5),
            "end-of-text id: expected one below the 5 tokens, found 5",
        ),
        bad(
            "an end of 2^32 - 1",
            gpt2().number("tokenizer.ggml.eos_token_id", u32::MAX),
            "end-of-text id|found 4294967295",
        ),
        bad(
            "a beginning out of range",
            gpt2().number("tokenizer.ggml.bos_token_id", 7),
            "beginning-of-text id|found 7",
        ),
    ]
}
