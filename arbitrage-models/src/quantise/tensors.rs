//! The tensors of a GGUF file with weights of 8 bits.

use crate::classifier::{Classifier, IN_GGUF, is_head};
use crate::config::{LongRope, ModelConfig, Rope, RopeScaling};
use crate::decoder::expected::HEAD;
use crate::error::{Error, Result};
use crate::files::ModelFiles;
use crate::weights::gguf::{is_interleaved, names};
use crate::weights::{DType, Rows, Scratch, TensorView, WeightSource, dequantize_row, quantize_row};

/// What the names of a decoder's tensors begin with in [`QuantisedTensor::name`].
const PREFIX: &str = "model.";

/// A tensor as it is written.
pub(super) struct QuantisedTensor {
    /// Its name in a Hugging Face folder, with the usual prefix.
    pub(super) name: String,
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

/// The tensors of a model whose files have passed the checks of loading.
///
/// # Errors
/// [`Error::Format`] naming a tensor with a value that its format cannot hold.
pub(super) fn quantise(files: &ModelFiles, is_classifier: bool) -> Result<Vec<QuantisedTensor>> {
    let (source, config) = (files.weights.as_ref(), &files.config);
    let prefix = if is_classifier { Classifier::decoder_prefix(files) } else { PREFIX };
    let mut all = Vec::new();
    for name in source.names() {
        let Some(to) = usual_name(config, &name, prefix, is_classifier) else { continue };
        // A matrix that the source has to make is not kept there, unless its columns have to be put in order.
        let repacked = source.repack(&name)?.filter(|tensor| tensor.columns.is_none());
        let stored = if repacked.is_some() { None } else { source.get(&name)? };
        if let Some(view) = repacked.as_ref().map(|tensor| tensor.view(&name)).or(stored) {
            all.push(tensor(source, config, to, view)?);
        }
        source.forget(&name);
    }
    all.extend(rotary_factors(config));
    Ok(all)
}

/// The name of a tensor with the usual prefix; `None` for one that is of no use.
fn usual_name(config: &ModelConfig, name: &str, prefix: &str, is_classifier: bool) -> Option<String> {
    if is_classifier && is_head(name) {
        let part = name.rsplit('.').next().unwrap_or_default();
        return Some(format!("{IN_GGUF}.{part}"));
    }
    if let Some(part) = name.strip_prefix(HEAD) {
        return (!(is_classifier || config.tied && part == ".weight")).then(|| name.to_owned());
    }
    let usual = format!("{PREFIX}{}", name.strip_prefix(prefix)?);
    (names::to_gguf(config.family.gguf, &usual) != usual).then_some(usual)
}

fn tensor(
    source: &dyn WeightSource,
    config: &ModelConfig,
    name: String,
    view: TensorView<'_>,
) -> Result<QuantisedTensor> {
    let is_interleaved = is_interleaved(config.family.gguf);
    let heads = match () {
        () if name.contains(".self_attn.q_proj.") => Some(config.heads),
        () if name.contains(".self_attn.k_proj.") => Some(config.kv_heads),
        () => None,
    };
    let order = heads.filter(|_| is_interleaved).map(|heads| interleaved(heads * config.head_dim, config.head_dim));
    let shape = view.shape.to_vec();
    let (dtype, bytes) = match view.shape {
        [_, cols] if !is_head(&name) => {
            let dtype = if cols.is_multiple_of(DType::Q8_0.block_len()) { DType::Q8_0 } else { DType::F16 };
            let rows = Rows::of(source.path(), view)?;
            (dtype, matrix(&order.map_or(Ok(rows.clone()), |order| rows.in_order(order))?, dtype)?)
        }
        _ => {
            let mut values = view.to_f32()?;
            if name.ends_with("norm.weight") {
                values.iter_mut().for_each(|weight| *weight += config.norm_offset);
            }
            let order = order.unwrap_or_else(|| (0..values.len() as u32).collect());
            let is_vector = view.shape.len() == 1;
            let in_order = order.iter().map(|&row| values[row as usize]);
            let values: Vec<f32> = if is_vector { in_order.collect() } else { values };
            (DType::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
    };
    Ok(QuantisedTensor { name, dtype, shape, bytes })
}

/// All rows in the format `dtype`, rounded as llama.cpp does.
fn matrix(rows: &Rows<'_>, dtype: DType) -> Result<Vec<u8>> {
    let width = dtype.row_bytes(rows.cols()).unwrap_or_default();
    let (mut values, mut bytes) = (vec![0.0; rows.cols()], vec![0; rows.len() * width]);
    let mut scratch = Scratch::default();
    for (row, out) in bytes.chunks_exact_mut(width).enumerate() {
        dequantize_row(rows.dtype(), rows.read(row, &mut scratch)?, &mut values)?;
        quantize_row(dtype, &values, out).map_err(|error| match error {
            Error::Parameter { expected, found, .. } => Error::format(rows.path(), rows.name(), expected, found),
            other => other,
        })?;
    }
    Ok(bytes)
}

/// Which row of a rotate-half layout comes next in the layout of interleaved pairs: row `2j + t` of a head is row `t · head_dim / 2 + j`.
fn interleaved(rows: usize, head_dim: usize) -> Vec<u32> {
    let from = |row: usize| row / head_dim * head_dim + row % 2 * (head_dim / 2) + row % head_dim / 2;
    (0..rows).map(|row| from(row) as u32).collect()
}

/// The divisors of rotary frequencies that GGUF has tensors for: those of Llama 3.1, and the short and the long ones of LongRoPE.
fn rotary_factors(config: &ModelConfig) -> Vec<QuantisedTensor> {
    let rope = &config.rope;
    let tensor = |name: &str, factors: &[f32]| QuantisedTensor {
        name: name.to_owned(),
        dtype: DType::F32,
        shape: vec![factors.len()],
        bytes: factors.iter().flat_map(|factor| factor.to_le_bytes()).collect(),
    };
    match &rope.scaling {
        RopeScaling::Llama3 { .. } => {
            let plain = Rope { scaling: RopeScaling::None, ..*rope }.frequencies(config.context);
            let scaled = rope.frequencies(config.context);
            let factors: Vec<f32> = plain.iter().zip(scaled).map(|(plain, scaled)| (plain / scaled) as f32).collect();
            vec![tensor("rope_freqs.weight", &factors)]
        }
        RopeScaling::LongRope(LongRope { short, long, .. }) => {
            let [short_name, long_name] = LongRope::TENSORS;
            vec![tensor(short_name, short), tensor(long_name, long)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    #[test]
    fn halves_become_interleaved_pairs() {
        // Heads of four rows: halves (0, 2) and (1, 3) → pairs (0, 1) and (2, 3).
        assert_eq!(interleaved(8, 4), [0, 2, 1, 3, 4, 6, 5, 7]);
        assert_eq!(interleaved(6, 6), [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn tensors_of_no_use_are_left_out() {
        let name = |name: &str, classifier: bool, tied: bool| {
            let prefix = if classifier { "pretrained_model.model." } else { PREFIX };
            let json = json!({
                "model_type": "llama", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
                "num_attention_heads": 1, "max_position_embeddings": 8, "tie_word_embeddings": tied,
            });
            let config = ModelConfig::from_json(Path::new("config.json"), &json.to_string()).unwrap();
            usual_name(&config, name, prefix, classifier)
        };
        assert_eq!(name("lm_head.weight", false, false).as_deref(), Some("lm_head.weight"));
        assert_eq!(name("lm_head.weight", false, true), None);
        assert_eq!(name("lm_head.bias", false, true).as_deref(), Some("lm_head.bias"));
        assert_eq!(name("model.layers.0.self_attn.rotary_emb.inv_freq", false, true), None);
        assert_eq!(name("v_head.summary.bias", true, true).as_deref(), Some("cls.output.bias"));
        assert_eq!(name("pretrained_model.lm_head.weight", true, false), None);
        let norm = name("pretrained_model.model.norm.weight", true, false);
        assert_eq!(norm.as_deref(), Some("model.norm.weight"));
    }
}
