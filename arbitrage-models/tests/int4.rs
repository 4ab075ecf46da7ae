//! Checkpoints of GPTQ and AWQ: what is read of them, and what is refused.
#![cfg(feature = "flex")]

mod support;

use arbitrage_models::ModelFiles;
use arbitrage_models::weights::{DType, dequantize_row};
use serde_json::{Value, json};
use support::fixture;
use support::safetensors::{Raw, Tensors, load};

const ACT_ORDER: &str = "hf/qwen2-gptq-act-order";
const MATRIX: &str = "model.layers.1.mlp.up_proj";

fn part<'t>(tensors: &'t mut Tensors, end: &str) -> &'t mut Raw {
    tensors.get_mut(&format!("{MATRIX}.{end}")).unwrap()
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    type Edit = fn(&mut Tensors, &mut Value);
    let cases: [(&str, Edit, &str); 10] = [
        ("no zeros", |tensors, _| drop(tensors.remove(&format!("{MATRIX}.qzeros"))), "up_proj.qzeros`|no such tensor"),
        ("no scales", |tensors, _| drop(tensors.remove(&format!("{MATRIX}.scales"))), "up_proj.scales`|no such tensor"),
        ("zeros of another shape", |t, _| part(t, "qzeros").shape = vec![16, 2], "up_proj.qzeros`|[2, 16]|[16, 2]"),
        ("scales of another type", |t, _| part(t, "scales").dtype = "I16".into(), "up_proj.scales`|F16|I16"),
        ("numbers of another type", |t, _| part(t, "qweight").dtype = "F32".into(), "up_proj.qweight`|I32|F32"),
        ("one dimension", |t, _| part(t, "qweight").shape = vec![1024], "up_proj.qweight`|two dimensions|[1024]"),
        ("a group that there is not", |t, _| part(t, "g_idx").bytes[4] = 2, "up_proj.g_idx`|groups below 2|2"),
        ("a scale that is no number", |t, _| part(t, "scales").bytes[..2].fill(0xFF), "up_proj.scales"),
        ("groups that are no blocks", |_, config| config["group_size"] = json!(48), "a multiple of|32|48"),
        (
            "weights as well",
            |t, _| {
                let weight = Raw { dtype: "F32".into(), shape: vec![1], bytes: vec![0; 4] };
                t.insert(format!("{MATRIX}.weight"), weight);
            },
            "up_proj.weight`|both",
        ),
    ];
    for (name, edit, phrases) in cases {
        let result = load(ACT_ORDER, edit);
        let message = result.err().unwrap_or_else(|| panic!("{name}: no error")).to_string();
        let missing: Vec<_> = phrases.split('|').filter(|phrase| !message.contains(phrase)).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} not in {message}");
    }
}

#[test]
fn groups_that_share_a_block_are_refused() {
    let edit = |tensors: &mut Tensors, _: &mut Value| {
        // 33 columns of one group and 31 of the other.
        let groups = &mut part(tensors, "g_idx").bytes;
        let first = groups.chunks(4).position(|group| group[0] == 0).unwrap();
        groups[first * 4] = 1;
    };
    let message = load(ACT_ORDER, edit).err().unwrap().to_string();
    assert!(message.contains("up_proj.g_idx`") && message.contains("a multiple of 32 columns"), "{message}");
}

#[test]
fn other_quantisation_is_refused() {
    for (key, value, phrase) in [
        ("bits", json!(8), "gptq of 8 bits"),
        ("checkpoint_format", json!("marlin"), "gptq of 4 bits"),
        ("quant_method", json!("aqlm"), "aqlm"),
    ] {
        let message = load(ACT_ORDER, |_, config| config[key] = value.clone()).err().unwrap().to_string();
        assert!(message.contains(phrase) && message.contains("GPTQ or AWQ (gemm) with 4 bits"), "{message}");
    }
}

/// Whoever reads a matrix as a tensor gets its weights in the model's order, whatever the order in which they are stored.
#[test]
fn tensors_are_in_the_models_order() {
    for (name, dtype) in [("hf/llama3-gptq-tied", DType::Q4_0), (ACT_ORDER, DType::F32), ("hf/llama2-awq", DType::Int4)]
    {
        let weights = ModelFiles::open(fixture(name).path).unwrap().weights;
        let matrix = format!("{MATRIX}.weight");
        assert!(
            weights.names().contains(&matrix) && !weights.names().iter().any(|name| name.contains(".qz")),
            "{name}"
        );
        let view = weights.get(&matrix).unwrap().unwrap();
        assert_eq!((view.dtype, view.shape), (dtype, &[128, 64][..]), "{name}");
        let values = view.to_f32().unwrap();
        let repacked = weights.repack(&matrix).unwrap().unwrap();
        let mut stored = vec![0.0; values.len()];
        dequantize_row(repacked.dtype, &repacked.bytes, &mut stored).unwrap();
        let columns = repacked.columns.unwrap_or_else(|| (0..64).collect());
        for (row, stored) in stored.chunks(64).enumerate() {
            for (at, &column) in columns.iter().enumerate() {
                assert_eq!(stored[at], values[row * 64 + column as usize], "{name} {row} {column}");
            }
        }
    }
}
