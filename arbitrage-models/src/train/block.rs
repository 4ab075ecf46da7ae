//! One trainable layer of the transformer.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::{Tensor, activation};

use super::parameter_source::ParameterSource;
use super::position_tables::PositionTables;
use crate::config::ModelConfig;

const ATTENTION_NORM: &str = "input_layernorm";
const QUERY: &str = "self_attn.q_proj";
const KEY: &str = "self_attn.k_proj";
const VALUE: &str = "self_attn.v_proj";
const OUTPUT: &str = "self_attn.o_proj";
const FEED_FORWARD_NORM: &str = "post_attention_layernorm";
const GATE: &str = "mlp.gate_proj";
const UP: &str = "mlp.up_proj";
const DOWN: &str = "mlp.down_proj";

/// Attention and feed-forward network, each after a norm and added to the residual stream.
#[derive(Module, Debug)]
pub(super) struct TransformerBlock {
    attention_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    feed_forward_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    kv_heads: usize,
    head_dim: usize,
}

impl TransformerBlock {
    /// Layer `index`, with parameters from `source`. Random weights of the two projections into the residual stream are scaled down
    /// by the number of layers, as in GPT-2.
    pub(super) fn new(index: usize, config: &ModelConfig, source: &mut impl ParameterSource) -> Self {
        let (hidden, inner) = (config.hidden, config.feed_forward);
        let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let biased = config.family.qkv_biases;
        let residual = (2.0 * config.layers as f64).sqrt().recip();
        let name = |part: &str| format!("model.layers.{index}.{part}");
        Self {
            attention_norm: source.norm(&name(ATTENTION_NORM), hidden, config.norm_epsilon),
            query: source.linear(&name(QUERY), [hidden, q], biased, 1.0),
            key: source.linear(&name(KEY), [hidden, kv], biased, 1.0),
            value: source.linear(&name(VALUE), [hidden, kv], biased, 1.0),
            output: source.linear(&name(OUTPUT), [q, hidden], false, residual),
            feed_forward_norm: source.norm(&name(FEED_FORWARD_NORM), hidden, config.norm_epsilon),
            gate: source.linear(&name(GATE), [hidden, inner], false, 1.0),
            up: source.linear(&name(UP), [hidden, inner], false, 1.0),
            down: source.linear(&name(DOWN), [inner, hidden], false, residual),
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
        }
    }

    /// The norms, with their names in Hugging Face checkpoints.
    pub(super) fn norms(&self) -> [(&'static str, &RmsNorm); 2] {
        [(ATTENTION_NORM, &self.attention_norm), (FEED_FORWARD_NORM, &self.feed_forward_norm)]
    }

    /// The linear layers, with their names in Hugging Face checkpoints.
    pub(super) fn linears(&self) -> [(&'static str, &Linear); 7] {
        [
            (QUERY, &self.query),
            (KEY, &self.key),
            (VALUE, &self.value),
            (OUTPUT, &self.output),
            (GATE, &self.gate),
            (UP, &self.up),
            (DOWN, &self.down),
        ]
    }

    /// `[texts, length, hidden]` → the same.
    pub(super) fn forward(&self, x: Tensor<3>, tables: &PositionTables) -> Tensor<3> {
        let x = x.clone() + self.attend(self.attention_norm.forward(x), tables);
        let normed = self.feed_forward_norm.forward(x.clone());
        let gated = activation::silu(self.gate.forward(normed.clone())) * self.up.forward(normed);
        x + self.down.forward(gated)
    }

    /// Grouped-query attention. The heads of a group are stacked along the rows, so keys and values need not be repeated.
    fn attend(&self, x: Tensor<3>, tables: &PositionTables) -> Tensor<3> {
        let [texts, length, _] = x.dims();
        let split = |x: Tensor<3>| {
            let heads = x.dims()[2] / self.head_dim;
            x.reshape([texts, length, heads, self.head_dim])
        };
        let q = tables.rotate(split(self.query.forward(x.clone()))).swap_dims(1, 2);
        let k = tables.rotate(split(self.key.forward(x.clone()))).swap_dims(1, 2);
        let v = split(self.value.forward(x)).swap_dims(1, 2);
        let heads = q.dims()[1];
        let rows = heads / self.kv_heads * length;
        let grouped = q.reshape([texts, self.kv_heads, rows, self.head_dim]) * (self.head_dim as f64).powf(-0.5);
        let scores = grouped.matmul(k.swap_dims(2, 3)).reshape([texts, heads, length, length]);
        let weights = activation::softmax(scores + tables.mask(), 3);
        let attended = weights.reshape([texts, self.kv_heads, rows, length]).matmul(v);
        let merged = attended.reshape([texts, heads, length, self.head_dim]).swap_dims(1, 2);
        self.output.forward(merged.reshape([texts, length, heads * self.head_dim]))
    }
}
