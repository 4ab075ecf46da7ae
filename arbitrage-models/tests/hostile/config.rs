//! `config.json` files of impossible models.

use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::config::ModelConfig;
use serde_json::{Value, json};

use super::Case;
use super::Kind::Format;

const FILE: &str = "config.json";

fn open(folder: &Path) -> Result<(), Error> {
    let path = folder.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
    ModelConfig::from_json(&path, &text).map(drop)
}

fn case(name: &str, text: impl Into<Vec<u8>>, phrases: &str) -> Case {
    Case::new(format!("config: {name}"), open, Format, &format!("{FILE}|{phrases}")).file(FILE, text)
}

fn good() -> Value {
    json!({
        "model_type": "llama", "vocab_size": 320, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
    })
}

/// The valid file with another value for `key`.
fn with(key: &str, value: Value) -> String {
    let mut config = good();
    config[key] = value;
    config.to_string()
}

/// The error names the key as a JSON pointer.
fn set(key: &str, value: Value, phrases: &str) -> Case {
    case(&format!("{key} is {value}"), with(key, value.clone()), &format!(" /{key}: |{phrases}"))
}

/// Keys that are missing or of another type, and text that is not JSON.
pub(crate) fn keys() -> Vec<Case> {
    let needed = ["model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers"];
    let absent = needed.into_iter().chain(["num_attention_heads", "max_position_embeddings"]).map(|key| {
        let mut config = good();
        config.as_object_mut().unwrap().remove(key);
        case(&format!("no {key}"), config.to_string(), &format!(" /{key}: |found nothing"))
    });
    let text = [
        case("empty", "", "line 1 column 0|JSON|EOF"),
        case("cut", &good().to_string()[..40], "JSON|EOF"),
        case("an array", "[]", "/model_type|a string|nothing"),
        case("nested deep", "[".repeat(100_000), "JSON|recursion limit"),
        case("a key twice", r#"{"model_type":"llama","model_type":"qwen2"}"#, "line 1 column|`model_type` comes twice"),
        case("a nested key twice", r#"{"rope_scaling":[{"factor":1,"factor":2}]}"#, "`factor` comes twice"),
        case("a sentence", "This is no JSON.", "line 1 column 1: |JSON|found `This is no JSON.`"),
        case("a long model type", with("model_type", json!("m".repeat(1 << 20))), "/model_type"),
    ];
    let types = [
        set("model_type", json!(7), "a string|found 7"),
        set(
            "model_type",
            json!("mamba"),
            "llama, mistral, qwen2, qwen3, qwen3_moe, smollm3, gemma3_text or phi3|mamba",
        ),
        set("vocab_size", json!("320"), "a whole number|`320`"),
        set("vocab_size", Value::Null, "a whole number|nothing"),
        set("hidden_size", json!(32.5), "a whole number|32.5"),
        set("hidden_size", json!([32]), "a whole number|[32]"),
        set("intermediate_size", json!({}), "a whole number|{}"),
        set("tie_word_embeddings", json!("yes"), "true or false|`yes`"),
        set("rms_norm_eps", json!("small"), "above 0|`small`"),
        set("num_key_value_heads", json!(true), "a whole number|true"),
        set("head_dim", json!(-8), "a whole number|-8"),
    ];
    absent.chain(text).chain(types).collect()
}

/// Keys of models that compute something else.
pub(crate) fn unsupported() -> Vec<Case> {
    vec![
        set("attn_logit_softcapping", json!(50.0), "0, false or null|softcapping is not supported yet|found 50.0"),
        set("num_local_experts", json!(8), "a mixture of experts is not supported yet|found 8"),
        set("partial_rotary_factor", json!(0.5), "expected 1|partial rotary encoding is not supported yet|found 0.5"),
        set("hidden_act", json!("gelu"), "`silu` or `swish`|another activation|found `gelu`"),
        set("is_causal", json!(false), "expected true|attention to later tokens|found false"),
        set("no_rope_layers", json!([0, 1]), "not supported yet|found [0,1]"),
        set("vision_config", json!({"depth": 2}), "a model of this kind is not supported yet"),
        set("rope_scalling", json!({"factor": 2}), "a key that is known|such as `rope_scaling`"),
        set("architectures", json!(["Qwen3ForCausalLM"]), "a list of one class of the family llama|Qwen3ForCausalLM"),
        set("architectures", json!("LlamaForCausalLM"), "a list of one class"),
        set("layer_types", json!(["sliding_attention"]), "for each of 2 layers|sliding_attention"),
        case("a key with a slash", with("a/rope~", json!(1)), " /a~1rope~0: |a key that is known"),
        case("a long key", with(&"rope_".repeat(1 << 18), json!(1)), "a key that is known"),
    ]
}

/// Sizes and numbers that do not fit.
pub(crate) fn sizes() -> Vec<Case> {
    let trillion = json!(1_000_000_000_000_u64);
    let greatest = "from 1 to 16777216|found 1000000000000";
    let mut cases: Vec<Case> = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "head_dim"]
        .into_iter()
        .chain(["num_attention_heads", "num_key_value_heads", "max_position_embeddings"])
        .map(|key| set(key, trillion.clone(), greatest))
        .collect();
    cases.extend([
        set("num_hidden_layers", json!(0), "found 0"),
        set("num_hidden_layers", json!(1 << 24), "1 to 4096|found 16777216"),
        set("num_hidden_layers", json!(-1), "found -1"),
        set("num_attention_heads", json!(0), "found 0"),
        set("num_attention_heads", json!(5), "a divisor of the hidden size 32|found 5"),
        set("num_attention_heads", json!(64), "a divisor of the hidden size 32|found 64"),
        set("num_key_value_heads", json!(0), "found 0"),
        set("num_key_value_heads", json!(3), "a divisor of 4 heads|found 3"),
        set("num_key_value_heads", json!(8), "a divisor of 4 heads|found 8"),
        set("head_dim", json!(7), "even|found 7"),
        set("vocab_size", json!(0), "found 0"),
        set("max_position_embeddings", json!(0), "found 0"),
        set("rms_norm_eps", json!(0), "above 0|found 0"),
        set("rms_norm_eps", json!(-1e-5), "above 0|found -"),
        set("rms_norm_eps", json!(1e300), "above 0|found inf"),
        set("rms_norm_eps", json!(1e-300), "above 0|found 0"),
        set("rope_theta", json!(0), "above 0|found 0"),
        set("rope_theta", json!("1e4"), "above 0|`1e4`"),
    ]);
    cases
}

/// Rotary scalings, in both spellings.
pub(crate) fn rope() -> Vec<Case> {
    let of = |key: &str, value: Value, pointer: &str, phrases: &str| {
        case(&format!("{key} is {value}"), with(key, value.clone()), &format!(" {pointer}: |{phrases}"))
    };
    let old = |value: Value, pointer: &str, phrases: &str| {
        of("rope_scaling", value, &format!("/rope_scaling{pointer}"), phrases)
    };
    let new = |value: Value, pointer: &str, phrases: &str| {
        of("rope_parameters", value, &format!("/rope_parameters{pointer}"), phrases)
    };
    let llama3 = |low: f64, high: f64| {
        let original = 64;
        json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": low, "high_freq_factor": high,
            "original_max_position_embeddings": original})
    };
    vec![
        old(json!({"rope_type": "yarn"}), "/factor", "above 0|nothing"),
        old(json!({"rope_type": "yarn", "factor": 0.5}), "", "a factor of 1 or more|found 0.5"),
        old(json!({"rope_type": "yarn", "factor": 4, "beta_slow": 64}), "", "a beta_slow of at most 32|found 64"),
        old(json!({"rope_type": "yarn", "factor": 4, "truncate": 1}), "/truncate", "true or false|found 1"),
        old(json!({"rope_type": "yarn", "factor": 4, "low_freq_factor": 1}), "/low_freq_factor", "no such key|found 1"),
        old(json!({"type": "dynamic", "factor": 4}), "/type", "default, linear, llama3 or yarn|dynamic"),
        old(json!({"factor": 4}), "/rope_type", "a string|nothing"),
        old(json!({"rope_type": 3}), "/rope_type", "a string|found 3"),
        old(json!({"type": "linear"}), "/factor", "above 0|nothing"),
        old(json!({"type": "linear", "factor": 0}), "/factor", "above 0|found 0"),
        old(json!({"type": "linear", "factor": -2}), "/factor", "above 0|found -2"),
        old(json!("linear"), "/rope_type", "a string|nothing"),
        old(json!({"rope_type": "llama3", "factor": 8}), "/low_freq_factor", "above 0|nothing"),
        old(llama3(4.0, 1.0), "", "low_freq_factor below the high one, 1|found 4"),
        old(llama3(1.0, 1.0), "", "low_freq_factor below the high one, 1|found 1"),
        new(json!({"rope_type": "longrope"}), "/rope_type", "default, linear, llama3 or yarn|longrope"),
        new(json!({"rope_type": "default", "rope_theta": -1}), "/rope_theta", "above 0|found -1"),
    ]
}
