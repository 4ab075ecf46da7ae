//! What the decoders of a family have in common, as far as their files do not say it.

use super::MAX_LAYERS;

/// A family of decoders.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelFamily {
    /// Its `model_type` in `config.json`.
    pub name: &'static str,
    /// What the names of its classes begin with, as in `Qwen2ForCausalLM`.
    pub class: &'static str,
    /// Its `general.architecture` in GGUF files.
    pub gguf: &'static str,
    /// Whether queries, keys and values have biases, whatever the configuration says.
    pub qkv_biases: bool,
    /// Whether each head of queries and keys is normed before it is rotated.
    pub head_norms: bool,
    /// Whether what attention and the feed-forward part give is normed before it is added to the residual stream.
    pub post_norms: bool,
    /// Whether embeddings are multiplied by the square root of the hidden size.
    pub scaled_embeddings: bool,
    /// Whether checkpoints of Hugging Face hold the weights of norms less 1.
    pub centred_norms: bool,
    /// The activation of the feed-forward part's gate.
    pub activation: Activation,
    /// Whether the feed-forward part of every layer is a mixture of experts.
    pub has_experts: bool,
    /// Whether queries, keys and values of a layer are the rows of one matrix, in this order, and gate and up those of another.
    pub joined_projections: bool,
    /// Whether a file may say that only a part of each head rotates, and that frequencies have factors for short and for long contexts.
    pub long_rope: bool,
    /// The width of a head where `config.json` does not give it; `None` for the hidden size divided by the heads.
    pub default_head_dim: Option<usize>,
    /// Every how many layers one does not rotate queries and keys, where the file does not say it; `None` where all layers rotate.
    pub unrotated_every: Option<usize>,
    /// Every how many layers one attends to all positions and the others have a window, where the file does not say it; `None` where
    /// layers do not differ.
    pub global_every: Option<usize>,
    /// The base of rotary wavelengths where `config.json` does not give it.
    pub default_theta: f64,
    /// What is added to the mean square in norms where `config.json` does not give it.
    pub default_epsilon: f64,
    /// The base in layers with a window where the file does not give it; `None` where it is that of the others.
    pub default_local_theta: Option<f64>,
    /// By which number's square root products of queries and keys are divided where `config.json` does not give it; `None` for the width
    /// of a head.
    pub default_query_scalar: Option<f64>,
    /// Whether the head's weights are the embedding's where `config.json` does not say it.
    pub default_tied: bool,
    /// When the window of attention is in use.
    pub(super) window: WindowUse,
    /// The window that is in use where `config.json` says nothing about it, as in transformers.
    pub(super) default_window: Option<usize>,
    /// Keys of `config.json` that are followed in this family alone.
    pub(super) json_keys: &'static [&'static str],
    /// Keys of GGUF files, below the architecture's name, that are followed in this family alone.
    pub(super) gguf_keys: &'static [&'static str],
}

/// The activation of a feed-forward part's gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU in the approximation by tanh (Hendrycks & Gimpel, arXiv 1606.08415).
    GeluTanh,
}

/// When a family's `sliding_window` is in use, and in which layers, as in transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WindowUse {
    /// In no layer: where the key is there, unless `use_sliding_window` is false, it bounds the context.
    AsContext,
    /// Always, in all layers.
    Always,
    /// Always, in all layers but every [`global_every`](ModelFamily::global_every)-th.
    WhereLocal,
    /// Where `use_sliding_window` is true, from the layer `max_window_layers` on.
    WhereSwitchedOn,
    /// Where `use_sliding_window` is true, in layers that do not rotate.
    WhereNotRotated,
}

const LLAMA: ModelFamily = ModelFamily {
    name: "llama",
    class: "Llama",
    gguf: "llama",
    qkv_biases: false,
    head_norms: false,
    post_norms: false,
    scaled_embeddings: false,
    centred_norms: false,
    activation: Activation::Silu,
    has_experts: false,
    joined_projections: false,
    long_rope: false,
    default_head_dim: None,
    unrotated_every: None,
    global_every: None,
    default_theta: 10_000.0,
    default_epsilon: 1e-6,
    default_local_theta: None,
    default_query_scalar: None,
    default_tied: false,
    window: WindowUse::AsContext,
    default_window: None,
    json_keys: &[],
    gguf_keys: &[],
};

/// Of Mistral and of Qwen models.
const DEFAULT_WINDOW: Option<usize> = Some(4096);

/// Every family that is supported.
pub static FAMILIES: [ModelFamily; 8] = [
    LLAMA,
    ModelFamily {
        name: "mistral",
        class: "Mistral",
        window: WindowUse::Always,
        default_window: DEFAULT_WINDOW,
        ..LLAMA
    },
    ModelFamily {
        name: "qwen2",
        class: "Qwen2",
        gguf: "qwen2",
        qkv_biases: true,
        window: WindowUse::WhereSwitchedOn,
        default_window: DEFAULT_WINDOW,
        ..LLAMA
    },
    ModelFamily {
        name: "qwen3",
        class: "Qwen3",
        gguf: "qwen3",
        head_norms: true,
        default_head_dim: Some(128),
        window: WindowUse::WhereSwitchedOn,
        default_window: DEFAULT_WINDOW,
        ..LLAMA
    },
    ModelFamily {
        name: "qwen3_moe",
        class: "Qwen3Moe",
        gguf: "qwen3moe",
        head_norms: true,
        has_experts: true,
        window: WindowUse::WhereSwitchedOn,
        default_window: DEFAULT_WINDOW,
        json_keys: &[
            "decoder_sparse_step",
            "mlp_only_layers",
            "moe_intermediate_size",
            "norm_topk_prob",
            "num_experts",
            "num_experts_per_tok",
            "router_aux_loss_coef",
        ],
        gguf_keys: &["expert_count", "expert_feed_forward_length", "expert_used_count"],
        ..LLAMA
    },
    ModelFamily {
        name: "smollm3",
        class: "SmolLM3",
        gguf: "smollm3",
        unrotated_every: Some(4),
        default_theta: 2e6,
        default_tied: true,
        window: WindowUse::WhereNotRotated,
        ..LLAMA
    },
    ModelFamily {
        name: "gemma3_text",
        class: "Gemma3",
        gguf: "gemma3",
        head_norms: true,
        post_norms: true,
        scaled_embeddings: true,
        centred_norms: true,
        activation: Activation::GeluTanh,
        default_head_dim: Some(256),
        global_every: Some(6),
        default_theta: 1e6,
        default_local_theta: Some(10_000.0),
        default_query_scalar: Some(256.0),
        default_tied: true,
        window: WindowUse::WhereLocal,
        default_window: DEFAULT_WINDOW,
        json_keys: &["hidden_activation", "query_pre_attn_scalar", "rope_local_base_freq", "sliding_window_pattern"],
        gguf_keys: &["attention.sliding_window_pattern", "rope.freq_base_swa"],
        ..LLAMA
    },
    ModelFamily {
        name: "phi3",
        class: "Phi3",
        gguf: "phi3",
        joined_projections: true,
        long_rope: true,
        default_epsilon: 1e-5,
        window: WindowUse::Always,
        json_keys: &["partial_rotary_factor"],
        gguf_keys: &["rope.scaling.attn_factor"],
        ..LLAMA
    },
];

impl ModelFamily {
    /// The family of this `model_type`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }

    /// The family of this architecture of GGUF files: the first, where several have it.
    pub fn by_gguf(architecture: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.gguf == architecture)
    }

    /// Whether layers of the family's GGUF files have a window, which bounds the context in those of other families.
    pub(crate) fn gguf_has_window(&self) -> bool {
        Self::by_gguf(self.gguf).is_some_and(|of| matches!(of.window, WindowUse::WhereLocal | WindowUse::Always))
    }

    /// Whether each of `layers` layers is one of every `every`-th.
    pub(crate) fn every(every: Option<usize>, layers: usize) -> Vec<bool> {
        let every = every.unwrap_or(usize::MAX);
        // More layers are refused, but only when everything is read.
        (0..layers.min(MAX_LAYERS)).map(|layer| (layer + 1).is_multiple_of(every)).collect()
    }

    /// The names of all families, for errors.
    pub(super) fn names() -> String {
        one_of(FAMILIES.iter().map(|family| family.name))
    }

    /// The architectures of all families in GGUF files, for errors.
    pub(super) fn gguf_names() -> String {
        // Mistral's files have Llama's.
        one_of(FAMILIES.iter().filter(|family| family.name != "mistral").map(|family| family.gguf))
    }
}

/// `a, b or c`.
fn one_of(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_found_by_both_names() {
        for family in &FAMILIES {
            assert_eq!(ModelFamily::by_name(family.name), Some(family));
            assert_eq!(ModelFamily::by_gguf(family.gguf).unwrap().gguf, family.gguf);
        }
        assert_eq!(ModelFamily::by_gguf("llama").unwrap().name, "llama");
        assert_eq!((ModelFamily::by_name("gpt2"), ModelFamily::by_gguf("mistral")), (None, None));
        assert_eq!(ModelFamily::names(), "llama, mistral, qwen2, qwen3, qwen3_moe, smollm3, gemma3_text or phi3");
        assert_eq!(ModelFamily::gguf_names(), "llama, qwen2, qwen3, qwen3moe, smollm3, gemma3 or phi3");
    }
}
