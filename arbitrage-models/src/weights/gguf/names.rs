//! Tensor names: GGUF's of the supported architectures, and Hugging Face's.

use std::borrow::Cow;

/// Names outside the layers, without `.weight` and `.bias`: GGUF's, Hugging Face's.
const GLOBAL: [(&str, &str); 3] =
    [("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")];

/// Names within a layer, likewise.
const LAYER: [(&str, &str); 15] = [
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("ffn_gate_inp", "mlp.gate"),
    ("ffn_gate_exps", "mlp.experts.gate_proj"),
    ("ffn_up_exps", "mlp.experts.up_proj"),
    ("ffn_down_exps", "mlp.experts.down_proj"),
];

/// Names within a layer of Gemma 3, which norms what attention and the feed-forward part give, and so calls other norms by these names.
const GEMMA3_LAYER: [(&str, &str); 3] = [
    ("post_attention_norm", "post_attention_layernorm"),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

/// Names within a layer of Phi-3, which has queries, keys and values in one matrix, and calls the one of gate and up as others call up.
const PHI3_LAYER: [(&str, &str); 2] = [("attn_qkv", "self_attn.qkv_proj"), ("ffn_up", "mlp.gate_up_proj")];

/// The Hugging Face name of a tensor in a GGUF file of this architecture; names outside the tables, such as `rope_freqs.weight`, stay.
///
/// ```
/// # use arbitrage_models::weights::gguf::names;
/// assert_eq!(names::to_hugging_face("llama", "blk.3.attn_q.bias"), "model.layers.3.self_attn.q_proj.bias");
/// assert_eq!(names::to_hugging_face("llama", "blk.3.ffn_norm.weight"), "model.layers.3.post_attention_layernorm.weight");
/// assert_eq!(names::to_hugging_face("gemma3", "blk.3.ffn_norm.weight"), "model.layers.3.pre_feedforward_layernorm.weight");
/// assert_eq!(names::to_hugging_face("llama", "output.weight"), "lm_head.weight");
/// ```
pub fn to_hugging_face<'a>(architecture: &str, name: &'a str) -> Cow<'a, str> {
    translate(architecture, name, "blk.", "model.layers.", |pair| *pair)
}

/// The GGUF name of a Hugging Face tensor: the inverse of [`to_hugging_face`].
pub fn to_gguf<'a>(architecture: &str, name: &'a str) -> Cow<'a, str> {
    translate(architecture, name, "model.layers.", "blk.", |(gguf, hf)| (*hf, *gguf))
}

/// Looks `name` up in the tables in one direction: `order` gives a row as (from, to).
fn translate<'a>(
    architecture: &str,
    name: &'a str,
    from_layers: &str,
    to_layers: &str,
    order: impl Fn(&'static (&'static str, &'static str)) -> (&'static str, &'static str),
) -> Cow<'a, str> {
    let Some((stem, part)) = name.rsplit_once('.').filter(|(_, part)| matches!(*part, "weight" | "bias")) else {
        return Cow::Borrowed(name);
    };
    let find = |table: &'static [(&'static str, &'static str)], stem: &str| {
        table.iter().map(&order).find(|(from, _)| *from == stem).map(|(_, to)| to)
    };
    let layer = stem.strip_prefix(from_layers).and_then(|rest| rest.split_once('.'));
    let translated = match layer.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit())) {
        Some((number, stem)) => {
            let own: &[_] = match architecture {
                "gemma3" => &GEMMA3_LAYER,
                "phi3" => &PHI3_LAYER,
                _ => &[],
            };
            let to = find(own, stem).or_else(|| find(&LAYER, stem));
            to.map(|to| format!("{to_layers}{number}.{to}.{part}"))
        }
        None => find(&GLOBAL, stem).map(|to| format!("{to}.{part}")),
    };
    translated.map_or(Cow::Borrowed(name), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::{to_gguf, to_hugging_face};

    #[test]
    fn names_translate_both_ways() {
        let table = [
            ("token_embd.weight", "model.embed_tokens.weight"),
            ("output_norm.weight", "model.norm.weight"),
            ("output.weight", "lm_head.weight"),
            ("blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight"),
            ("blk.12.attn_q.weight", "model.layers.12.self_attn.q_proj.weight"),
            ("blk.12.attn_k.bias", "model.layers.12.self_attn.k_proj.bias"),
            ("blk.1.attn_v.bias", "model.layers.1.self_attn.v_proj.bias"),
            ("blk.1.attn_output.weight", "model.layers.1.self_attn.o_proj.weight"),
            ("blk.1.ffn_norm.weight", "model.layers.1.post_attention_layernorm.weight"),
            ("blk.1.ffn_gate.weight", "model.layers.1.mlp.gate_proj.weight"),
            ("blk.1.ffn_up.weight", "model.layers.1.mlp.up_proj.weight"),
            ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"),
        ];
        for (gguf, hf) in table {
            assert_eq!(to_hugging_face("qwen2", gguf), hf);
            assert_eq!(to_gguf("qwen2", hf), gguf);
        }
        for (gguf, hf) in [
            ("blk.1.attn_q_norm.weight", "model.layers.1.self_attn.q_norm.weight"),
            ("blk.1.post_attention_norm.weight", "model.layers.1.post_attention_layernorm.weight"),
            ("blk.1.ffn_norm.weight", "model.layers.1.pre_feedforward_layernorm.weight"),
            ("blk.1.post_ffw_norm.weight", "model.layers.1.post_feedforward_layernorm.weight"),
        ] {
            assert_eq!(to_hugging_face("gemma3", gguf), hf);
            assert_eq!(to_gguf("gemma3", hf), gguf);
        }
        for (gguf, hf) in [
            ("blk.1.attn_qkv.weight", "model.layers.1.self_attn.qkv_proj.weight"),
            ("blk.1.ffn_up.weight", "model.layers.1.mlp.gate_up_proj.weight"),
            ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"),
        ] {
            assert_eq!(to_hugging_face("phi3", gguf), hf);
            assert_eq!(to_gguf("phi3", hf), gguf);
        }
    }

    #[test]
    fn other_names_are_unchanged() {
        for name in
            ["rope_freqs.weight", "", ".", "blk", "blk.0", "blk.x.attn_q.weight", "blk.0.attn_z.weight", "output"]
        {
            assert_eq!(to_hugging_face("llama", name), name);
        }
    }
}
