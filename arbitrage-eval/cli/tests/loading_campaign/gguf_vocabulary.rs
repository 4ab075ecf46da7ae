//! Mutations of the vocabulary and of the template in a GGUF file.

use super::gguf::{F32, GgufFile, STRING, U32, Value};
use super::gguf_keys::GgufMutation;
use super::random::Random;
use super::template;

pub(crate) const MUTATIONS: [GgufMutation; 8] = [
    ("tokens", 5, tokens),
    ("merges", 4, merges),
    ("scores", 3, scores),
    ("token types", 4, token_types),
    ("special ids", 5, special_ids),
    ("kind of tokenizer", 3, tokenizer_kind),
    ("a list of another type", 2, retype_list),
    ("template", 20, |file, random| {
        let old = match file.get_mut("tokenizer.chat_template") {
            Some(Value::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        };
        let new = template::any(&old, random);
        file.set("tokenizer.chat_template", Value::Text(new));
    }),
];

const TOKENS: &str = "tokenizer.ggml.tokens";

/// Texts of tokens that a reader could stumble over.
const ODD_TOKENS: [&[u8]; 14] = [
    b"",
    b" ",
    b"\n",
    b"\xff\xfe",
    b"\xe2\x96",
    "\u{2581}".as_bytes(),
    "\u{120}".as_bytes(),
    b"<0x41>",
    b"<0xZZ>",
    b"<|im_end|>",
    b"<s>",
    b"</s>",
    b"a b",
    b"\x1b[31m",
];

fn tokens(file: &mut GgufFile, random: &mut Random) {
    let Some(items) = file.list(TOKENS) else { return };
    let at = random.below(items.len());
    if items.is_empty() {
        return;
    }
    match random.below(10) {
        0 => drop(items.remove(at)),
        1 => items.truncate(at),
        2 => items.push(Value::text("one more")),
        3 => items.extend((0..random.pick(&[1, 1000, 100_000])).map(|at| Value::text(&format!("more{at}")))),
        4 => items[at] = items[random.below(items.len())].clone(),
        5 => items[at] = Value::Text(b"x".repeat(random.pick(&[300, 70_000, 2_000_000]))),
        6 => items.rotate_left(at),
        7 => items.clear(),
        _ => items[at] = Value::Text(random.pick(&ODD_TOKENS).to_vec()),
    }
    let count = items.len();
    // The other lists mostly keep one entry for each token.
    if random.chance(75) {
        for (key, value) in [("tokenizer.ggml.token_type", Value::i32(1)), ("tokenizer.ggml.scores", Value::f32(-9.0))]
        {
            if let Some(items) = file.list(key) {
                items.resize(count, value);
            }
        }
    }
}

fn merges(file: &mut GgufFile, random: &mut Random) {
    const ODD_MERGES: [&str; 10] =
        ["", " ", "a", "a b c", "no such", "h h", "he he", "h  e", "\u{120} \u{120}", "h\u{a0}e"];
    if random.chance(15) {
        return file.remove("tokenizer.ggml.merges");
    }
    let Some(items) = file.list("tokenizer.ggml.merges") else { return };
    let at = random.below(items.len());
    if items.is_empty() {
        return;
    }
    match random.below(7) {
        0 => drop(items.remove(at)),
        1 => items.truncate(at),
        2 => items.push(items[at].clone()),
        3 => items.reverse(),
        4 => items.clear(),
        _ => items[at] = Value::text(random.pick(&ODD_MERGES)),
    }
}

fn scores(file: &mut GgufFile, random: &mut Random) {
    let key = "tokenizer.ggml.scores";
    let odd = Value::f32(random.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 0.0, 1.0, -1e30]));
    let count = file.list(TOKENS).map_or(0, |tokens| tokens.len());
    let Some(items) = file.list(key) else {
        return file.set(key, Value::List { kind: F32, items: vec![odd; count] });
    };
    let at = random.below(items.len());
    match random.below(5) {
        0 => items.truncate(at),
        1 => items.fill(odd),
        2 => items.reverse(),
        3 => file.remove(key),
        _ => items.iter_mut().skip(at).take(30).for_each(|item| *item = odd.clone()),
    }
}

fn token_types(file: &mut GgufFile, random: &mut Random) {
    let key = "tokenizer.ggml.token_type";
    let odd = Value::i32(random.pick(&[0, 1, 2, 3, 4, 5, 6, 7, -1, i32::MAX]));
    let Some(items) = file.list(key) else { return };
    let at = random.below(items.len());
    match random.below(6) {
        0 => items.truncate(at),
        1 => items.fill(odd),
        2 => items.reverse(),
        3 => file.remove(key),
        // The marks are the last tokens, or the first.
        4 => items.iter_mut().rev().take(25).for_each(|item| *item = odd.clone()),
        _ => items.iter_mut().skip(at).take(30).for_each(|item| *item = odd.clone()),
    }
}

fn special_ids(file: &mut GgufFile, random: &mut Random) {
    const NAMES: [&str; 14] = [
        "bos_token_id",
        "eos_token_id",
        "eos_token_id",
        "eot_token_id",
        "eom_token_id",
        "unknown_token_id",
        "padding_token_id",
        "seperator_token_id",
        "cls_token_id",
        "mask_token_id",
        "fim_pre_token_id",
        "add_bos_token",
        "add_eos_token",
        "add_space_prefix",
    ];
    let name = random.pick(&NAMES);
    let key = format!("tokenizer.ggml.{name}");
    if name.starts_with("add_") {
        return file.set(&key, Value::Scalar { kind: 7, bytes: vec![random.below(2) as u8] });
    }
    match random.below(8) {
        0 => file.remove(&key),
        1 => file.set(&key, Value::List { kind: U32, items: vec![Value::u32(300), Value::u32(2)] }),
        2 => file.set(&key, Value::u32(random.pick(&[319, 320, 321, i32::MAX as u32, u32::MAX]))),
        _ => file.set(&key, Value::u32(random.below(320) as u32)),
    }
}

fn tokenizer_kind(file: &mut GgufFile, random: &mut Random) {
    const KINDS: [&str; 9] = ["gpt2", "llama", "bert", "t5", "rwkv", "none", "", "no_vocab", "plamo2"];
    const RULES: [&str; 12] = [
        "default",
        "llama-bpe",
        "qwen2",
        "smollm",
        "gpt-2",
        "llama3",
        "deepseek-llm",
        "gpt-4o",
        "tekken",
        "falcon",
        "",
        "unheard-of",
    ];
    match random.below(5) {
        0 => file.remove(random.pick(&["tokenizer.ggml.pre", "tokenizer.ggml.model", TOKENS])),
        1 => file.set("tokenizer.ggml.model", Value::text(random.pick(&KINDS))),
        2 => file.set("tokenizer.huggingface.json", Value::text("{}")),
        _ => file.set("tokenizer.ggml.pre", Value::text(random.pick(&RULES))),
    }
}

fn retype_list(file: &mut GgufFile, random: &mut Random) {
    let mut lists: Vec<_> =
        file.metadata.iter_mut().filter(|(_, value)| matches!(value, Value::List { .. })).map(|it| &mut it.1).collect();
    let Some(Value::List { kind, items }) = random.pick_mut(&mut lists) else { return };
    match random.below(4) {
        0 => *kind = random.pick(&[0, 4, 5, 6, 7, 8, 9, 12, 13, u32::MAX]),
        1 => (*kind, *items) = (STRING, items.iter().map(|_| Value::text("1")).collect()),
        2 => (*kind, *items) = (U32, items.iter().map(|_| Value::u32(1)).collect()),
        _ => (*kind, *items) = (F32, items.iter().map(|_| Value::f32(1.0)).collect()),
    }
}
