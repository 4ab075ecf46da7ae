//! Factors for short and for long contexts, and the joined matrices of the models that have them.

use arbitrage_models::weights::DType;
use arbitrage_models::{Decoder, Error, Outputs, Span};
use serde_json::json;

use super::files::Files;
use crate::support::local::{ALL, BOTH};
use crate::support::scorers::OwnedTensor;
use crate::support::{options, run};

const FOLDER: &str = "hf/phi3-bf16-long-tied";
const FILE: &str = "gguf/phi3-q8_0-tied";
/// Of both, whose context is 128.
const ORIGINAL: usize = 8;
const TEXT: [u32; ORIGINAL] = [7, 50, 213, 9, 101, 33, 270, 5];

fn logits(decoder: &Decoder) -> Vec<Vec<f32>> {
    run(decoder, &mut decoder.cache(), &TEXT)
}

/// The context of a model chooses the factors for all of its texts: the longer ones as soon as it is longer than the original one, also for
/// texts that are not.
#[test]
fn the_context_chooses_the_factors_and_not_the_text() {
    for precision in ALL {
        for name in [FOLDER, FILE] {
            let files = Files::of(name);
            let of = |context: usize| logits(&files.load(&options(precision).with_context(context)).unwrap());
            let (short, long) = (of(ORIGINAL), of(ORIGINAL + 1));
            assert_eq!(long, logits(&files.load(&options(precision)).unwrap()), "{name} {precision:?}");
            assert_ne!(long[1..], short[1..], "{name} {precision:?}");
        }
    }
}

/// What a bound of the context computes is what a file of this context computes that is stretched as much, with its short factors only.
#[test]
fn short_contexts_take_the_short_factors() {
    let files = Files::of(FOLDER);
    let scaling = files.value("rope_scaling").unwrap();
    let stretched = (1.0 + (128.0_f64 / 8.0).ln() / 8.0_f64.ln()).sqrt();
    let of = |long: &str, short: &str| {
        let factors = json!({"type": "longrope", "attention_factor": stretched,
            "long_factor": scaling[long], "short_factor": scaling[short]});
        files.with("rope_scaling", &factors)
    };
    let short = of("short_factor", "short_factor").with("max_position_embeddings", &json!(ORIGINAL));
    for precision in BOTH {
        let ours = logits(&files.load(&options(precision).with_context(ORIGINAL)).unwrap());
        assert_eq!(ours, logits(&short.load(&options(precision)).unwrap()), "{precision:?}");
        let only_long = of("long_factor", "long_factor");
        let whole = logits(&files.load(&options(precision)).unwrap());
        assert_eq!(whole, logits(&only_long.load(&options(precision)).unwrap()), "{precision:?}");
    }
}

#[test]
fn the_bound_of_a_context_is_checked_and_named() {
    let files = Files::of(FOLDER);
    for precision in ALL {
        for wrong in [0, 129] {
            let error = files.load(&options(precision).with_context(wrong)).err().unwrap();
            assert!(matches!(error, Error::Parameter { name: "context", .. }), "{error}");
            assert!(
                error.to_string().contains("1 to 128") && error.to_string().contains(&wrong.to_string()),
                "{error}"
            );
        }
        let decoder = files.load(&options(precision).with_context(4)).unwrap();
        let span = Span { cache: &mut decoder.cache(), tokens: &TEXT, outputs: Outputs::Last };
        let error = decoder.forward(&mut [span]).err().unwrap();
        assert!(matches!(error, Error::ContextFull { context: 4, .. }), "{error}");
        assert!(error.to_string().contains("the option `context`"), "{error}");
    }
}

/// Factors as a tensor of this name.
fn factors(name: &str, values: &[f32]) -> OwnedTensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    OwnedTensor { name: name.to_owned(), dtype: DType::F32, shape: vec![values.len()], bytes }
}

#[test]
fn factors_of_a_gguf_file_are_used_and_checked() {
    const NAMES: [&str; 2] = ["rope_factors_short.weight", "rope_factors_long.weight"];
    let files = Files::of(FILE);
    let plain = logits(&files.load(&options(BOTH[0])).unwrap());
    let refused = |files: &Files, parts: &[&str]| {
        let error = files.load(&options(BOTH[0])).err().unwrap();
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
    };
    for (at, name) in NAMES.into_iter().enumerate() {
        let doubled = files.with_tensor(factors(name, &[2.0; 6]));
        let context = if at == 0 { ORIGINAL } else { 128 };
        let changed = |context: usize| logits(&doubled.load(&options(BOTH[0]).with_context(context)).unwrap());
        let unchanged = logits(&files.load(&options(BOTH[0]).with_context(context)).unwrap());
        assert_ne!(changed(context), unchanged, "{name}");
        if at == 0 {
            assert_eq!(changed(128), plain, "short factors in a long context");
        }
        refused(&files.without_tensors(&[name]), &[name, "no such tensor"]);
        for count in [1, 5, 7, 8] {
            refused(&files.with_tensor(factors(name, &vec![1.0; count])), &[name, "6 factors", &count.to_string()]);
        }
        for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let values = [1.0, 1.0, wrong, 1.0, 1.0, 1.0];
            refused(&files.with_tensor(factors(name, &values)), &[name, "factors above 0", &wrong.to_string()]);
        }
    }
    let without = files.without_tensors(&NAMES);
    refused(&without, &["phi3.rope.scaling.attn_factor", "1 or no such key"]);
    let unstretched = without.without("phi3.rope.scaling.attn_factor");
    assert_ne!(logits(&unstretched.load(&options(BOTH[0])).unwrap()), plain);
    refused(&unstretched.with("phi3.rope.scaling.type", &json!("longrope")), &NAMES[..1]);
    // A folder has its factors in `config.json`.
    refused(&Files::of(FOLDER).with_tensor(factors(NAMES[0], &[1.0; 6])), &["unused `rope_factors_short.weight`"]);
}

/// Files of converters that did not know of the window.
#[test]
fn a_gguf_file_has_to_say_whether_there_is_a_window() {
    let error = Files::of(FILE).without("phi3.attention.sliding_window").load(&options(BOTH[0])).err().unwrap();
    assert!(error.to_string().contains("phi3.attention.sliding_window: expected"), "{error}");
}

/// A joined matrix with too few or too many rows, in either format.
#[test]
fn joined_matrices_have_the_rows_of_all_parts() {
    for (name, parts) in [
        (FOLDER, ["`model.layers.0.self_attn.qkv_proj.weight`", "`model.layers.0.mlp.gate_up_proj.weight`"]),
        (FILE, ["`blk.0.attn_qkv.weight`", "`blk.0.ffn_up.weight`"]),
    ] {
        let files = Files::of(name);
        for (joined, own) in ["self_attn.qkv_proj", "mlp.gate_up_proj"].into_iter().zip(parts) {
            let mut tensor = files.tensor(&format!("model.layers.0.{joined}.weight")).clone();
            let row = tensor.bytes.len() / tensor.shape[0];
            tensor.shape[0] -= 1;
            tensor.bytes.truncate(tensor.shape[0] * row);
            let error = files.with_tensor(tensor).load(&options(BOTH[0])).err().unwrap().to_string();
            assert!(error.contains(&format!("misshapen {own}")), "{error}");
        }
    }
}
