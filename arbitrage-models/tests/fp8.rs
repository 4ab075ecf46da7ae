//! Checkpoints with floats of 8 bits: what is read of them, and what is refused.
#![cfg(feature = "flex")]

mod support;

use arbitrage_models::quantise::quantise_folder;
use arbitrage_models::weights::{DType, scan_finite};
use arbitrage_models::{ModelFiles, Precision};
use serde_json::{Value, json};
use support::safetensors::{Raw, Tensors, load, read};
use support::{fixture, run};

const BLOCKS: &str = "hf/qwen3-fp8-blocks";
const STATIC: &str = "hf/llama3-fp8-static-tied";
const MATRIX: &str = "model.layers.1.mlp.up_proj";

fn part<'t>(tensors: &'t mut Tensors, end: &str) -> &'t mut Raw {
    tensors.get_mut(&format!("{MATRIX}.{end}")).unwrap()
}

fn remove(tensors: &mut Tensors, end: &str) -> Raw {
    tensors.remove(&format!("{MATRIX}.{end}")).unwrap()
}

fn add(tensors: &mut Tensors, end: &str, tensor: Raw) {
    tensors.insert(format!("{MATRIX}.{end}"), tensor);
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    type Edit = fn(&mut Tensors, &mut Value);
    let cases: [(&str, &str, Edit, &str); 11] = [
        ("no scales", BLOCKS, |t, _| drop(remove(t, "weight_scale_inv")), "up_proj.weight_scale_inv`|no such tensor"),
        ("no scale", STATIC, |t, _| drop(remove(t, "weight_scale")), "up_proj.weight_scale_inv`|no such tensor"),
        (
            "two of them",
            STATIC,
            |t, _| {
                let scale = Raw { dtype: "F32".into(), shape: vec![], bytes: vec![0; 4] };
                add(t, "weight_scale_inv", scale);
            },
            "up_proj.weight_scale_inv`|up_proj.weight_scale`|both",
        ),
        (
            "scales the other way",
            BLOCKS,
            |t, _| part(t, "weight_scale_inv").shape.reverse(),
            "up_proj.weight_scale_inv`|of [3, 2]|F32 of [2, 3]",
        ),
        (
            "fewer blocks",
            BLOCKS,
            |_, config| config["weight_block_size"] = json!([128, 128]),
            "BF16 of [1, 1]|F32 of [2, 2]",
        ),
        (
            "one scale for blocks",
            BLOCKS,
            |_, config| config["weight_block_size"] = json!(null),
            "BF16 of []|F32 of [2, 2]",
        ),
        (
            "blocks for one scale",
            STATIC,
            |_, config| config["weight_block_size"] = json!([64, 64]),
            "weight_scale`|of [1, 1]|F32 of []",
        ),
        (
            "scales of another type",
            BLOCKS,
            |t, _| part(t, "weight_scale_inv").dtype = "I32".into(),
            "up_proj.weight_scale_inv`|I32 of",
        ),
        (
            "a scale that is no number",
            BLOCKS,
            |t, _| part(t, "weight_scale_inv").bytes[4..8].fill(0xFF),
            "up_proj.weight_scale_inv`|1",
        ),
        ("a weight that is no number", BLOCKS, |t, _| part(t, "weight").bytes[70] = 0x7F, "up_proj.weight`|70"),
        (
            "a bias of 8 bits",
            BLOCKS,
            |t, _| part(t, "weight").shape = vec![128 * 64],
            "up_proj.weight`|two dimensions|[8192]",
        ),
    ];
    for (name, fixture, edit, phrases) in cases {
        let result = load(fixture, edit);
        let message = result.err().unwrap_or_else(|| panic!("{name}: no error")).to_string();
        let missing: Vec<_> = phrases.split('|').filter(|phrase| !message.contains(phrase)).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} not in {message}");
    }
}

#[test]
fn blocks_may_be_larger_than_any_matrix() {
    let edit = |tensors: &mut Tensors, config: &mut Value| {
        config["weight_block_size"] = json!([u64::MAX, 1u64 << 63]);
        for (_, scale) in tensors.iter_mut().filter(|(name, _)| name.ends_with(".weight_scale")) {
            scale.shape = vec![1, 1];
        }
    };
    let (ours, ids) = (load(STATIC, edit).unwrap(), fixture(STATIC).ids());
    let usual = fixture(STATIC).decoder(Precision::Packed);
    assert_eq!(run(&ours, &mut ours.cache(), &ids), run(&usual, &mut usual.cache(), &ids));
}

#[test]
fn other_forms_are_refused() {
    for (key, value) in [
        ("fmt", json!("e5m2")),
        ("activation_scheme", json!("other")),
        ("weight_block_size", json!([0, 128])),
        ("quant_method", json!("fbgemm_fp8")),
    ] {
        let message = load(BLOCKS, |_, config| config[key] = value.clone()).err().unwrap().to_string();
        assert!(message.contains("quantised with f") && message.contains("fp8 (e4m3)"), "{message}");
    }
    // Without settings, such a tensor is none that is read.
    let message = load(BLOCKS, |_, config| *config = Value::Null).err().unwrap().to_string();
    assert!(message.contains("F8_E4M3: the weights are quantised"), "{message}");
}

/// Whoever reads a matrix as a tensor gets its weights; parts of matrices are no tensors, and others keep their type.
#[test]
fn matrices_are_tensors_of_bf16() {
    for (name, others) in [(BLOCKS, 11), (STATIC, 6)] {
        let weights = ModelFiles::open(fixture(name).path).unwrap().weights;
        let names = weights.names();
        assert!(!names.iter().any(|name| name.contains("_scale")), "{names:?}");
        let matrix = format!("{MATRIX}.weight");
        assert_eq!(weights.dtype(&matrix).unwrap(), Some(DType::BF16));
        assert_eq!(weights.shape(&matrix).unwrap(), Some(vec![128, 64]));
        let view = weights.get(&matrix).unwrap().unwrap();
        assert_eq!((view.name, view.dtype, view.shape), (matrix.as_str(), DType::BF16, &[128, 64][..]));
        assert_eq!(weights.repack(&matrix).unwrap().unwrap().bytes, view.bytes);
        assert!(weights.repack("model.norm.weight").unwrap().is_none());
        let stored = read(&fixture(name).path.join("model.safetensors"));
        assert_eq!(stored.values().filter(|tensor| tensor.dtype == "BF16").count(), others, "{name}");
        scan_finite(weights.as_ref()).unwrap();
    }
}

#[test]
fn files_of_8_bits_are_written_from_them() {
    let folder = tempfile::tempdir().unwrap();
    quantise_folder(fixture(STATIC).path, folder.path().join("m.gguf")).unwrap();
    let file = ModelFiles::open(folder.path().join("m.gguf")).unwrap().weights;
    assert_eq!(file.dtype(&format!("{MATRIX}.weight")).unwrap(), Some(DType::Q8_0));
}
