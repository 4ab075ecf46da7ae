//! Keys of configurations.

use arbitrage_core::Draw;
use arbitrage_models::Precision;
use arbitrage_models::config::keys::{ConfigFormat, KEYS, KeyGroup, KeyRule};
use serde_json::{Value, json};

use super::files::Files;
use super::{Effect, all_files, assert_no_faults};

/// Keys of `config.json` that say nothing alone. The others with which they do are in [`together`].
const NOTHING_ALONE: [&str; 5] = [
    "max_window_layers",
    "original_max_position_embeddings",
    "sliding_window",
    "use_sliding_window",
    // A head that is in the file decides whether there is one.
    "tie_word_embeddings",
];

/// Values of every type that are neither neutral nor those of any fixture.
fn values(format: ConfigFormat, draw: &mut Draw) -> Vec<Value> {
    let whole = |draw: &mut Draw| (draw.uniform() * 6.0) as u64 + 5;
    let (first, second, fraction) = (whole(draw), whole(draw), draw.uniform().mul_add(0.5, 0.25));
    let mut values = vec![
        json!(first),
        json!(fraction),
        json!(f64::from(second as u32) + fraction),
        json!("other"),
        json!([second]),
    ];
    if format == ConfigFormat::Json {
        values.extend([json!({ "a": second }), json!([true])]);
    }
    values
}

/// Whether a file means the same with and without a key of this value.
fn is_neutral(rule: KeyRule, value: &Value) -> bool {
    match rule {
        KeyRule::Harmless => true,
        KeyRule::Followed => value.is_null(),
        KeyRule::Off => [json!(0), json!(false), json!("none"), json!([0]), Value::Null].contains(value),
        KeyRule::One => value.is_null() || value.as_f64() == Some(1.0),
        KeyRule::True => value.is_null() || *value == json!(true),
        KeyRule::Text(texts) => value.is_null() || value.as_str().is_some_and(|text| texts.contains(&text)),
    }
}

/// Every fixture with the outcome that it has as it is.
fn each(mut check: impl FnMut(&Files, &mut dyn FnMut(&Files) -> Effect)) {
    for files in all_files() {
        let plain = files.run(Precision::Plain).unwrap();
        check(&files, &mut |changed: &Files| Effect::of(&plain, changed.run(Precision::Plain)));
    }
}

/// Keys that are followed in one family and refused in the others, with that family's name in either format. What they mean there is
/// tested by [`keys_that_belong_together`].
const OF_ONE_FAMILY: [(&str, &str); 21] = [
    ("gemma3", "attention.sliding_window_pattern"),
    ("gemma3", "rope.freq_base_swa"),
    ("gemma3_text", "hidden_activation"),
    ("gemma3_text", "query_pre_attn_scalar"),
    ("gemma3_text", "rope_local_base_freq"),
    ("gemma3_text", "sliding_window_pattern"),
    ("qwen3moe", "expert_count"),
    ("qwen3moe", "expert_feed_forward_length"),
    ("qwen3moe", "expert_used_count"),
    // Of layers without experts, of which there are none.
    ("qwen3moe", "feed_forward_length"),
    ("qwen3_moe", "intermediate_size"),
    ("qwen3_moe", "decoder_sparse_step"),
    ("qwen3_moe", "mlp_only_layers"),
    ("qwen3_moe", "moe_intermediate_size"),
    ("qwen3_moe", "norm_topk_prob"),
    ("qwen3_moe", "num_experts"),
    ("qwen3_moe", "num_experts_per_tok"),
    ("qwen3_moe", "router_aux_loss_coef"),
    ("phi3", "partial_rotary_factor"),
    ("phi3", "rope.scaling.attn_factor"),
    ("phi3", "rope.scaling.original_context_length"),
];

/// The names of a group that mean in these files what they mean in most families.
fn common_names<'g>(group: &'g KeyGroup, files: &Files) -> impl Iterator<Item = &'static str> + use<'g> {
    let family = files.family().to_owned();
    let is_common = move |name: &&'static str| !OF_ONE_FAMILY.contains(&(family.as_str(), name));
    group.names(files.format()).iter().copied().filter(is_common)
}

/// A key of the table with a value that is not neutral.
#[test]
fn known_keys_are_followed_or_refused() {
    let (mut draw, mut faults) = (Draw::new(19), Vec::new());
    each(|files, effect| {
        for group in KEYS {
            for name in common_names(group, files) {
                let key = files.key(name);
                for value in [values(files.format(), &mut draw), vec![json!(true), json!(false)]].concat() {
                    let is_own =
                        |own: Value| own == value || own.as_f64().is_some_and(|own| value.as_f64() == Some(own));
                    // All heads are 8 wide where the key is absent.
                    let is_default = name == "head_dim" && value == 8 && files.value(&key).is_none();
                    let no_news = files.value(&key).is_some_and(is_own) || is_neutral(group.rule, &value) || is_default;
                    let ignored = NOTHING_ALONE.contains(&name)
                        || (name == "rope.scale_linear" && files.value(&files.key("rope.scaling.factor")).is_some())
                        || (value == false && group.rule == KeyRule::Followed);
                    let effect = effect(&files.with(&key, &value));
                    let right = match group.rule {
                        _ if no_news => effect.is_none(),
                        KeyRule::Followed => ignored || !effect.is_none(),
                        _ => effect.is_refusal_naming(&key),
                    };
                    if !right {
                        faults.push(format!("{}: {key} = {value}: {effect:?}", files.name));
                    }
                }
            }
        }
    });
    assert_no_faults(&faults);
}

/// The values that leave a model as it is are taken, and leave it as it is.
#[test]
fn neutral_values_change_nothing() {
    let mut faults = Vec::new();
    each(|files, effect| {
        for group in KEYS {
            let mut values = match group.rule {
                KeyRule::Followed | KeyRule::Harmless => vec![],
                KeyRule::Off => vec![json!(0), json!(0.0), json!(false), json!("none"), json!([0, 0])],
                KeyRule::One => vec![json!(1), json!(1.0)],
                KeyRule::True => vec![json!(true)],
                KeyRule::Text(texts) => texts.iter().map(|text| json!(text)).collect(),
            };
            if files.format() == ConfigFormat::Json {
                values.push(Value::Null);
            }
            let names = common_names(group, files).filter(|_| group.rule != KeyRule::Followed);
            for (name, value) in names.flat_map(|name| values.iter().map(move |value| (name, value))) {
                let key = files.key(name);
                let effect = effect(&files.with(&key, value));
                if !effect.is_none() {
                    faults.push(format!("{}: {key} = {value}: {effect:?}", files.name));
                }
            }
        }
    });
    assert_no_faults(&faults);
}

/// Keys that no table knows.
#[test]
fn unknown_keys_of_the_computation_are_refused() {
    let of_json =
        ["rope_flavour", "attn-gain", "block.norm_order", "first_expert", "window", "layer_map", "logit_lift"];
    let of_gguf = ["rope.flavour", "attention.gain", "x", "", "attention.", "rope.scaling", "expert"];
    let harmless = ["unsloth_note", "my_name", "attn_dropout_2", "lm_loss_weight", "_private_scale"];
    let mut faults = Vec::new();
    each(|files, effect| {
        let names: &[&str] = if files.format() == ConfigFormat::Json { &of_json } else { &of_gguf };
        for name in names {
            let key = files.key(name);
            let effect = effect(&files.with(&key, &json!(2)));
            if !effect.is_refusal_naming(&key) {
                faults.push(format!("{}: {key}: {effect:?}", files.name));
            }
        }
        // Without the architecture's name in front, GGUF's keys describe the file.
        for name in harmless.iter().chain(&["general.note", "quantize.imatrix.file"]) {
            let effect = effect(&files.with(name, &json!(2)));
            if !effect.is_none() {
                faults.push(format!("{}: {name}: {effect:?}", files.name));
            }
        }
    });
    for name in ["adapter.lora.alpha", "clip.has_vision_encoder", "xielu.eps"] {
        let files = Files::of("gguf/llama3-f16");
        assert!(files.with(name, &json!(2)).run(Precision::Plain).unwrap_err().to_string().contains(name));
    }
    assert_no_faults(&faults);
}

/// A fixture, keys, and a phrase of the message, or nothing where the outcome must change.
type Case<'a> = (&'static str, Vec<(&'a str, Value)>, &'a str);

/// What keys say together.
#[test]
fn keys_that_belong_together() {
    let yarn = json!({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32});
    let linear = json!({"rope_type": "linear", "factor": 4.0});
    let default = json!({"rope_type": "default", "rope_theta": 1_000_000.0});
    let with = |mut object: Value, key: &str, value: Value| {
        object[key] = value;
        object
    };
    let llama3 = json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64});
    let [llama, mistral, qwen2, smollm3, gemma] =
        ["hf/llama2-f16", "hf/mistral-bf16", "hf/qwen2-f32-tied", "hf/smollm3-f16-tied", "hf/gemma3-bf16-tied"];
    let [llama_file, qwen2_file, gemma_file, experts_file] =
        ["gguf/llama3-f16", "gguf/qwen2-f32-tied", "gguf/gemma3-q8_0-tied", "gguf/qwen3moe-q8_0"];
    let experts = "hf/qwen3-moe-bf16";
    let [phi, phi_window, phi_file] = ["hf/phi3-bf16-long-tied", "hf/phi3-f16-window", "gguf/phi3-q8_0-tied"];
    let factors = |count: usize, factor: Value| Value::from(vec![factor; count]);
    let long_rope = |key: &str, value: Value| {
        let whole =
            json!({"type": "longrope", "short_factor": factors(6, json!(1)), "long_factor": factors(6, json!(2))});
        with(whole, key, value)
    };
    let local = |theta: f64| json!({"sliding_attention": {"rope_theta": theta, "rope_type": "default"}});
    let (scaling, parameters) = ("rope_scaling", "rope_parameters");
    let cases: Vec<Case<'_>> = vec![
        (llama, vec![(scaling, yarn.clone())], ""),
        (qwen2, vec![(parameters, default.clone()), (scaling, yarn.clone())], "/rope_scaling"),
        (qwen2, vec![(parameters, default.clone()), (scaling, linear.clone())], "/rope_scaling"),
        (qwen2, vec![(parameters, with(default.clone(), "rope_theta", json!(5e5)))], "/rope_parameters/rope_theta"),
        (llama, vec![(scaling, linear.clone())], ""),
        (llama, vec![(parameters, linear.clone())], ""),
        (llama, vec![(scaling, llama3.clone())], ""),
        (
            llama,
            vec![(scaling, llama3.clone()), ("original_max_position_embeddings", json!(32))],
            "/rope_scaling/original",
        ),
        (llama, vec![(scaling, with(linear.clone(), "type", json!("dynamic")))], "/rope_scaling/type"),
        (llama, vec![(scaling, with(linear.clone(), "attention_factor", json!(2)))], "/rope_scaling/attention_factor"),
        (
            llama,
            vec![(scaling, with(linear, "partial_rotary_factor", json!(0)))],
            "/rope_scaling/partial_rotary_factor",
        ),
        (llama, vec![(scaling, json!({"rope_type": "default", "factor": 4.0}))], "/rope_scaling/factor"),
        (llama, vec![(parameters, json!({"full_attention": {"rope_type": "default"}}))], "/rope_parameters/rope_type"),
        (llama, vec![("sliding_window", json!(2))], ""),
        (llama, vec![("layer_types", json!(["full_attention", "sliding_attention"]))], "/layer_types"),
        (llama, vec![("layer_types", json!(["full_attention"]))], "/layer_types"),
        (llama, vec![("layer_types", json!(["full_attention", "linear_attention"]))], "/layer_types"),
        (mistral, vec![("sliding_window", json!(2)), ("use_sliding_window", json!(false))], ""),
        (
            qwen2,
            vec![("sliding_window", json!(2)), ("use_sliding_window", json!(true)), ("max_window_layers", json!(0))],
            "",
        ),
        (
            qwen2,
            vec![
                ("use_sliding_window", json!(true)),
                ("layer_types", json!(["sliding_attention"])),
                ("sliding_window", json!(2)),
            ],
            "",
        ),
        (qwen2, vec![("sliding_window", json!(2)), ("layer_types", json!(["sliding_attention"]))], "/layer_types"),
        (smollm3, vec![("no_rope_layers", json!([1, 0, 1, 0, 1]))], ""),
        (smollm3, vec![("no_rope_layers", json!([1, 1, 1, 1, 1]))], ""),
        (smollm3, vec![("no_rope_layers", json!([1, 0, 1]))], "/no_rope_layers"),
        (smollm3, vec![("no_rope_layers", json!([1, 1, 1, 2, 1]))], "/no_rope_layers"),
        (llama, vec![("no_rope_layers", json!([1, 0]))], "/no_rope_layers"),
        (llama, vec![("no_rope_layer_interval", json!(2))], "/no_rope_layer_interval"),
        (smollm3, vec![("use_sliding_window", json!(true)), ("sliding_window", json!(2))], ""),
        (gemma, vec![("sliding_window", json!(2))], ""),
        (gemma, vec![("sliding_window", json!(2)), ("sliding_window_pattern", json!(1))], ""),
        (gemma, vec![("sliding_window_pattern", json!(2))], ""),
        (gemma, vec![("layer_types", json!(["full_attention", "sliding_attention", "full_attention"]))], ""),
        (gemma, vec![("layer_types", json!(["sliding_attention"]))], "/layer_types"),
        (gemma, vec![("query_pre_attn_scalar", json!(16))], ""),
        (gemma, vec![("query_pre_attn_scalar", json!(0))], "/query_pre_attn_scalar"),
        (gemma, vec![("hidden_activation", json!("silu"))], "/hidden_activation"),
        (gemma, vec![("rope_local_base_freq", json!(0))], "/rope_local_base_freq"),
        (gemma, vec![("rope_local_base_freq", json!(1e4))], ""),
        (gemma, vec![(parameters, local(50.0)), ("rope_local_base_freq", Value::Null)], ""),
        (gemma, vec![(parameters, local(50.0))], "/rope_parameters/sliding_attention/rope_theta"),
        (gemma, vec![(parameters, with(local(100.0), "rope_theta", json!(5.0)))], "/rope_parameters"),
        (gemma, vec![("use_bidirectional_attention", json!(true))], "use_bidirectional_attention"),
        (gemma, vec![("final_logit_softcapping", json!(30.0))], "/final_logit_softcapping"),
        (gemma_file, vec![("gemma3.attention.sliding_window", json!(2))], ""),
        (gemma_file, vec![("gemma3.attention.sliding_window_pattern", json!(2))], ""),
        (gemma_file, vec![("gemma3.attention.sliding_window_pattern", json!([1, 0]))], "sliding_window_pattern"),
        (gemma_file, vec![("gemma3.rope.freq_base_swa", json!(50.0))], ""),
        (gemma_file, vec![("gemma3.rope.freq_base_swa", json!(-1.0))], "gemma3.rope.freq_base_swa"),
        (gemma_file, vec![("gemma3.final_logit_softcapping", json!(30.0))], "softcapping"),
        (experts, vec![("num_experts_per_tok", json!(3))], ""),
        (experts, vec![("num_experts_per_tok", json!(7))], "/num_experts_per_tok"),
        (experts, vec![("num_experts", json!(5))], "misshapen `model.layers.0.mlp.gate.weight`"),
        (experts, vec![("norm_topk_prob", json!(false))], ""),
        (experts, vec![("norm_topk_prob", json!(1))], "/norm_topk_prob"),
        (experts, vec![("decoder_sparse_step", json!(2))], "/decoder_sparse_step"),
        (experts, vec![("mlp_only_layers", json!([0]))], "/mlp_only_layers"),
        (experts, vec![("moe_intermediate_size", Value::Null)], "/moe_intermediate_size"),
        (experts, vec![("mlp_bias", json!(true))], "/mlp_bias"),
        (experts_file, vec![("qwen3moe.expert_used_count", json!(3))], ""),
        (experts_file, vec![("qwen3moe.expert_used_count", json!(7))], "qwen3moe.expert_used_count"),
        (experts_file, vec![("qwen3moe.expert_count", json!(5))], "misshapen `blk.0.ffn_gate_exps.weight`"),
        (experts_file, vec![("qwen3moe.expert_shared_count", json!(1))], "qwen3moe.expert_shared_count"),
        (phi, vec![(scaling, long_rope("type", json!("su")))], ""),
        (phi, vec![(scaling, long_rope("attention_factor", json!(1.5)))], ""),
        (phi, vec![(scaling, long_rope("attention_factor", json!(0)))], "/rope_scaling/attention_factor"),
        (phi, vec![(scaling, long_rope("factor", json!(16.0)))], ""),
        (phi, vec![(scaling, long_rope("factor", json!(4.0)))], "/rope_scaling/factor"),
        (phi, vec![(scaling, long_rope("short_mscale", json!(1.5)))], "/rope_scaling/short_mscale"),
        (phi, vec![(scaling, long_rope("original_max_position_embeddings", json!(16)))], "/rope_scaling/original"),
        (phi, vec![(scaling, long_rope("partial_rotary_factor", json!(0.5)))], "/rope_scaling/partial_rotary_factor"),
        (phi, vec![(scaling, long_rope("short_factor", factors(5, json!(1))))], "/rope_scaling/short_factor"),
        (phi, vec![(scaling, long_rope("long_factor", factors(8, json!(1))))], "/rope_scaling/long_factor"),
        (phi, vec![(scaling, long_rope("long_factor", factors(6, json!(0))))], "/rope_scaling/long_factor"),
        (phi, vec![(scaling, long_rope("long_factor", factors(6, json!(-1.5))))], "/rope_scaling/long_factor"),
        (phi, vec![(scaling, long_rope("long_factor", factors(6, json!(1e300))))], "/rope_scaling/long_factor"),
        (phi, vec![(scaling, long_rope("long_factor", factors(6, json!("1"))))], "/rope_scaling/long_factor"),
        (phi, vec![(scaling, long_rope("long_factor", Value::Null))], "/rope_scaling/long_factor"),
        (phi, vec![(scaling, long_rope("type", json!("linear")))], "/rope_scaling/type"),
        (phi, vec![("original_max_position_embeddings", json!(1))], "/rope_scaling/attention_factor"),
        (phi, vec![("original_max_position_embeddings", json!(128))], ""),
        (phi, vec![("partial_rotary_factor", json!(1.5))], "/partial_rotary_factor"),
        (phi, vec![("partial_rotary_factor", json!(0.7))], "/partial_rotary_factor: expected an even width"),
        (phi, vec![("partial_rotary_factor", json!(0.5))], "/rope_scaling/short_factor"),
        (phi, vec![("sliding_window", json!(2))], ""),
        (phi_window, vec![("partial_rotary_factor", json!(0.5))], ""),
        (phi_window, vec![("sliding_window", Value::Null)], ""),
        (phi_window, vec![("full_attn_mod", json!(2))], "/full_attn_mod"),
        (qwen2, vec![(scaling, long_rope("attention_factor", json!(1.5)))], "/rope_scaling/type"),
        (phi_file, vec![("phi3.rope.scaling.attn_factor", json!(1.5))], ""),
        (phi_file, vec![("phi3.rope.scaling.attn_factor", json!(0.0))], "phi3.rope.scaling.attn_factor"),
        (phi_file, vec![("phi3.rope.scaling.original_context_length", json!(128))], ""),
        (phi_file, vec![("phi3.rope.scaling.factor", json!(4.0))], "phi3.rope.scaling.factor"),
        (phi_file, vec![("phi3.rope.scaling.type", json!("yarn"))], "phi3.rope.scaling.type"),
        (phi_file, vec![("phi3.rope.scaling.yarn_beta_fast", json!(32.0))], "yarn_beta_fast"),
        (phi_file, vec![("phi3.rope.dimension_count", json!(16))], "rope_factors_short.weight"),
        (phi_file, vec![("phi3.rope.dimension_count", json!(11))], "phi3.rope.dimension_count"),
        (phi_file, vec![("phi3.rope.dimension_count", json!(18))], "phi3.rope.dimension_count"),
        (phi_file, vec![("phi3.attention.sliding_window", json!(2))], ""),
        (phi_file, vec![("phi3.attention.sliding_window", json!(0))], ""),
        (llama, vec![("architectures", json!(["Qwen2ForCausalLM"]))], "/architectures"),
        (qwen2, vec![("architectures", json!(["Qwen3ForCausalLM"]))], "/architectures"),
        (qwen2, vec![("architectures", json!(["Qwen2ForRewardModel"]))], "/architectures"),
        (qwen2, vec![("architectures", json!(["Qwen2MoeForCausalLM"]))], "/architectures"),
        (llama, vec![("attention_bias", json!(true))], "missing `model.layers.0.self_attn.o_proj.bias`"),
        (qwen2, vec![("mlp_bias", json!(true))], "missing `model.layers.0.mlp.down_proj.bias`"),
        (qwen2, vec![("tie_word_embeddings", json!(false))], "missing `lm_head.weight`"),
        (
            llama_file,
            vec![("llama.rope.scaling.type", json!("yarn")), ("llama.rope.scaling.factor", json!(4.0))],
            "llama.rope.scaling.type",
        ),
        (llama_file, vec![("llama.rope.scaling.type", json!("linear")), ("llama.rope.scaling.factor", json!(4.0))], ""),
        (qwen2_file, vec![("qwen2.rope.scaling.type", json!("linear")), ("qwen2.rope.scale_linear", json!(4.0))], ""),
        (qwen2_file, vec![("qwen2.block_count", json!(0))], "qwen2.block_count"),
        (qwen2_file, vec![("general.type", json!("mmproj"))], "general.type"),
    ];
    let mut faults = Vec::new();
    for (name, keys, phrase) in cases {
        let files = Files::of(name);
        let plain = files.run(Precision::Plain).unwrap();
        let changed = keys.iter().fold(files, |files, (key, value)| files.with(key, value));
        let effect = Effect::of(&plain, changed.run(Precision::Plain));
        let right =
            if phrase.is_empty() { matches!(effect, Effect::Changed) } else { effect.is_refusal_naming(phrase) };
        if !right {
            faults.push(format!("{name}: {keys:?}: {effect:?}"));
        }
    }
    assert_no_faults(&faults);
}
