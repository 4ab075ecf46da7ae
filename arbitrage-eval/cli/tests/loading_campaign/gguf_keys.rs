//! Mutations of a GGUF file's start and of its metadata.

use super::gguf::{ARRAY, BOOL, F32, GgufFile, I32, SCALAR_BYTES, STRING, U32, Value};
use super::random::Random;

pub(crate) type GgufMutation = (&'static str, usize, fn(&mut GgufFile, &mut Random));

/// Names, how often each is taken, and what it does.
pub(crate) const MUTATIONS: [GgufMutation; 14] = [
    ("header bytes", 3, |file, random| file.damage = Some(random.number())),
    ("header fields", 2, header_fields),
    ("key removed", 3, remove_key),
    ("key renamed", 2, rename_key),
    ("key of another type", 4, retype_key),
    ("key with an extreme value", 6, extreme_key),
    ("key twice", 2, duplicate_key),
    ("key that changes the maths", 6, known_key),
    ("key of no meaning", 3, unknown_key),
    ("key with a huge value", 2, huge_key),
    ("nested list", 2, nested_list),
    ("keys in another order", 1, |file, random| {
        let middle = random.below(file.metadata.len());
        file.metadata.rotate_left(middle);
    }),
    ("another architecture", 1, another_architecture),
    ("another shape", 4, another_shape),
];

const COUNTS: [u64; 8] = [0, 1, 7, 1000, 1 << 32, 1 << 60, i64::MAX as u64, u64::MAX];

fn header_fields(file: &mut GgufFile, random: &mut Random) {
    match random.below(8) {
        0 => file.magic = random.pick(&[*b"gguf", *b"FUGG", *b"ggjt", *b"GGML", [0; 4]]),
        1 => file.version = random.pick(&[0, 1, 2, 4, 3 << 24, u32::MAX]),
        2 | 3 => file.version = 2,
        4 => file.stated_counts[random.below(2)] = Some(random.pick(&COUNTS)),
        5 => file.set("general.alignment", Value::u32(random.pick(&[0, 1, 3, 8, 31, 1 << 31, u32::MAX]))),
        _ => {
            file.alignment = random.pick(&[8, 16, 64, 4096]);
            file.set("general.alignment", Value::u32(file.alignment as u32));
        }
    }
}

/// The place of a key, of the short ones in most cases, since lists of tokens have mutations of their own.
fn place(file: &GgufFile, random: &mut Random) -> usize {
    random.below(file.metadata.len())
}

fn remove_key(file: &mut GgufFile, random: &mut Random) {
    if !file.metadata.is_empty() {
        file.metadata.remove(place(file, random));
    }
}

fn rename_key(file: &mut GgufFile, random: &mut Random) {
    let Some((key, _)) = random.pick_mut(&mut file.metadata) else { return };
    match random.below(6) {
        0 => key.make_ascii_uppercase(),
        1 => key.push(b's'),
        2 => *key = key.iter().rev().copied().collect(),
        3 => key.clear(),
        4 => key.extend([0xff, 0x1b, b'[', b'3', b'1', b'm']),
        _ => *key = b"x".repeat(random.pick(&[100, 65_535, 65_536])),
    }
}

fn retype_key(file: &mut GgufFile, random: &mut Random) {
    let Some((_, value)) = random.pick_mut(&mut file.metadata) else { return };
    let number = match value {
        Value::Scalar { kind: F32, bytes } => f32::from_le_bytes(bytes[..4].try_into().unwrap()).into(),
        Value::Scalar { bytes, .. } => bytes.iter().rev().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte)),
        Value::Text(bytes) => bytes.len() as f64,
        Value::List { items, .. } => items.len() as f64,
    };
    *value = match random.below(16) {
        kind @ 0..13 => scalar_of(kind as u32, number),
        13 => Value::text(&number.to_string()),
        14 => Value::List { kind: U32, items: vec![Value::u32(number as u32); random.below(4)] },
        _ => Value::Scalar { kind: random.pick(&[13, 77, u32::MAX]), bytes: vec![0; 4] },
    };
}

/// `number` in another value type.
fn scalar_of(kind: u32, number: f64) -> Value {
    let bytes = match kind {
        F32 => (number as f32).to_le_bytes().to_vec(),
        12 => number.to_le_bytes().to_vec(),
        STRING | ARRAY => return Value::text(&number.to_string()),
        _ => (number as i64).to_le_bytes()[..SCALAR_BYTES[kind as usize]].to_vec(),
    };
    Value::Scalar { kind, bytes }
}

const EXTREME_FLOATS: [f32; 14] = [
    0.0,
    -0.0,
    -1.0,
    1.0,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN_POSITIVE,
    1e-45,
    1e-12,
    0.1,
    1e6,
    1e30,
];
const EXTREME_NUMBERS: [u32; 18] =
    [0, 1, 2, 3, 5, 7, 8, 16, 33, 64, 127, 255, 320, 4096, 65_536, 1 << 24, i32::MAX as u32, u32::MAX];

fn extreme_key(file: &mut GgufFile, random: &mut Random) {
    // A key with a number, so that most cases change one.
    let numbers = file.metadata.iter_mut().filter(|(_, value)| matches!(value, Value::Scalar { .. }));
    let mut numbers: Vec<_> = numbers.collect();
    let Some((_, value)) = random.pick_mut(&mut numbers) else { return };
    *value = match value {
        Value::Scalar { kind: F32, .. } => Value::f32(random.pick(&EXTREME_FLOATS)),
        Value::Scalar { kind: BOOL, bytes } => {
            Value::Scalar { kind: BOOL, bytes: vec![random.pick(&[1 - bytes[0].min(1), 2, 255])] }
        }
        _ => Value::u32(random.pick(&EXTREME_NUMBERS)),
    };
}

fn duplicate_key(file: &mut GgufFile, random: &mut Random) {
    if file.metadata.is_empty() {
        return;
    }
    let at = place(file, random);
    let copy = file.metadata[at].clone();
    file.metadata.push(copy);
    if random.chance(50) {
        let last = file.metadata.len() - 1;
        file.metadata[last].1 = Value::u32(3);
    }
}

/// Keys of an architecture that llama.cpp knows, most of which change what a model computes.
const KNOWN_KEYS: [&str; 36] = [
    "attention.causal",
    "attention.clamp_kqv",
    "attention.layer_norm_epsilon",
    "attention.max_alibi_bias",
    "attention.scale",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attn_logit_softcapping",
    "decoder_start_token_id",
    "embedding_scale",
    "expert_count",
    "expert_shared_count",
    "expert_used_count",
    "expert_weights_scale",
    "final_logit_softcapping",
    "leading_dense_block_count",
    "logit_scale",
    "pooling_type",
    "residual_scale",
    "rope.dimension_count",
    "rope.dimension_sections",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_log_multiplier",
    "ssm.state_size",
    "tensor_data_layout",
    "tensor_parallel.size",
    "use_parallel_residual",
    "vocab_size",
    "wkv.head_size",
];

fn known_key(file: &mut GgufFile, random: &mut Random) {
    let key = format!("{}.{}", file.family(), random.pick(&KNOWN_KEYS));
    let value = match random.below(8) {
        0 | 1 => Value::f32(random.pick(&EXTREME_FLOATS)),
        2 => Value::Scalar { kind: BOOL, bytes: vec![random.below(2) as u8] },
        3 => Value::text(random.pick(&["none", "linear", "yarn", "longrope", "llama3", ""])),
        4 => Value::List { kind: U32, items: vec![Value::u32(8); random.below(5)] },
        _ => Value::u32(random.pick(&EXTREME_NUMBERS)),
    };
    file.set(&key, value);
    if random.chance(20) {
        let factor = format!("{}.rope.scaling.factor", file.family());
        file.set(&factor, Value::f32(random.pick(&EXTREME_FLOATS)));
    }
}

fn unknown_key(file: &mut GgufFile, random: &mut Random) {
    const KEYS: [&str; 9] = [
        "general.name",
        "general.license",
        "general.type",
        "general.quantization_version",
        "general.file_type",
        "quantize.imatrix.file",
        "split.count",
        "adapter.type",
        "tokenizer.ggml.unheard_of",
    ];
    let own = format!("{}.unheard_of", file.family());
    let key = if random.chance(20) { own.as_str() } else { random.pick(&KEYS) };
    let value = match random.below(4) {
        0 => Value::u32(random.pick(&EXTREME_NUMBERS)),
        1 => Value::text("model"),
        2 => Value::text("a name with \u{1b}[31mcolour, \u{7}, \u{202e} and\nlines"),
        _ => Value::f32(random.pick(&EXTREME_FLOATS)),
    };
    file.set(key, value);
}

fn huge_key(file: &mut GgufFile, random: &mut Random) {
    let texts = ["x", "\u{1b}[2J", "é", "\0", "{{ x }}"];
    let value = Value::text(&random.pick(&texts).repeat(random.pick(&[1000, 70_000, 3_000_000])));
    match random.pick_mut(&mut file.metadata) {
        Some((_, old)) if random.chance(60) => *old = value,
        _ => file.set("general.description", value),
    }
}

fn nested_list(file: &mut GgufFile, random: &mut Random) {
    let depth = random.pick(&[1, 2, 3, 64, 1000, 200_000]);
    let start = Value::List { kind: I32, items: vec![Value::u32(1)] };
    // Written as bytes, since a value of that depth could not be dropped without a deep stack.
    let mut bytes = Vec::new();
    for _ in 0..depth {
        bytes.extend(ARRAY.to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
    }
    bytes.extend(I32.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    let nested = if random.chance(20) { start } else { Value::Scalar { kind: ARRAY, bytes } };
    match random.pick_mut(&mut file.metadata) {
        Some((_, old)) if random.chance(50) => *old = nested,
        _ => file.set("general.tags", nested),
    }
}

fn another_architecture(file: &mut GgufFile, random: &mut Random) {
    let names = ["llama", "qwen2", "qwen3", "gemma2", "phi3", "granite", "mistral", "clip", "", "llama\0"];
    let (old, new) = (file.family(), random.pick(&names));
    file.set("general.architecture", Value::text(new));
    if random.chance(60) {
        for (key, _) in &mut file.metadata {
            if let Some(rest) = key.strip_prefix(old.as_bytes()) {
                *key = [new.as_bytes(), rest].concat();
            }
        }
    }
}

/// Numbers of the shape that fit each other or nearly do.
fn another_shape(file: &mut GgufFile, random: &mut Random) {
    let name = random.pick(&[
        "context_length",
        "block_count",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "rope.freq_base",
        "attention.layer_norm_rms_epsilon",
    ]);
    let key = format!("{}.{name}", file.family());
    let value = match name {
        "rope.freq_base" => Value::f32(random.pick(&[1.0, 2.0, 500.0, 1e7, 1e9])),
        "attention.layer_norm_rms_epsilon" => Value::f32(random.pick(&[1e-6, 1e-3, 0.5, 1e-30])),
        "context_length" => Value::u32(random.pick(&[4, 17, 64, 4096, 131_072, 10_000_000])),
        _ => Value::u32(random.pick(&[1, 2, 3, 4, 8, 16])),
    };
    file.set(&key, value);
}
