//! Which tensors a decoder's file has to hold, which it may hold, and which are of no use.

use arbitrage_core::text::excerpt;

use crate::config::{ExpertsConfig, LongRope, ModelConfig, ModelFamily, RopeScaling};
use crate::error::{Error, Result};
use crate::weights::{LoadReport, WeightSource};

/// The table of embeddings.
pub(crate) const EMBEDDING: &str = "embed_tokens.weight";
/// The head of a language model, without `.weight` and `.bias`.
pub(crate) const HEAD: &str = "lm_head";
/// The norms of a layer's query heads and key heads.
pub(super) const HEAD_NORMS: [&str; 2] = ["self_attn.q_norm.weight", "self_attn.k_norm.weight"];
/// The norms of what a layer's attention and feed-forward part give, where there are such.
pub(super) const POST_NORMS: [&str; 2] = ["post_attention_layernorm.weight", "post_feedforward_layernorm.weight"];
/// Queries, keys and values in families that have them in one matrix, one behind the other.
pub(super) const QKV: &str = "self_attn.qkv_proj";
/// Gate and up, likewise.
pub(super) const GATE_UP: &str = "mlp.gate_up_proj";
/// The matrices of a feed-forward part.
pub(super) const FEED_FORWARD_PARTS: [&str; 3] = ["gate_proj", "up_proj", "down_proj"];
/// What the names of a language model's tensors begin with.
pub(crate) const PREFIX: &str = "model.";

/// Ends of the names of tensors that no decoder needs: exporters of old checkpoints kept rotary tables, which follow from the
/// configuration. Nothing else is passed over: heads of classifiers and parts that predict several tokens or read images belong to models
/// that compute something else.
const OF_NO_USE: [&str; 3] = ["rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached"];

/// The norm before a layer's feed-forward part. Families that norm what attention gives call that norm as others call this one.
pub(super) fn feed_forward_norm(family: &ModelFamily) -> &'static str {
    if family.post_norms { "pre_feedforward_layernorm.weight" } else { "post_attention_layernorm.weight" }
}

/// Whether a tensor has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
    /// The configuration says that there is none.
    Absent,
}

/// Reports every tensor of a language model that does not fit `config`, before the first weight is read.
pub(crate) fn expect_language_model(report: &mut LoadReport, source: &dyn WeightSource, config: &ModelConfig) {
    expect_backbone(report, source, config, PREFIX);
    let presence = if config.tied { Presence::Optional } else { Presence::Required };
    expect(report, source, &format!("{HEAD}.weight"), &[config.vocabulary, config.hidden], presence);
    expect(report, source, &format!("{HEAD}.bias"), &[config.vocabulary], Presence::Optional);
}

/// Reports every tensor of a decoder without its head that does not fit `config`, before the first weight is read; `prefix`
/// stands before the names.
pub(crate) fn expect_backbone(report: &mut LoadReport, source: &dyn WeightSource, config: &ModelConfig, prefix: &str) {
    for (name, shape, presence) in expected(config, source.experts_are_stacked()) {
        expect(report, source, &format!("{prefix}{name}"), &shape, presence);
    }
    mark_of_no_use(report, source);
    if source.has_rope_factors() {
        // The configuration is read from them.
        let tensors: &[&str] = match config.rope.scaling {
            RopeScaling::Factors(_) => &["rope_freqs.weight"],
            RopeScaling::LongRope(_) => &LongRope::TENSORS,
            _ => &[],
        };
        tensors.iter().for_each(|name| report.mark_used(name));
    }
}

/// Takes the tensors that no decoder needs out of the report.
pub(crate) fn mark_of_no_use(report: &mut LoadReport, source: &dyn WeightSource) {
    let names = source.names();
    names.iter().filter(|name| OF_NO_USE.iter().any(|end| name.ends_with(end))).for_each(|name| report.mark_used(name));
}

fn expect(report: &mut LoadReport, source: &dyn WeightSource, name: &str, shape: &[usize], presence: Presence) {
    match presence {
        Presence::Required => report.expect(source, name, shape),
        Presence::Optional => {
            report.fits_if_there(source, name, shape);
        }
        Presence::Absent => {}
    }
}

/// Whether the embedding serves as the head of a language model: as the configuration says, unless the file has a head that
/// differs. transformers 5 uses such a head too.
///
/// # Errors
/// [`Error::Format`] for a head or embedding of a type that is not read.
pub(crate) fn is_tied(source: &dyn WeightSource, config: &ModelConfig) -> Result<bool> {
    let head_name = format!("{HEAD}.weight");
    let (true, Some(head)) = (config.tied, source.get(&head_name)?) else { return Ok(config.tied) };
    let table_name = format!("{PREFIX}{EMBEDDING}");
    let same = source.get(&table_name)?.is_some_and(|table| table.dtype == head.dtype && table.bytes == head.bytes);
    source.forget(&head_name);
    source.forget(&table_name);
    Ok(same)
}

/// Refuses the checkpoint of a classifier where a language model is asked for.
///
/// # Errors
/// [`Error::Format`] naming the class.
pub(super) fn check_task(source: &dyn WeightSource, config: &ModelConfig) -> Result<()> {
    match &config.architecture {
        Some(class) if !config.is_language_model() => {
            let found = format!("`{}`, which predicts no tokens: load it as a scorer", excerpt(class));
            let expected = "the class of a causal language model, such as Qwen2ForCausalLM";
            Err(Error::format(source.path().join("config.json"), "/architectures", expected, found))
        }
        _ => Ok(()),
    }
}

/// Names and shapes of the tensors that a decoder of this shape has without its head.
fn expected(config: &ModelConfig, experts_are_stacked: bool) -> Vec<(String, Vec<usize>, Presence)> {
    let (hidden, inner) = (config.hidden, config.feed_forward);
    let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let declared = |flag: Option<bool>| match flag {
        None => Presence::Optional,
        Some(true) => Presence::Required,
        Some(false) => Presence::Absent,
    };
    let (attention, feed_forward) = (declared(config.attention_bias), declared(config.feed_forward_bias));
    let input = if config.family.qkv_biases { Presence::Required } else { attention };
    let mut linear_layers = vec![("self_attn.o_proj", [hidden, q], attention)];
    match config.family.joined_projections {
        true => linear_layers.push((QKV, [q + 2 * kv, hidden], input)),
        false => linear_layers.extend([
            ("self_attn.q_proj", [q, hidden], input),
            ("self_attn.k_proj", [kv, hidden], input),
            ("self_attn.v_proj", [kv, hidden], input),
        ]),
    }
    if config.experts.is_none() {
        linear_layers.push(("mlp.down_proj", [hidden, inner], feed_forward));
        match config.family.joined_projections {
            true => linear_layers.push((GATE_UP, [2 * inner, hidden], feed_forward)),
            false => linear_layers.extend([
                ("mlp.gate_proj", [inner, hidden], feed_forward),
                ("mlp.up_proj", [inner, hidden], feed_forward),
            ]),
        }
    }
    let experts = config.experts.map_or_else(Vec::new, |experts| expert_shapes(experts, hidden, experts_are_stacked));
    let mut all = vec![
        (EMBEDDING.to_owned(), vec![config.vocabulary, hidden], Presence::Required),
        ("norm.weight".to_owned(), vec![hidden], Presence::Required),
    ];
    for layer in 0..config.layers {
        let mut add = |name: &str, shape: &[usize], presence| {
            all.push((format!("layers.{layer}.{name}"), shape.to_vec(), presence));
        };
        add("input_layernorm.weight", &[hidden], Presence::Required);
        add(feed_forward_norm(config.family), &[hidden], Presence::Required);
        if config.family.post_norms {
            POST_NORMS.iter().for_each(|name| add(name, &[hidden], Presence::Required));
        }
        if config.family.head_norms {
            HEAD_NORMS.iter().for_each(|name| add(name, &[config.head_dim], Presence::Required));
        }
        for (name, shape, bias) in &linear_layers {
            add(&format!("{name}.weight"), shape, Presence::Required);
            add(&format!("{name}.bias"), &shape[..1], *bias);
        }
        experts.iter().for_each(|(name, shape)| add(name, shape, Presence::Required));
    }
    all
}

/// Names and shapes of the matrices of a layer's experts: one for each, or all in one.
fn expert_shapes(experts: ExpertsConfig, hidden: usize, are_stacked: bool) -> Vec<(String, Vec<usize>)> {
    let ExpertsConfig { count, width, .. } = experts;
    let mut all = vec![("mlp.gate.weight".to_owned(), vec![count, hidden])];
    for (part, shape) in FEED_FORWARD_PARTS.into_iter().zip([[width, hidden], [width, hidden], [hidden, width]]) {
        if are_stacked {
            all.push((format!("mlp.experts.{part}.weight"), [&[count], &shape[..]].concat()));
        } else {
            all.extend((0..count).map(|expert| (format!("mlp.experts.{expert}.{part}.weight"), shape.to_vec())));
        }
    }
    all
}
