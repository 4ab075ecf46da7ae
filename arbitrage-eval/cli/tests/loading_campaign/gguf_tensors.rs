//! Mutations of the tensors in a GGUF file.

use super::gguf::{GgufFile, GgufTensor};
use super::gguf_keys::GgufMutation;
use super::random::Random;

pub(crate) const MUTATIONS: [GgufMutation; 9] = [
    ("tensor removed", 3, |file, random| {
        if !file.tensors.is_empty() {
            file.tensors.remove(random.below(file.tensors.len()));
        }
    }),
    ("tensor twice", 1, |file, random| {
        if !file.tensors.is_empty() {
            file.tensors.push(file.tensors[random.below(file.tensors.len())].clone());
        }
    }),
    ("tensor renamed", 2, rename),
    ("tensor added", 10, add),
    ("tensor of another shape", 4, reshape),
    ("tensor of another type", 4, retype),
    ("tensor elsewhere", 3, misplace),
    ("tensor of odd values", 8, odd_values),
    ("tensors in another order", 1, |file, random| {
        let middle = random.below(file.tensors.len());
        file.tensors.rotate_left(middle);
    }),
];

fn rename(file: &mut GgufFile, random: &mut Random) {
    let Some(tensor) = random.pick_mut(&mut file.tensors) else { return };
    match random.below(6) {
        0 => tensor.name.clear(),
        1 => tensor.name = b"x".repeat(random.pick(&[64, 65, 5000])),
        2 => tensor.name.extend(b".weight"),
        3 => tensor.name.extend([0xff, 0x1b]),
        4 => tensor.name = b"model.layers.0.self_attn.q_proj.weight".to_vec(),
        _ => tensor.name = random.pick(&NAMES).replace('#', "0").into_bytes(),
    }
}

/// Tensors of architectures that llama.cpp knows; `#` is a layer.
const NAMES: [&str; 38] = [
    "blk.#.attn_q.bias",
    "blk.#.attn_k.bias",
    "blk.#.attn_v.bias",
    "blk.#.attn_output.bias",
    "blk.#.ffn_gate.bias",
    "blk.#.ffn_up.bias",
    "blk.#.ffn_down.bias",
    "blk.#.attn_norm.bias",
    "blk.#.ffn_norm.bias",
    "output.bias",
    "output.weight",
    "output_norm.bias",
    "token_embd.bias",
    "token_embd_norm.weight",
    "blk.#.attn_q_norm.weight",
    "blk.#.attn_k_norm.weight",
    "blk.#.attn_sub_norm.weight",
    "blk.#.attn_sinks.weight",
    "blk.#.attn_q.scale",
    "blk.#.attn_q.weight.lora_a",
    "blk.#.attn_qkv.weight",
    "blk.#.attn_rot_embd",
    "blk.#.rope_freqs.weight",
    "blk.#.post_attention_norm.weight",
    "blk.#.post_ffw_norm.weight",
    "blk.#.ffn_gate_inp.weight",
    "blk.#.ffn_gate_exps.weight",
    "blk.#.layer_output_scale.weight",
    "blk.7.attn_q.weight",
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
    "position_embd.weight",
    "token_types.weight",
    "cls.weight",
    "cls.output.weight",
    "v.patch_embd.weight",
    "unheard.of",
];

fn add(file: &mut GgufFile, random: &mut Random) {
    // The names that a decoder of this family reads are the first ten.
    let among = if random.chance(50) { &NAMES[..13] } else { &NAMES };
    let name = random.pick(among).replace('#', random.pick(&["0", "1", "00", "99999999999"]));
    let (width, value) = (random.pick(&[1, 4, 8, 16, 31, 32, 64, 320, 0]), odd_value(random));
    let dims = match random.below(5) {
        0 => vec![32, width],
        1 => vec![width, 32],
        _ => vec![width],
    };
    let data = value.to_le_bytes().repeat(count_of(&dims));
    file.tensors.push(GgufTensor { name: name.into_bytes(), dims, kind: 0, data, stated_offset: None });
}

/// A value of a weight: an ordinary one in half of the cases.
fn odd_value(random: &mut Random) -> f32 {
    let odd = [0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-40, 1e5, -1e30, 65_520.0];
    if random.chance(50) { 0.02 } else { random.pick(&odd) }
}

fn reshape(file: &mut GgufFile, random: &mut Random) {
    let Some(tensor) = random.pick_mut(&mut file.tensors) else { return };
    let at = random.below(tensor.dims.len() + 1);
    match random.below(8) {
        0 => tensor.dims.reverse(),
        1 => tensor.dims.push(1),
        2 => tensor.dims = vec![1; random.pick(&[0, 3, 5, 9])],
        3 => tensor.dims.insert(at, random.pick(&[0, 1, 31, 33, 1 << 31, 1 << 62, u64::MAX])),
        4 => tensor.dims = vec![count_of(&tensor.dims) as u64],
        5 => tensor.dims = vec![1 << 32, 1 << 32],
        _ => {
            // With data that fits: half of the rows, or twice as many.
            let bytes = tensor.data.len();
            let Some(rows) = tensor.dims.last_mut() else { return };
            if random.chance(50) && *rows % 2 == 0 {
                *rows /= 2;
                tensor.data.truncate(bytes / 2);
            } else {
                *rows = rows.saturating_mul(2);
                tensor.data.extend_from_within(..);
            }
        }
    }
}

/// Bytes and values of a block by the numbers of ggml's types that are read.
const BLOCKS: [(u32, usize, usize); 11] = [
    (0, 4, 1),
    (1, 2, 1),
    (30, 2, 1),
    (2, 18, 32),
    (3, 20, 32),
    (6, 22, 32),
    (7, 24, 32),
    (8, 34, 32),
    (12, 144, 256),
    (13, 176, 256),
    (14, 210, 256),
];

fn retype(file: &mut GgufFile, random: &mut Random) {
    let Some(tensor) = random.pick_mut(&mut file.tensors) else { return };
    if random.chance(35) {
        tensor.kind = random.pick(&[0, 1, 4, 5, 9, 10, 11, 15, 16, 20, 24, 26, 28, 31, 39, 40, 1000, u32::MAX]);
        return;
    }
    // Zeros are valid blocks of every type; their product is 0, and the other weights still give a text.
    let (kind, bytes, values) = random.pick(&BLOCKS);
    tensor.kind = kind;
    tensor.data = vec![random.below(2) as u8; count_of(&tensor.dims).div_ceil(values) * bytes];
}

/// Values of a tensor of this shape, or as many as are worth writing.
fn count_of(dims: &[u64]) -> usize {
    dims.iter().fold(1u64, |product, dim| product.saturating_mul(*dim)).min(1 << 20) as usize
}

fn misplace(file: &mut GgufFile, random: &mut Random) {
    let count = file.tensors.len() as u64;
    let Some(tensor) = random.pick_mut(&mut file.tensors) else { return };
    tensor.stated_offset = Some(random.pick(&[0, 32, 1, 33, 640, count * 1024, 1 << 40, u64::MAX, u64::MAX - 31]));
    if random.chance(30) {
        let half = tensor.data.len() / 2;
        tensor.stated_offset = None;
        tensor.data.truncate(half);
    }
}

fn odd_values(file: &mut GgufFile, random: &mut Random) {
    let Some(tensor) = random.pick_mut(&mut file.tensors) else { return };
    let value = odd_value(random);
    let length = tensor.data.len();
    if tensor.kind == 0 && random.chance(60) {
        let from = if random.chance(50) { 0 } else { random.below(length / 4) * 4 };
        let to = if random.chance(50) { length } else { (from + 4).min(length) };
        tensor.data[from..to].chunks_exact_mut(4).for_each(|bytes| bytes.copy_from_slice(&value.to_le_bytes()));
        return;
    }
    match random.below(4) {
        0 => tensor.data.fill(0xff),
        1 => tensor.data.fill(0),
        2 => tensor.data.fill(0x7c),
        _ => tensor.data.iter_mut().for_each(|byte| *byte = random.number() as u8),
    }
}
