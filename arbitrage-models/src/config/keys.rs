//! Every key that the configurations of public models have, in both formats, and what becomes of it.
//!
//! A decoder that does not know a key which changes the maths writes wrong text without a word. So no key is passed over: each
//! is read, or known to be without influence on what a decoder computes, or refused unless its value is the one that leaves
//! a decoder of the Llama family as it is.
//!
//! Keys that are not in the table:
//! - GGUF: a key below the architecture's own name (`llama.`) is refused, since only what the computation needs is written there.
//!   Those of other namespaces describe the file (`general.name`, `quantize.imatrix.file`) and are passed over, except for
//!   those of files that hold no language model.
//! - `config.json`: people and tools write any key there (`unsloth_version`), and transformers passes over those that it does not
//!   know. Refusing them all would refuse models that run well; passing over them all is how a `rope_factor` of the next family goes
//!   unnoticed. So a key is refused if one of its words belongs to the computation (`rope`, `norm`, `scale`), unless it is off.

use serde_json::Value as Json;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// Read into [`ModelConfig`](super::ModelConfig), or compared with what is read there.
    Followed,
    /// Without influence on what a decoder computes.
    Harmless,
    /// Refused unless it is off: null, false, 0, an empty text, `none`, or a list of such values.
    Off,
    /// Refused unless it is null or 1.
    One,
    /// Refused unless it is null or true.
    True,
    /// Refused unless it is null or one of these texts.
    Text(&'static [&'static str]),
}

/// Keys that are treated alike.
#[derive(Clone, Copy, Debug)]
pub struct KeyGroup {
    /// What the keys are about, as errors call it.
    pub feature: &'static str,
    /// What becomes of them.
    pub rule: KeyRule,
    /// Their names in GGUF, below the architecture's own (`context_length` for `llama.context_length`) or below `general.`.
    pub gguf: &'static [&'static str],
    /// Their names in `config.json`.
    pub json: &'static [&'static str],
}

/// The formats of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFormat {
    /// The metadata of a GGUF file.
    Gguf,
    /// `config.json` of a Hugging Face folder.
    Json,
}

impl KeyGroup {
    /// The names in one format.
    pub fn names(&self, format: ConfigFormat) -> &'static [&'static str] {
        match format {
            ConfigFormat::Gguf => self.gguf,
            ConfigFormat::Json => self.json,
        }
    }
}

const ACTIVATIONS: KeyRule = KeyRule::Text(&["silu", "swish"]);

/// All known keys.
#[rustfmt::skip]
pub const KEYS: &[KeyGroup] = &[
    KeyGroup {
        feature: "the shape of the model", rule: KeyRule::Followed,
        gguf: &[
            "attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.layer_norm_rms_epsilon",
            "attention.sliding_window", "attention.value_length", "block_count", "context_length", "embedding_length",
            "feed_forward_length", "general.architecture", "rope.dimension_count", "rope.freq_base", "rope.scale_linear",
            "rope.scaling.factor", "rope.scaling.type", "rope.scaling.yarn_beta_fast",
            "rope.scaling.yarn_beta_slow",
        ],
        json: &[
            "architectures", "attention_bias", "head_dim", "hidden_size", "intermediate_size", "layer_types",
            "max_position_embeddings", "max_window_layers", "mlp_bias", "model_type", "no_rope_layer_interval", "no_rope_layers",
            "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "original_max_position_embeddings", "rms_norm_eps", "rope_parameters",
            "rope_scaling", "rope_theta", "sliding_window", "tie_word_embeddings", "use_sliding_window", "vocab_size",
        ],
    },
    KeyGroup {
        // `pretraining_tp` splits products into parts whose sums are the same.
        feature: "training, generation and bookkeeping", rule: KeyRule::Harmless,
        gguf: &["rope.scaling.finetuned", "rope.scaling.original_context_length", "vocab_size"],
        json: &[
            "attention_dropout", "attention_probs_dropout_prob", "attn_implementation", "attn_pdrop", "auto_map", "bad_words_ids",
            "begin_suppress_tokens", "bos_token", "bos_token_id", "chunk_size_feed_forward", "classifier_bias", "classifier_dropout",
            "cls_token_id", "custom_pipelines", "decoder_start_token_id", "diversity_penalty", "do_sample", "dtype",
            "early_stopping", "embd_pdrop", "encoder_no_repeat_ngram_size", "eos_token", "eos_token_id", "exponential_decay_length_penalty",
            "finetuning_task", "flash_attention", "forced_bos_token_id", "forced_eos_token_id", "ffn_dropout", "fused_mlp", "fused_rms_norm",
            "gradient_checkpointing", "hidden_dropout", "hidden_dropout_prob", "id2label", "initializer_range", "is_decoder",
            "is_llama_config", "label2id", "length_penalty", "max_length", "max_new_tokens", "max_sequence_length", "min_length",
            "model_max_length", "name_or_path", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_labels",
            "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores", "pad_token", "pad_token_id",
            "prefix", "pretraining_tp", "problem_type", "remove_invalid_values", "repetition_penalty", "resid_pdrop", "return_dict",
            "return_dict_in_generate", "sep_token_id", "seq_length", "suppress_tokens", "task_specific_params",
            "temperature", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript", "transformers.js_config",
            "transformers_version", "typical_p", "unk_token_id", "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache",
            "use_flash_attention", "use_flash_attention_2", "use_flash_attn", "use_fused_rms_norm", "use_fused_rope",
            "vocab_file",
        ],
    },
    KeyGroup {
        feature: "a file of this kind", rule: KeyRule::Text(&["model"]),
        gguf: &["general.type"], json: &[],
    },
    KeyGroup {
        feature: "another activation than SiLU", rule: ACTIVATIONS,
        gguf: &["hidden_activation"],
        json: &["act_fn", "activation", "activation_function", "hidden_act", "hidden_activation", "mlp_hidden_act"],
    },
    KeyGroup {
        feature: "another order of rows", rule: KeyRule::Text(&["reference", "Meta AI original pth"]),
        gguf: &["tensor_data_layout"], json: &[],
    },
    KeyGroup {
        feature: "another encoding of positions", rule: KeyRule::Text(&["rope", "rotary"]),
        gguf: &[], json: &["pos_emb", "position_embedding_type", "positional_embedding"],
    },
    KeyGroup {
        feature: "attention to later tokens", rule: KeyRule::True,
        gguf: &["attention.causal"], json: &["causal", "is_causal", "use_causal_mask"],
    },
    KeyGroup {
        feature: "attention without scale, or biases in every layer,", rule: KeyRule::True,
        gguf: &[], json: &["no_bias", "scale_attn_weights"],
    },
    KeyGroup {
        feature: "another norm", rule: KeyRule::Text(&["RMSNorm", "rms", "rms_norm", "rmsnorm"]),
        gguf: &[], json: &["norm_type", "normalization_type"],
    },
    KeyGroup {
        feature: "partial rotary encoding", rule: KeyRule::One,
        gguf: &[], json: &["partial_rotary_factor", "rope_percent", "rotary_pct", "rotary_percent"],
    },
    KeyGroup {
        feature: "other rotary encoding", rule: KeyRule::One,
        gguf: &["rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_ext_factor"], json: &["interpolate_factor", "rope_factor", "rope_ratio"],
    },
    KeyGroup {
        feature: "other rotary encoding", rule: KeyRule::Off,
        gguf: &[
            "attention.compress_rope_freq_base", "attention.rope_pattern", "rope.dimension_count_swa", "rope.dimension_sections",
            "rope.freq_base_swa", "rope.scaling.alpha", "rope.scaling.yarn_log_multiplier",
        ],
        json: &[
            "global_rope_theta", "local_rope_theta", "mrope_section", "nope_layer_interval",
            "rope_interleave", "rope_interleaved", "rope_local_base_freq", "rope_pct", "rotary_base", "rotary_dim", "rotary_emb_base",
            "rotary_interleaved", "use_dynamic_ntk", "use_mrope",
        ],
    },
    KeyGroup {
        // A key of Phi-4-mini.
        feature: "attention to other positions in some layers", rule: KeyRule::One,
        gguf: &[], json: &["full_attn_mod"],
    },
    KeyGroup {
        feature: "attention with linear biases (ALiBi)", rule: KeyRule::Off,
        gguf: &["attention.max_alibi_bias", "attention.relative_buckets_count"],
        json: &["alibi", "alibi_bias_max", "use_alibi"],
    },
    KeyGroup {
        feature: "softcapping", rule: KeyRule::Off,
        gguf: &["attn_logit_softcapping", "final_logit_softcapping", "router_logit_softcapping"],
        json: &[
            "attn_logit_cap", "attn_logit_softcapping", "final_logit_softcapping", "logit_softcapping", "logits_soft_cap",
            "output_logit_softcapping", "query_key_softcapping",
        ],
    },
    KeyGroup {
        feature: "scaling of this kind", rule: KeyRule::One,
        gguf: &["attention.output_scale", "attention.value_scale", "embedding_scale", "logit_scale", "residual_scale"],
        json: &[
            "embedding_multiplier", "embedding_scale", "emb_scale", "key_multiplier", "lm_head_multiplier", "logit_scale", "logits_scaling",
            "output_multiplier", "residual_multiplier", "residual_scale", "scale_depth", "scale_emb", "width_scale",
        ],
    },
    KeyGroup {
        feature: "scaling of this kind", rule: KeyRule::Off,
        gguf: &["attention.scale", "attention.temperature_length", "attention.temperature_scale"],
        json: &[
            "activation_sparsity_scale", "attention_multiplier", "attention_scale", "attn_scale", "attn_temperature_tuning",
            "dim_model_base", "mup_base_width", "query_pre_attn_scalar", "scale_attn_by_inverse_layer_idx", "scale_embedding",
            "scale_embeddings", "scale_logits", "use_mup",
        ],
    },
    KeyGroup {
        feature: "clipping of queries, keys and values", rule: KeyRule::Off,
        gguf: &["attention.clamp_kqv"], json: &["attn_qkv_clip", "clip_qkv", "qkv_clip"],
    },
    KeyGroup {
        feature: "another norm", rule: KeyRule::Off,
        gguf: &[
            "attention.group_norm_epsilon", "attention.group_norm_groups", "attention.layer_norm_epsilon", "swin_norm",
        ],
        json: &[
            "add_unit_offset", "apply_layernorm_1p", "apply_residual_connection_post_layernorm", "layer_norm_eps", "layer_norm_epsilon",
            "ln_eps", "norm_after", "norm_eps", "norm_epsilon", "post_norm", "qk_layernorm", "qk_norm", "rms_norm_add_unit_offset",
            "sandwich_norm", "use_layer_norm", "use_post_norm", "use_qk_norm", "zero_centered_gamma",
        ],
    },
    KeyGroup {
        feature: "a parallel residual", rule: KeyRule::Off,
        gguf: &["use_parallel_residual"], json: &["parallel_attn", "parallel_block", "parallel_residual", "use_parallel_residual"],
    },
    KeyGroup {
        feature: "a bias that this key announces", rule: KeyRule::Off,
        gguf: &[],
        json: &["add_bias_linear", "add_qkv_bias", "bias", "lm_head_bias", "qkv_bias", "use_bias"],
    },
    KeyGroup {
        feature: "windows of attention other than `sliding_window`", rule: KeyRule::Off,
        gguf: &[
            "attention.key_length_swa", "attention.shared_kv_layers", "attention.sliding_window_pattern", "attention.value_length_swa",
        ],
        json: &[
            "attention_chunk_size", "attention_sink", "attention_sinks", "attention_window_size", "cache_shared_layers", "local_window_size",
            "num_kv_shared_layers", "sliding_window_pattern", "use_attention_sinks",
        ],
    },
    KeyGroup {
        feature: "a mixture of experts", rule: KeyRule::Off,
        gguf: &[
            "expert_chunk_feed_forward_length", "expert_count", "expert_feed_forward_length", "expert_gating_func", "expert_group_count",
            "expert_group_scale", "expert_group_used_count", "expert_latent_length", "expert_shared_count",
            "expert_shared_feed_forward_length", "expert_used_count", "expert_weights_norm", "expert_weights_scale", "experts_per_group",
            "interleave_moe_layer_step", "leading_dense_block_count", "moe_every_n_layers", "moe_latent_size", "swiglu_clamp_exp",
            "swiglu_clamp_shexp",
        ],
        json: &[
            "decoder_sparse_step", "first_k_dense_replace", "interleave_moe_layer_step", "mlp_only_layers", "moe_intermediate_size",
            "n_routed_experts", "n_shared_experts", "norm_topk_prob", "num_experts", "num_experts_per_tok", "num_local_experts",
            "num_shared_experts", "router_aux_loss_coef", "router_jitter_noise", "shared_expert_intermediate_size", "swiglu_limit",
        ],
    },
    KeyGroup {
        feature: "latent or sparse attention", rule: KeyRule::Off,
        gguf: &[
            "attention.compress_ratios", "attention.decay_lora_rank", "attention.gate_lora_rank", "attention.iclr_lora_rank",
            "attention.indexer.block_size", "attention.indexer.head_count", "attention.indexer.key_length", "attention.indexer.kpool",
            "attention.indexer.kpool_select_tail", "attention.indexer.local_blocks", "attention.indexer.top_k", "attention.indexer.types",
            "attention.key_length_mla", "attention.key_length_mla_swa", "attention.kv_lora_rank", "attention.kv_lora_rank_swa",
            "attention.output_group_count", "attention.output_lora_rank", "attention.q_lora_rank", "attention.value_length_mla",
            "attention.value_length_mla_swa", "attention.value_residual_mix_lora_rank",
        ],
        json: &["index_topk", "kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"],
    },
    KeyGroup {
        feature: "a layer of this kind", rule: KeyRule::Off,
        gguf: &[
            "activation.situ_beta", "activation.situ_linear_beta", "activation_sparsity_scale", "altup.active_idx", "altup.num_inputs",
            "attention.recurrent_layers", "attn_res.block_size", "embedding_length_per_layer_input", "full_attention_interval",
            "hash_layer_count", "hrm.h_cycles", "hrm.l_cycles", "hrm.layers_per_stack", "hrm.prefix_lm", "hyper_connection.count",
            "hyper_connection.epsilon", "hyper_connection.low_rank", "hyper_connection.magnitude",
            "hyper_connection.sinkhorn_iterations", "kda.gate_lower_bound", "kda.head_dim", "kda.safe_gate",
            "nextn_predict_layers", "num_loops", "ple.conv_kernel", "ple.eos_token_id", "ple.head_offsets", "ple.head_vocab_sizes",
            "ple.heads_per_ngram", "ple.image_token_id", "ple.layer_multipliers", "ple.layers", "ple.ngram_size",
            "rescale_every_n_layers", "shortconv.l_cache", "skip_loop_final_norm", "ssm.conv_kernel", "ssm.dt_b_c_rms",
            "ssm.group_count", "ssm.inner_size", "ssm.state_size", "ssm.time_step_rank", "time_decay_extra_dim",
            "time_mix_extra_dim", "token_shift_count", "wkv.head_size",
        ],
        json: &["block_configs", "num_mtp_layers", "num_nextn_predict_layers", "per_layer_config", "pruned_heads"],
    },
    KeyGroup {
        feature: "a model of this kind", rule: KeyRule::Off,
        gguf: &[
            "adapters.count", "adapters.lora_rank", "adapters.router_gain", "adapters.token_ids_activate",
            "adapters.token_ids_substitute", "block_size", "classifier.output_labels", "classifier.pooling_type", "conv_group_size",
            "conv_kernel_size", "convnext.block_count", "convnext.embedding_length", "decoder_block_count", "decoder_start_token_id",
            "deepstack_mapping", "dense_2_feat_in", "dense_2_feat_out", "dense_3_feat_in", "dense_3_feat_out",
            "embedding_length_out", "features_length", "has_confidence_head", "n_deepstack_layers", "norm_before_fc",
            "norm_before_residual", "pooling_type", "posnet.block_count", "posnet.embedding_length", "sample_from_anchor",
            "selector_rank", "selector_top_k", "target_hidden_size", "target_layers",
        ],
        json: &[
            "add_cross_attention", "audio_config", "cross_attention_hidden_size", "is_encoder_decoder", "peft_type", "text_config",
            "tie_encoder_decoder", "vision_config",
        ],
    },
    KeyGroup {
        feature: "quantisation by other tools", rule: KeyRule::Off,
        gguf: &[], json: &["compression_config", "quantization", "quantization_config"],
    },
];

/// What the keys of GGUF files begin with that hold no language model: adapters, parts for images and sound, diffusion, and
/// parameters of another activation.
pub(super) const OTHER_FILES: [&str; 4] = ["adapter.", "clip.", "diffusion.", "xielu."];

/// Words of keys that belong to the computation. A key of `config.json` that is not in the table and has one of them is refused
/// unless it is off.
#[rustfmt::skip]
const WORDS: [&str; 73] = [
    "act", "activation", "adapter", "alibi", "altup", "attention", "attn", "bias", "bidirectional", "causal", "clamp", "clip",
    "conv", "cross", "cap", "embedding", "embeddings", "expert", "experts", "ffn", "gate", "gated", "head", "heads", "kv", "latent",
    "layer", "layernorm", "layers", "logit", "logits", "lora", "loop", "loops", "mamba", "mixer", "mla", "mlp", "moe", "mrope", "mtp",
    "multiplier", "multipliers", "mup", "nextn", "nope", "norm", "ntk", "position", "positional", "positions", "qk", "qkv", "recurrent",
    "residual", "rmsnorm", "rope", "rotary", "router", "scale", "scaling", "sink", "sinks", "sliding", "softcap", "softcapping",
    "sparse", "sparsity", "ssm", "swa", "window", "windows", "yarn",
];

/// Words of keys that concern training or the way in which the same numbers are computed, whatever their other words.
const HARMLESS_WORDS: [&str; 8] = ["aux", "dropout", "flash", "init", "initializer", "loss", "pdrop", "sdpa"];

/// The group of a key of this name; for GGUF, without the architecture's own.
pub(super) fn group(format: ConfigFormat, name: &str) -> Option<&'static KeyGroup> {
    KEYS.iter().find(|group| group.names(format).contains(&name))
}

/// Every known name.
pub(super) fn names(format: ConfigFormat) -> impl Iterator<Item = &'static str> {
    KEYS.iter().flat_map(move |group| group.names(format)).copied()
}

/// Whether a key of `config.json` that is not in the table belongs to the computation.
pub(super) fn sounds_mathematical(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.contains(&word));
    // What begins with an underscore is transformers' own bookkeeping.
    !name.starts_with('_') && has(&WORDS) && !has(&HARMLESS_WORDS)
}

impl KeyRule {
    /// Whether a decoder that does nothing about a key of this value computes what the file asks for.
    pub(super) fn admits(self, value: &Json) -> bool {
        match self {
            Self::Followed | Self::Harmless => true,
            Self::Off => is_off(value),
            _ if value.is_null() => true,
            Self::One => value.as_f64() == Some(1.0),
            Self::True => value.as_bool() == Some(true),
            Self::Text(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
        }
    }

    /// The admitted values, in words.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Followed | Self::Harmless => "any value".to_owned(),
            Self::Off => "no such key, or 0, false or null".to_owned(),
            Self::One => "1".to_owned(),
            Self::True => "true".to_owned(),
            Self::Text(texts) => texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" or "),
        }
    }
}

impl KeyGroup {
    /// What is expected of a key whose value is not admitted.
    pub(super) fn expected(&self) -> String {
        format!("{}, since {} is not supported yet", self.rule.expected(), self.feature)
    }
}

/// Whether a value switches a feature off.
pub(super) fn is_off(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(flag) => !flag,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty() || text == "none",
        Json::Array(values) => values.iter().all(is_off),
        Json::Object(values) => values.is_empty(),
    }
}
