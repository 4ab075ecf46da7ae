//! Mutations of `config.json` and `generation_config.json`.

use super::folder::FolderMutation;
use super::json;
use super::random::Random;

const CONFIG: &str = "config.json";

pub(crate) const MUTATIONS: [FolderMutation; 4] = [
    ("configuration: odd value", 6, |folder, random| {
        let (key, _) = random.pick(&KEYS);
        let value = json::odd(random).to_string();
        folder.set(CONFIG, key, &value);
    }),
    ("configuration: value that means something", 10, |folder, random| {
        let (key, values) = random.pick(&KEYS);
        folder.set(CONFIG, key, random.pick(values));
    }),
    ("configuration: position scaling", 4, |folder, random| {
        let scaling = scaling(random);
        folder.set(CONFIG, random.pick(&["rope_scaling", "rope_scaling", "rope_parameters"]), &scaling);
    }),
    ("generation configuration", 2, |folder, random| {
        const VALUES: [&str; 8] = ["300", "[300, 2]", "320", "-1", "[]", "null", "\"</s>\"", "[[300]]"];
        let key = random.pick(&["eos_token_id", "bos_token_id", "pad_token_id", "max_length", "temperature"]);
        folder.set("generation_config.json", key, random.pick(&VALUES));
    }),
];

/// Keys that transformers knows, with values that mean something or nearly do.
const KEYS: [(&str, &[&str]); 44] = [
    (
        "architectures",
        &["[\"LlamaForCausalLM\"]", "[\"Qwen3ForCausalLM\"]", "[\"LlamaForSequenceClassification\"]", "[]"],
    ),
    ("model_type", &["\"llama\"", "\"qwen2\"", "\"mistral\"", "\"qwen3\"", "\"gemma2\"", "\"phi3\""]),
    ("vocab_size", &["319", "321", "64", "320.0", "1000000000"]),
    ("hidden_size", &["16", "33", "64", "0"]),
    ("intermediate_size", &["32", "63", "128"]),
    ("num_hidden_layers", &["0", "1", "2", "3", "1000000000"]),
    ("num_attention_heads", &["1", "2", "3", "4", "8", "32", "0"]),
    ("num_key_value_heads", &["1", "2", "3", "4", "8", "null"]),
    ("head_dim", &["1", "7", "8", "16", "32", "null"]),
    ("max_position_embeddings", &["1", "4", "32", "64", "131072", "4294967295", "1000000000000"]),
    ("rms_norm_eps", &["1e-6", "0.1", "1", "0", "-1e-5", "1e-50", "1e50"]),
    ("rope_theta", &["1", "100", "1000000", "1e38", "0", "-10000", "10000"]),
    ("hidden_act", &["\"silu\"", "\"swish\"", "\"gelu\"", "\"relu2\"", "\"gelu_pytorch_tanh\""]),
    ("hidden_activation", &["\"silu\"", "\"gelu\""]),
    ("tie_word_embeddings", &["true", "false", "null"]),
    ("attention_bias", &["true", "false"]),
    ("mlp_bias", &["true", "false"]),
    ("qkv_bias", &["true", "false"]),
    ("sliding_window", &["4", "16", "64", "1000", "null", "0"]),
    ("use_sliding_window", &["true", "false"]),
    ("max_window_layers", &["0", "1", "28"]),
    ("layer_types", &["[\"full_attention\"]", "[\"sliding_attention\", \"full_attention\"]", "[]"]),
    ("no_rope_layers", &["[0, 1]", "[1, 1]"]),
    ("no_rope_layer_interval", &["4"]),
    ("partial_rotary_factor", &["0.5", "1.0", "2"]),
    ("rotary_pct", &["0.25"]),
    ("is_causal", &["false", "true"]),
    ("logits_scaling", &["8.0", "1.0"]),
    ("attention_multiplier", &["0.5", "1.0"]),
    ("embedding_multiplier", &["12.0", "1"]),
    ("residual_multiplier", &["0.22"]),
    ("attn_logit_softcapping", &["50.0", "null"]),
    ("final_logit_softcapping", &["30.0", "null"]),
    ("query_pre_attn_scalar", &["144"]),
    ("use_qk_norm", &["true", "false"]),
    ("num_local_experts", &["8", "1", "0"]),
    (
        "quantization_config",
        &["{\"quant_method\": \"gptq\", \"bits\": 4}", "{\"quant_method\": \"fp8\"}", "{}", "null"],
    ),
    ("quantization", &["{\"group_size\": 64, \"bits\": 4}"]),
    ("torch_dtype", &["\"float8_e4m3fn\"", "\"int8\"", "\"bfloat16\""]),
    ("eos_token_id", &["0", "[2, 301]", "319", "320", "-1", "null", "[]"]),
    ("bos_token_id", &["1", "320", "-1", "null"]),
    ("pretraining_tp", &["2", "1"]),
    ("num_labels", &["2"]),
    ("text_config", &["{\"hidden_size\": 64, \"model_type\": \"llama\"}"]),
];

fn scaling(random: &mut Random) -> String {
    let kinds = ["linear", "dynamic", "llama3", "yarn", "longrope", "default", "mrope", "proportional", ""];
    let factors = ["4.0", "1", "0", "-2", "0.5", "1e300", "\"4\"", "null", "[4.0]", "1e-9"];
    let numbers = ["64", "0", "1", "-1", "8192", "1e9", "null", "\"64\""];
    let key = random.pick(&["rope_type", "rope_type", "type"]);
    let mut scaling = format!("{{\"{key}\": \"{}\"", random.pick(&kinds));
    for (key, values) in [
        ("factor", factors.as_slice()),
        ("low_freq_factor", &factors),
        ("high_freq_factor", &factors),
        ("original_max_position_embeddings", &numbers),
        ("rope_theta", &numbers),
        ("attention_factor", &factors),
        ("mrope_section", &numbers),
        ("long_factor", &factors),
    ] {
        if random.chance(60) {
            scaling.push_str(&format!(", \"{key}\": {}", random.pick(values)));
        }
    }
    scaling + "}"
}
