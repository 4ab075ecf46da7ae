//! Tensors.

use arbitrage_core::Draw;
use arbitrage_models::Precision;
use arbitrage_models::config::keys::ConfigFormat;
use arbitrage_models::weights::DType;
use arbitrage_models::weights::gguf::names::{to_gguf, to_hugging_face};
use serde_json::Value;

use super::files::Files;
use super::{Effect, all_files, assert_no_faults};
use crate::support::scorers::OwnedTensor;

/// Tensors of other architectures in GGUF files: within a layer, and outside.
#[rustfmt::skip]
const GGUF_LAYER: [&str; 42] = [
    "attn_q_norm.weight", "attn_k_norm.weight", "attn_sinks.weight", "attn_q.scale", "ffn_up.input_scale", "post_attention_norm.weight",
    "post_ffw_norm.weight", "attn_norm.bias", "ffn_norm.bias", "attn_norm_2.weight", "attn_sub_norm.weight", "ffn_sub_norm.weight",
    "attn_qkv.weight", "attn_qkv.bias", "attn_gate.weight", "attn_output_norm.weight", "layer_output_norm.weight", "layer_output_scale.weight",
    "attn_rot_embd.weight", "ffn_gate_inp.weight", "ffn_gate_exps.weight", "ffn_gate_shexp.weight", "exp_probs_b.bias",
    "ffn.act.scales", "attn_q_a.weight", "attn_kv_b.weight", "ssm_a", "ssm_conv1d.weight", "time_mix_w1.weight", "inp_gate.weight",
    "proj.weight", "laurel_l.weight", "nextn.eh_proj.weight", "shortconv.conv.weight", "indexer.proj.weight", "attn_q.weight.lora_a",
    "attn_q.weight.lora_b", "hc_attn_fn.weight", "altup_router.weight", "attn_res_score.weight", "vis_gate.weight", "attn_v_norm.weight",
];
const GGUF_GLOBAL: [&str; 18] = [
    "position_embd.weight",
    "token_types.weight",
    "token_embd_norm.weight",
    "token_embd.bias",
    "output_norm.bias",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
    "cls.weight",
    "cls.output.weight",
    "per_layer_token_embd.weight",
    "output_scale",
    "v.blk.0.attn_q.weight",
    "mm.0.weight",
    "dense_2.weight",
    "score.weight",
    "fc.weight",
    "d2t",
    "enc.output_norm.weight",
];
/// Likewise in Hugging Face folders.
#[rustfmt::skip]
const HF_LAYER: [&str; 24] = [
    "self_attn.q_norm.weight", "self_attn.k_norm.weight", "self_attn.sinks", "self_attn.qkv_proj.weight", "self_attn.attn_sub_norm.weight",
    "self_attn.q_proj.weight_scale", "self_attn.q_proj.weight_scale_inv", "self_attn.q_proj.lora_A.weight", "self_attn.q_proj.lora_B.default.weight",
    "self_attn.q_proj.qweight", "self_attn.q_proj.input_scale", "self_attn.gate_proj.weight", "self_attn.q_a_proj.weight",
    "self_attn.rotary_emb.long_factor", "input_layernorm.bias", "post_attention_layernorm.bias", "pre_feedforward_layernorm.weight",
    "post_feedforward_layernorm.weight", "mlp.gate.weight", "mlp.experts.0.gate_proj.weight", "mlp.shared_expert.up_proj.weight",
    "mlp.ffn_layernorm.weight", "mixer.in_proj.weight", "eh_proj.weight",
];
const HF_GLOBAL: [&str; 16] = [
    "model.norm.bias",
    "model.embed_tokens.bias",
    "model.embed_positions.weight",
    "model.embedding_norm.weight",
    "model.mtp.0.weight",
    "model.vision_tower.conv.weight",
    "rope_freqs.weight",
    "score.weight",
    "score.bias",
    "v_head.summary.weight",
    "classifier.weight",
    "lm_head.scale",
    "base_model.model.model.layers.0.self_attn.q_proj.weight",
    "embed_tokens.weight",
    "layers.0.mlp.up_proj.weight",
    "norm.weight",
];
/// Linear layers of a decoder.
const LINEAR: [&str; 9] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.qkv_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.gate_up_proj",
    "mlp.down_proj",
];

fn random(name: &str, shape: &[usize], draw: &mut Draw) -> OwnedTensor {
    let count: usize = shape.iter().product();
    let bytes = (0..count).flat_map(|_| (draw.uniform() as f32 - 0.4).to_le_bytes()).collect();
    OwnedTensor { name: name.to_owned(), dtype: DType::F32, shape: shape.to_vec(), bytes }
}

/// Every fixture, in both precisions, with the outcome that it has as it is.
fn each(mut check: impl FnMut(&Files, &mut dyn FnMut(&Files) -> Effect)) {
    for files in all_files() {
        for precision in [Precision::Plain, Precision::Packed] {
            let plain = files.run(precision).unwrap();
            check(&files, &mut |changed: &Files| Effect::of(&plain, changed.run(precision)));
        }
    }
}

#[test]
fn tensors_of_other_architectures_are_refused() {
    let (mut draw, mut faults) = (Draw::new(23), Vec::new());
    each(|files, effect| {
        let names: Vec<String> = match files.format() {
            ConfigFormat::Gguf => {
                let layer = GGUF_LAYER.iter().map(|name| format!("blk.0.{name}"));
                layer.chain(GGUF_GLOBAL.map(str::to_owned)).collect()
            }
            ConfigFormat::Json => {
                let layer = HF_LAYER.iter().map(|name| format!("model.layers.0.{name}"));
                layer.chain(HF_GLOBAL.map(str::to_owned)).collect()
            }
        };
        // A tensor of another architecture may be one of this file's own, or the bias of one.
        let is_own = |name: &String| {
            let name = to_hugging_face(files.family(), name);
            files.has(&name) || name.ends_with("_proj.bias") && files.has(&name.replace(".bias", ".weight"))
        };
        for name in names.into_iter().filter(|name| !is_own(name)) {
            let shape: &[usize] = [&[1][..], &[32], &[32, 32]][(draw.uniform() * 3.0) as usize];
            let effect = effect(&files.with_tensor(random(&name, shape, &mut draw)));
            if !effect.is_refusal_naming(&format!("unused `{name}`")) {
                faults.push(format!("{}: {name}: {effect:?}", files.name));
            }
        }
    });
    assert_no_faults(&faults);
}

#[test]
fn layers_beyond_the_declared_ones_are_refused() {
    each(|files, effect| {
        let surplus = "model.layers.9.self_attn.o_proj.weight";
        let surplus =
            OwnedTensor { name: surplus.to_owned(), ..files.tensor("model.layers.0.self_attn.o_proj.weight").clone() };
        let name = match files.format() {
            ConfigFormat::Gguf => to_gguf(files.family(), &surplus.name).into_owned(),
            ConfigFormat::Json => surplus.name.clone(),
        };
        assert!(effect(&files.with_tensor(surplus)).is_refusal_naming(&format!("unused `{name}`")), "{}", files.name);
    });
}

/// Biases of every linear layer: of the right shape, they are used; otherwise they are refused.
#[test]
fn biases_are_used() {
    let (mut draw, mut faults) = (Draw::new(29), Vec::new());
    each(|files, effect| {
        // What the configuration denies is refused: the next test.
        let denied = ["attention_bias", "mlp_bias"].into_iter().filter(|flag| files.value(flag) == Some(false.into()));
        let undeclared = denied.fold(files.clone(), |files, flag| files.with(flag, &Value::Null));
        let files = &undeclared;
        let vocabulary = files.tensor("model.embed_tokens.weight").shape[0];
        let layer = |part: &&str| {
            (format!("model.layers.0.{part}"), files.tensor(&format!("model.layers.0.{part}.weight")).shape[0])
        };
        // Experts have others.
        let is_there = |part: &&&str| files.has(&format!("model.layers.0.{part}.weight"));
        let linear = LINEAR.iter().filter(is_there).map(layer).chain([("lm_head".to_owned(), vocabulary)]);
        for (name, width) in linear.collect::<Vec<_>>() {
            let name = format!("{name}.bias");
            let used = effect(&files.with_tensor(random(&name, &[width], &mut draw)));
            if !matches!(used, Effect::Changed) {
                faults.push(format!("{}: {name}: {used:?}", files.name));
            }
            let own_name = if files.format() == ConfigFormat::Gguf {
                to_gguf(files.family(), &name).into_owned()
            } else {
                name.clone()
            };
            for shape in [&[width + 1][..], &[width - 1], &[1], &[width, 1]] {
                let refused = effect(&files.with_tensor(random(&name, shape, &mut draw)));
                if !refused.is_refusal_naming(&format!("misshapen `{own_name}`: expected [{width}]")) {
                    faults.push(format!("{}: {name} {shape:?}: {refused:?}", files.name));
                }
            }
        }
    });
    assert_no_faults(&faults);
}

/// Biases in a file whose configuration says that there are none.
#[test]
fn biases_that_the_configuration_denies_are_refused() {
    let mut draw = Draw::new(31);
    let files = Files::of("hf/llama2-f16");
    for (flag, part) in
        [("attention_bias", "self_attn.q_proj"), ("attention_bias", "self_attn.o_proj"), ("mlp_bias", "mlp.up_proj")]
    {
        let weight = files.tensor(&format!("model.layers.1.{part}.weight"));
        let bias = random(&format!("model.layers.1.{part}.bias"), &weight.shape[..1], &mut draw);
        let error = files.with_tensor(bias).with(flag, &false.into()).run(Precision::Plain).unwrap_err().to_string();
        assert!(error.contains(&format!("unused `model.layers.1.{part}.bias`")), "{error}");
    }
}

/// A head of its own is used in place of the embedding, also where the file says that both are one.
#[test]
fn a_head_that_differs_from_the_embedding_is_used() {
    let mut draw = Draw::new(37);
    each(|files, effect| {
        let table = files.tensor("model.embed_tokens.weight");
        let own = random("lm_head.weight", &table.shape, &mut draw);
        assert!(matches!(effect(&files.with_tensor(own.clone())), Effect::Changed), "{}", files.name);
        if !files.name.ends_with("-tied") {
            return;
        }
        let same = OwnedTensor { name: own.name.clone(), ..table.clone() };
        assert!(effect(&files.with_tensor(same)).is_none(), "{}", files.name);
        let misshapen = random(&own.name, &[table.shape[0], 16], &mut draw);
        assert!(effect(&files.with_tensor(misshapen)).is_refusal_naming("misshapen"), "{}", files.name);
        if files.format() == ConfigFormat::Json {
            let named = files.with_tensor(own.clone()).with("tie_word_embeddings", &false.into());
            let tied = files.with_tensor(own).run(Precision::Plain).unwrap();
            assert_eq!(named.run(Precision::Plain).unwrap(), tied, "the head is used in either case");
        }
    });
}

#[test]
fn rotary_tables_are_of_no_use() {
    let mut draw = Draw::new(41);
    each(|files, effect| {
        for end in ["inv_freq", "cos_cached", "sin_cached"] {
            for start in ["model.layers.0.self_attn.", "model."] {
                let table = random(&format!("{start}rotary_emb.{end}"), &[4], &mut draw);
                assert!(effect(&files.with_tensor(table)).is_none(), "{}", files.name);
            }
        }
    });
}

/// GGUF's factors of rotary frequencies apply beside linear scaling, and are checked.
#[test]
fn factors_of_rotary_frequencies_are_used() {
    let mut draw = Draw::new(43);
    for name in ["gguf/llama3-f16", "gguf/qwen2-f32-tied"] {
        let files = Files::of(name);
        let half = if name.contains("llama") { 8 } else { 4 };
        let plain = files.run(Precision::Plain).unwrap();
        let mut factors = random("rope_freqs.weight", &[half], &mut draw);
        factors.bytes = (0..half).flat_map(|_| (1.0 + draw.uniform() as f32).to_le_bytes()).collect();
        let scaled = files.with_tensor(factors.clone());
        let with_factors = scaled.run(Precision::Plain).unwrap();
        assert_ne!(with_factors, plain, "{name}");
        let key = files.key("rope.scaling.factor");
        let with_both = scaled.with(&key, &4.0.into()).run(Precision::Plain).unwrap();
        assert!(with_both != with_factors && with_both != plain, "{name}");
        // Twice the factors are a linear factor of 2.
        factors.bytes = factors
            .bytes
            .as_chunks::<4>()
            .0
            .iter()
            .flat_map(|b| (f32::from_le_bytes(*b) * 2.0).to_le_bytes())
            .collect();
        let doubled = files.with_tensor(factors).run(Precision::Plain).unwrap();
        assert_eq!(scaled.with(&key, &2.0.into()).run(Precision::Plain).unwrap(), doubled, "{name}");
        let wrong = files.with_tensor(random("rope_freqs.weight", &[half + 1], &mut draw)).run(Precision::Plain);
        assert!(wrong.unwrap_err().to_string().contains("rope_freqs.weight"), "{name}");
    }
}
