//! Which tensors a decoder's file has to hold.

use crate::config::ModelConfig;
use crate::weights::{LoadReport, WeightSource};

/// The table of embeddings.
pub(crate) const EMBEDDING: &str = "embed_tokens.weight";

/// Reports every tensor of a decoder without its head that does not fit `config`, before the first weight is read; `prefix`
/// stands before the names.
pub(crate) fn expect_backbone(report: &mut LoadReport, source: &dyn WeightSource, config: &ModelConfig, prefix: &str) {
    for (name, shape, optional) in expected(config) {
        let name = format!("{prefix}{name}");
        if optional {
            report.take_optional(source, &name, &shape);
        } else {
            report.take(source, &name, &shape);
        }
    }
    report.mark_used("rope_freqs.weight"); // the shape is read from it
}

/// Names and shapes of the tensors that a model of this shape has; the flag tells optional ones.
fn expected(config: &ModelConfig) -> Vec<(String, Vec<usize>, bool)> {
    let (hidden, inner) = (config.hidden, config.feed_forward);
    let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let mut all = vec![
        (EMBEDDING.to_owned(), vec![config.vocabulary, hidden], false),
        ("norm.weight".to_owned(), vec![hidden], false),
    ];
    for layer in 0..config.layers {
        let mut add = |name: &str, shape: &[usize], optional| {
            all.push((format!("layers.{layer}.{name}"), shape.to_vec(), optional));
        };
        add("input_layernorm.weight", &[hidden], false);
        add("post_attention_layernorm.weight", &[hidden], false);
        for (name, shape) in [("q_proj", [q, hidden]), ("k_proj", [kv, hidden]), ("v_proj", [kv, hidden])] {
            add(&format!("self_attn.{name}.weight"), &shape, false);
            add(&format!("self_attn.{name}.bias"), &shape[..1], config.family != "qwen2");
        }
        add("self_attn.o_proj.weight", &[hidden, q], false);
        for (name, shape) in
            [("gate_proj", [inner, hidden]), ("up_proj", [inner, hidden]), ("down_proj", [hidden, inner])]
        {
            add(&format!("mlp.{name}.weight"), &shape, false);
        }
    }
    all
}
