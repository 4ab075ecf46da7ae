//! Mutations of the tensors in a Hugging Face folder.

use serde_json::{Map, Value, json};

use super::entry::Entry;
use super::folder::{Folder, FolderMutation};
use super::json::{member, odd};
use super::random::Random;

pub(crate) const MUTATIONS: [FolderMutation; 4] = [
    ("tensor's description", 8, describe),
    ("tensor added", 8, add),
    ("tensor of odd values", 6, odd_values),
    ("index of shards", 2, |folder, random| {
        let names = ["model.safetensors", "model-00002-of-00002.safetensors", "../model.safetensors", "/dev/zero", ""];
        let name = random.pick(&names);
        let index = json!({"metadata": {"total_size": 1}, "weight_map": {
            "model.embed_tokens.weight": name, "model.norm.weight": random.pick(&names)}});
        let bytes = Entry::Bytes(index.to_string().into_bytes());
        folder.files.insert("model.safetensors.index.json".to_owned(), bytes);
    }),
];

/// The name of one of the folder's weight files.
fn weights(folder: &Folder, random: &mut Random) -> Option<String> {
    let names: Vec<&String> = folder.files.keys().filter(|name| name.ends_with(".safetensors")).collect();
    (!names.is_empty()).then(|| random.pick(&names).clone())
}

/// Takes a valid file apart, changes its header and its data, and puts it together.
fn edit(folder: &mut Folder, random: &mut Random, edit: fn(&mut Map<String, Value>, &mut Vec<u8>, &mut Random)) {
    let Some(name) = weights(folder, random) else { return };
    let Some(bytes) = folder.bytes_mut(&name) else { return };
    let Some(length) = bytes.first_chunk().map(|length| u64::from_le_bytes(*length) as usize) else { return };
    let Some(header) = length.checked_add(8).and_then(|end| bytes.get(8..end)) else { return };
    if let Ok(Value::Object(mut header)) = serde_json::from_slice(header) {
        let mut data = bytes.split_off(8 + length);
        edit(&mut header, &mut data, random);
        let header = Value::Object(header).to_string();
        *bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    }
}

fn describe(folder: &mut Folder, random: &mut Random) {
    edit(folder, random, |header, _, random| {
        let name = header.keys().nth(random.below(header.len())).cloned().unwrap_or_default();
        let Some(mut tensor) = header.remove(&name) else { return };
        match random.below(9) {
            0 => {}
            1 => drop(header.insert(random.pick(&NAMES).replace('#', "0"), tensor)),
            2 => drop(header.insert(format!("{name}\u{1b}[31m"), tensor)),
            other => {
                match other {
                    3 => {
                        *member(&mut tensor, "dtype") =
                            json!(random.pick(&["F64", "I8", "U8", "F8_E4M3", "BOOL", "F16", "X", ""]))
                    }
                    4 => {
                        *member(&mut tensor, "shape") = json!(random.pick(&[&[][..], &[0], &[1, 1, 1], &[u64::MAX, 2]]))
                    }
                    5 => *member(&mut tensor, "shape") = odd(random),
                    6 => {
                        *member(&mut tensor, "data_offsets") =
                            json!(random.pick(&[[0, 0], [0, 64], [9, 3], [u64::MAX, u64::MAX]]))
                    }
                    7 => *member(&mut tensor, "data_offsets") = odd(random),
                    _ => {
                        if let Some(dims) = member(&mut tensor, "shape").as_array_mut() {
                            dims.reverse();
                        }
                    }
                }
                header.insert(name, tensor);
            }
        }
    });
}

/// Tensors that transformers knows; `#` is a layer.
const NAMES: [&str; 30] = [
    "model.layers.#.self_attn.q_proj.bias",
    "model.layers.#.self_attn.k_proj.bias",
    "model.layers.#.self_attn.v_proj.bias",
    "model.layers.#.self_attn.o_proj.bias",
    "model.layers.#.mlp.gate_proj.bias",
    "model.layers.#.mlp.up_proj.bias",
    "model.layers.#.mlp.down_proj.bias",
    "model.layers.#.input_layernorm.bias",
    "model.norm.bias",
    "lm_head.bias",
    "lm_head.weight",
    "model.embed_tokens.bias",
    "model.layers.#.self_attn.q_norm.weight",
    "model.layers.#.self_attn.k_norm.weight",
    "model.layers.#.self_attn.sinks",
    "model.layers.#.self_attn.rotary_emb.inv_freq",
    "model.rotary_emb.inv_freq",
    "model.layers.#.self_attn.q_proj.qweight",
    "model.layers.#.self_attn.q_proj.weight_scale",
    "model.layers.#.self_attn.q_proj.lora_A.weight",
    "model.layers.#.post_feedforward_layernorm.weight",
    "model.layers.#.mlp.experts.0.gate_proj.weight",
    "model.layers.7.self_attn.q_proj.weight",
    "score.weight",
    "classifier.weight",
    "v_head.summary.weight",
    "transformer.wte.weight",
    "embed_tokens.weight",
    "base_model.model.model.norm.weight",
    "unheard.of",
];

fn add(folder: &mut Folder, random: &mut Random) {
    edit(folder, random, |header, data, random| {
        // The names that a decoder of this family reads come first.
        let among = if random.chance(50) { &NAMES[..12] } else { &NAMES };
        let name = random.pick(among).replace('#', random.pick(&["0", "1", "00", "99999999999"]));
        let width = random.pick(&[0, 1, 8, 16, 31, 32, 64, 320]);
        let shape = random.pick(&[&[width][..], &[width], &[width, 32], &[32, width]]).to_vec();
        let value = random.pick(&[0.02f32, 0.02, 0.0, f32::NAN, f32::INFINITY, -1e30, 1e5]);
        let start = data.len();
        data.extend(value.to_le_bytes().repeat(shape.iter().product()));
        header.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    });
}

fn odd_values(folder: &mut Folder, random: &mut Random) {
    edit(folder, random, |_, data, random| {
        let at = random.below(data.len() / 8) * 4;
        let length = random.pick(&[4, 64, 4096]);
        let end = (at + length).min(data.len());
        let byte = random.pick(&[0xff, 0x7f, 0x7c, 0, 0x80, 0x60]);
        data[at..end].fill(byte);
    });
}
