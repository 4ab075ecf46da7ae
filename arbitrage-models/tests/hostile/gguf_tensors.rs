//! Invalid GGUF tensors, and metadata from which no model can be made.

use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::config::ModelConfig;
use arbitrage_models::weights::Gguf as File;

use super::Case;
use super::Kind::{Format, NotFinite, Truncated};
use super::build::{ARRAY, BOOL, Gguf, U32, array, string};
use super::gguf_header::{FILE, case};

const F32: u32 = 0;
const Q8_0: u32 = 8;
const Q4_K: u32 = 12;

/// Descriptions and positions of tensors.
pub(crate) fn tensors() -> Vec<Case> {
    let one = |name: &str, dims: &[u64], kind: u32, phrases: &str| {
        case(
            name,
            Gguf::new().tensor(b"t", dims, kind, 0).with_data(&[0; 64]),
            Format,
            &format!("tensor `t`|{phrases}"),
        )
    };
    let named = |name: &str, tensor: &[u8], phrases: &str| {
        case(name, Gguf::new().tensor(tensor, &[8], F32, 0).with_data(&[0; 32]), Format, phrases)
    };
    let mut cases = vec![
        named("an empty name", b"", "name of tensor 0"),
        named("a name that is not UTF-8", b"\xFF", "name of tensor 0|UTF-8"),
        one("no dimensions", &[], F32, "1 to 4 dimensions|found 0"),
        one("five dimensions", &[1; 5], F32, "1 to 4 dimensions|found 5"),
        one("a dimension of 0", &[0, 4], F32, "positive dimensions"),
        one("a shape that overflows", &[1 << 32, 1 << 32], F32, "below 2^63 bytes"),
        one("a size of 2^63", &[1 << 61], F32, "below 2^63 bytes"),
        one("larger than any file", &[1 << 48], F32, "larger than any file"),
        one("an unknown type", &[8], 99, "type 99|Q4_K"),
        one("a type that was removed", &[32], 4, "Q4_2 (type 4), which is not read|Q4_0"),
        one(
            "a type that we do not read",
            &[256],
            16,
            "IQ2_XXS (type 16), which is not read: take the model in Q4_K_M or Q8_0",
        ),
        one("IQ3_S", &[256], 21, "IQ3_S (type 21), which is not read"),
        one("MXFP4", &[32], 39, "MXFP4 (type 39), which is not read"),
        one("numbers that are no weights", &[8], 26, "I32 (type 26), which is not read"),
        one("part of a block", &[33], Q8_0, "whole blocks of 32|Q8_0 [33]"),
        one("part of a large block", &[128, 2], Q4_K, "whole blocks of 256|Q4_K [2, 128]"),
    ];
    let dims = [string(b"t"), u32::MAX.to_le_bytes().to_vec()].concat();
    let many = Gguf { tensor_count: Some(1), ..Gguf::new() }.raw(&[dims, vec![0; 64]].concat());
    cases.push(case("2^32 - 1 dimensions", many.header(), Format, "tensor `t`|1 to 4 dimensions|4294967295"));
    let name = Gguf { tensor_count: Some(1), ..Gguf::new() }.raw(&[(1u64 << 59).to_le_bytes(); 5].concat());
    cases.push(case("a name of 2^59 bytes", name.header(), Format, "name of tensor 0|576460752303423488"));
    cases.extend(positions());
    cases.extend(values());
    cases
}

fn positions() -> Vec<Case> {
    let two = |name: &str, second: &str, offset: u64, phrases: &str| {
        let file = Gguf::new().tensor(b"token_embd.weight", &[8], F32, 0).tensor(second.as_bytes(), &[8], F32, offset);
        case(name, file.with_data(&[0; 128]), Format, phrases)
    };
    let good = Gguf::new().tensor(b"t", &[8], F32, 0);
    vec![
        two("overlap", "u", 0, "tensor `u`|offset 32, right after `token_embd.weight`|an overlap"),
        two("a hole", "u", 64, "tensor `u`|offset 32|a hole"),
        two("off the alignment", "u", 36, "tensor `u`|offset 32|a hole"),
        two("at the end of all numbers", "u", u64::MAX, "tensor `u`"),
        two("twice", "token_embd.weight", 32, "tensor `token_embd.weight`|the name again"),
        two("twice in two spellings", "model.embed_tokens.weight", 32, "tensor `token_embd.weight`|the name again"),
        case(
            "not from the start",
            Gguf::new().tensor(b"t", &[8], F32, 32).with_data(&[0; 64]),
            Format,
            "tensor `t`|a hole",
        ),
        case("no data", good.header(), Truncated, ""),
        case("cut in the data", good.with_data(&[0; 31]), Truncated, "96 bytes expected, 95 found"),
        case("a tebibyte", Gguf::new().tensor(b"t", &[1 << 38], F32, 0).with_data(&[0; 64]), Truncated, "1099511627"),
    ]
}

fn values() -> Vec<Case> {
    let of = |name: &str, values: u64, kind: u32, data: &[u8], index: usize| {
        let file = Gguf::new().tensor(b"blk.0.ffn_up.weight", &[values], kind, 0).with_data(data);
        case(name, file, NotFinite, &format!("tensor `blk.0.ffn_up.weight`|(index {index})"))
    };
    let nan = [[0; 4], f32::NAN.to_le_bytes()].concat();
    // A block whose scale, an f16, is infinite.
    let infinite_scale =
        |block: usize, bytes: usize| [vec![0; block * bytes], vec![0, 0x7C], vec![1; bytes - 2]].concat();
    vec![
        of("F32 that is not finite", 2, F32, &nan, 1),
        of("Q8_0 with an infinite scale", 64, Q8_0, &infinite_scale(1, 34), 32),
        of("Q4_K with an infinite scale", 512, Q4_K, &infinite_scale(1, 144), 256),
        of("Q6_K with a NaN scale", 256, 14, &[vec![1; 208], vec![1, 0x7E]].concat(), 0),
    ]
}

fn read_config(folder: &Path) -> Result<(), Error> {
    ModelConfig::from_gguf(&File::open(folder.join(FILE))?).map(drop)
}

/// Every key of a valid model, with another value for `key` or none.
fn model(key: &str, value: Option<u32>) -> Gguf {
    let sizes = [
        ("embedding_length", 32),
        ("feed_forward_length", 64),
        ("block_count", 2),
        ("context_length", 128),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
    ];
    let sizes = sizes.into_iter().map(|(name, size)| (name, if name == key { value } else { Some(size) }));
    let file = Gguf::new().text("general.architecture", "llama");
    let file = if key == "epsilon" { file } else { file.float("llama.attention.layer_norm_rms_epsilon", 1e-5) };
    let set = sizes.filter_map(|(name, size)| Some((name, size?)));
    set.fold(file, |file, (name, size)| file.number(&format!("llama.{name}"), size))
}

fn embedded(file: &Gguf) -> Vec<u8> {
    file.clone().tensor(b"token_embd.weight", &[32, 320], F32, 0).with_data(&vec![0; 4 * 32 * 320])
}

/// Metadata of models.
pub(crate) fn configs() -> Vec<Case> {
    let case = |name: &str, file: Vec<u8>, phrases: &str| {
        Case::new(format!("gguf config: {name}"), read_config, Format, &format!("{FILE}|{phrases}")).file(FILE, file)
    };
    let with = |name: &str, key: &str, value: Option<u32>, phrases: &str| {
        case(name, embedded(&model(key, value)), &format!("llama.{key}|{phrases}"))
    };
    let good = model("", None);
    let and = |name: &str, add: fn(Gguf) -> Gguf, phrases: &str| case(name, embedded(&add(good.clone())), phrases);
    vec![
        case("no architecture", Gguf::new().header(), "general.architecture|no such key"),
        case(
            "an unknown architecture",
            Gguf::new().text("general.architecture", "mamba").header(),
            "llama, qwen2, qwen3, qwen3moe, smollm3, gemma3 or phi3|mamba",
        ),
        case(
            "an architecture that is a number",
            Gguf::new().number("general.architecture", 1).header(),
            "general.architecture|a string|u32 1",
        ),
        with("layers missing", "block_count", None, "no such key"),
        with("width missing", "embedding_length", None, "no such key"),
        with("no layers", "block_count", Some(0), "1 to 4096|found 0"),
        with("2^24 layers", "block_count", Some(1 << 24), "1 to 4096|found 16777216"),
        with("no heads", "attention.head_count", Some(0), "found 0"),
        with("heads that do not divide", "attention.head_count", Some(5), "a divisor of the hidden size 32|found 5"),
        with("key-value heads that do not divide", "attention.head_count_kv", Some(3), "a divisor of 4 heads|found 3"),
        with("no key-value heads", "attention.head_count_kv", Some(0), "found 0"),
        with("a width of 2^32 - 4", "embedding_length", Some(u32::MAX - 3), "1 to 16777216|found 4294967292"),
        with("no context", "context_length", Some(0), "found 0"),
        case("no epsilon", embedded(&model("epsilon", None)), "llama.attention.layer_norm_rms_epsilon|no such key"),
        case("no embedding", good.header(), "token_embd.weight|a tensor|nothing"),
        case(
            "an embedding of one dimension",
            good.clone().tensor(b"token_embd.weight", &[32], F32, 0).with_data(&[0; 128]),
            "two dimensions",
        ),
        and(
            "an odd head",
            |file| file.number("llama.attention.key_length", 7),
            "llama.attention.key_length|even|found 7",
        ),
        and("a theta of 0", |file| file.float("llama.rope.freq_base", 0.0), "llama.rope.freq_base|above 0|found 0"),
        and("a NaN theta", |file| file.float("llama.rope.freq_base", f32::NAN), "llama.rope.freq_base|finite"),
        and(
            "an unknown scaling",
            |file| file.text("llama.rope.scaling.type", "longrope"),
            "llama.rope.scaling.type|none, linear or yarn|longrope",
        ),
        and(
            "a scaling without a factor",
            |file| file.text("llama.rope.scaling.type", "linear"),
            "llama.rope.scaling.factor|no such key",
        ),
        and(
            "a scaling by 0",
            |file| file.text("llama.rope.scaling.type", "linear").float("llama.rope.scaling.factor", 0.0),
            "llama.rope.scaling.factor|above 0",
        ),
        and(
            "an unknown scaling beside factors",
            |file| file.text("llama.rope.scaling.type", "longrope"),
            "llama.rope.scaling.type|not supported yet|longrope",
        ),
        and(
            "half a head rotated",
            |file| file.number("llama.rope.dimension_count", 4),
            "dimension_count|expected 8, |found 4",
        ),
        and(
            "narrower values",
            |file| file.number("llama.attention.value_length", 4),
            "value_length|expected 8, |found 4",
        ),
        and(
            "experts",
            |file| file.number("llama.expert_count", 8),
            "llama.expert_count|experts is not supported yet|u32 8",
        ),
        and(
            "softcapping",
            |file| file.float("llama.attn_logit_softcapping", 50.0),
            "softcapping|0, false or null|f32 50",
        ),
        and("a scale of NaN", |file| file.float("llama.logit_scale", f32::NAN), "llama.logit_scale|expected 1|NaN"),
        and(
            "an infinite scale",
            |file| file.float("llama.attention.scale", f32::INFINITY),
            "llama.attention.scale|inf",
        ),
        and(
            "no causality",
            |file| file.entry(b"llama.attention.causal", BOOL, &[0]),
            "llama.attention.causal|true|false",
        ),
        and("another activation", |file| file.text("llama.hidden_activation", "gelu"), "hidden_activation|`silu`|gelu"),
        and(
            "sections",
            |file| file.entry(b"llama.rope.dimension_sections", ARRAY, &array(U32, 1, &[1, 0, 0, 0])),
            "sections",
        ),
        and("an adapter", |file| file.text("general.type", "adapter"), "general.type|`model`|adapter"),
        and(
            "a misspelt key",
            |file| file.number("llama.contxt_length", 4),
            "llama.contxt_length|known for the architecture llama, such as `llama.context_length`",
        ),
        case("too few factors", factors(&[1.0; 3]), "rope_freqs.weight|4 factors|found 3"),
        case("a factor of 0", factors(&[1.0, 1.0, 0.0, 1.0]), "rope_freqs.weight|above 0|found 0"),
        case(
            "a negative epsilon",
            embedded(&model("epsilon", None).float("llama.attention.layer_norm_rms_epsilon", -1.0)),
            "layer_norm_rms_epsilon|above 0|found -1",
        ),
    ]
}

fn factors(values: &[f32]) -> Vec<u8> {
    let file = model("", None).tensor(b"token_embd.weight", &[32, 2], F32, 0);
    let file = file.tensor(b"rope_freqs.weight", &[values.len() as u64], F32, 256);
    let values = values.iter().flat_map(|value| value.to_le_bytes());
    file.with_data(&[vec![0; 256], values.collect()].concat())
}
