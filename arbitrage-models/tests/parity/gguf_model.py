"""A GGUF file as a transformers model in f32, so that two independent implementations meet on the same weights.

The `gguf` package dequantises; transformers computes. Nothing here is shared with the engine under test.
"""

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
)

FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "smollm3": (SmolLM3Config, SmolLM3ForCausalLM),
    "qwen3moe": (Qwen3MoeConfig, Qwen3MoeForCausalLM),
    "gemma3": (Gemma3TextConfig, Gemma3ForCausalLM),
    "phi3": (Phi3Config, Phi3ForCausalLM),
}
# Architectures whose converters put rows of q and k into the order of interleaved rotary pairs.
INTERLEAVED = ("llama", "smollm3")

GLOBAL_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_gate_inp": "mlp.gate",
    "ffn_gate_exps": "mlp.experts.gate_proj",
    "ffn_up_exps": "mlp.experts.up_proj",
    "ffn_down_exps": "mlp.experts.down_proj",
}
# Norms that go by other names in Gemma 3, which has more of them.
GEMMA3_NAMES = {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
# Phi-3 has queries, keys and values in one matrix, and gate and up in another.
PHI3_NAMES = {"attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"}
FREQUENCY_FACTORS = "rope_freqs.weight"
LONG_ROPE_FACTORS = {"short_factor": "rope_factors_short.weight", "long_factor": "rope_factors_long.weight"}


def metadata(reader: GGUFReader) -> dict:
    """All keys with their values."""
    return {key: field.contents() for key, field in reader.fields.items()}


def tensors(reader: GGUFReader) -> dict[str, np.ndarray]:
    """Every tensor in f32, by its GGUF name, shaped `[rows, columns]` or `[columns]`."""
    return {t.name: np.array(dequantize(t.data, t.tensor_type), dtype=np.float32) for t in reader.tensors}


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a Hugging Face q or k projection in the order of llama GGUF files, which rotate neighbours, not halves."""
    return weight.reshape(heads, 2, -1, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def unpermuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of `permuted`."""
    return weight.reshape(heads, -1, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def layer_names(family: str) -> dict:
    """GGUF's and Hugging Face's names of a layer's tensors."""
    own = {"gemma3": GEMMA3_NAMES, "phi3": PHI3_NAMES}.get(family, {})
    left_out = ("attn_q", "attn_k", "attn_v", "ffn_gate") if family == "phi3" else ()
    return {name: to for name, to in (LAYER_NAMES | own).items() if name not in left_out}


def hf_name(name: str, family: str) -> str:
    """The Hugging Face name of a GGUF tensor."""
    stem, kind = name.rsplit(".", 1)
    if stem.startswith("blk."):
        _, layer, part = stem.split(".")
        return f"model.layers.{layer}.{layer_names(family)[part]}.{kind}"
    return f"{GLOBAL_NAMES[stem]}.{kind}"


def config(meta: dict, vocabulary: int, tied: bool, factors: dict):
    """The transformers configuration that the metadata and the factors of LongRoPE describe."""
    family = meta["general.architecture"]
    get = lambda name, other=None: meta.get(f"{family}.{name}", other)
    heads, hidden = get("attention.head_count"), get("embedding_length")
    rope = {"rope_type": "default", "rope_theta": get("rope.freq_base", 10000.0)}
    if get("rope.scaling.type", "none") == "linear":
        rope |= {"rope_type": "linear", "factor": get("rope.scaling.factor")}
    if get("rope.scaling.type", "none") == "yarn":
        original = get("rope.scaling.original_context_length")
        rope |= {
            "rope_type": "yarn",
            "factor": get("rope.scaling.factor"),
            "original_max_position_embeddings": original,
        }
    own = {"rope_parameters": rope, "attention_bias": False}
    if family == "gemma3":
        own = gemma3_settings(get, rope)
    if family == "phi3":
        own = phi3_settings(get, rope, factors)
    if family == "qwen3moe":
        own |= {
            "num_experts": get("expert_count"),
            "num_experts_per_tok": get("expert_used_count"),
            "moe_intermediate_size": get("expert_feed_forward_length"),
            "norm_topk_prob": True,
        }
    return FAMILIES[family][0](
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=get("feed_forward_length"),
        num_hidden_layers=get("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=get("attention.head_count_kv", heads),
        head_dim=get("attention.key_length", hidden // heads),
        max_position_embeddings=get("context_length"),
        rms_norm_eps=get("attention.layer_norm_rms_epsilon"),
        tie_word_embeddings=tied,
        pad_token_id=0,
        **own,
    )


def gemma3_settings(get, rope: dict) -> dict:
    """What Gemma 3 has beside the others: a window in five of six layers, which have rotary encoding of their own."""
    local = {"rope_type": "default", "rope_theta": get("rope.freq_base_swa", 10000.0)}
    return {
        "sliding_window": get("attention.sliding_window"),
        "query_pre_attn_scalar": get("attention.key_length"),
        "rope_parameters": {"full_attention": rope, "sliding_attention": local},
    }


def phi3_settings(get, rope: dict, factors: dict) -> dict:
    """What Phi-3 has beside the others: heads of which a part rotates, and factors for short and for long contexts."""
    width = get("attention.key_length", get("embedding_length") // get("attention.head_count"))
    original = get("rope.scaling.original_context_length")
    rope |= {"partial_rotary_factor": get("rope.dimension_count") / width}
    if factors:
        rope |= {"rope_type": "longrope", "original_max_position_embeddings": original}
        rope |= {"attention_factor": get("rope.scaling.attn_factor", 1.0)}
        rope |= {kind: values.tolist() for kind, values in factors.items()}
    return {
        "rope_parameters": rope,
        "original_max_position_embeddings": original,
        "sliding_window": get("attention.sliding_window") or None,
    }


def with_fused_experts(state: dict) -> dict:
    """Gate and up of all experts in one tensor, as transformers holds them."""
    fused = {}
    for name, tensor in state.items():
        if name.endswith("experts.gate_proj.weight"):
            both = [tensor, state[name.replace("gate_proj", "up_proj")]]
            fused[name.replace("gate_proj.weight", "gate_up_proj")] = torch.cat(both, dim=1)
        elif name.endswith("experts.down_proj.weight"):
            fused[name.removesuffix(".weight")] = tensor
        elif not name.endswith("experts.up_proj.weight"):
            fused[name] = tensor
    return fused


def load(path) -> tuple[torch.nn.Module, dict]:
    """The model, ready for inference in f32, and the metadata."""
    reader = GGUFReader(path)
    meta, weights = metadata(reader), tensors(reader)
    factors = weights.pop(FREQUENCY_FACTORS, None)
    long_rope = {kind: weights.pop(name) for kind, name in LONG_ROPE_FACTORS.items() if name in weights}
    tied = "output.weight" not in weights
    settings = config(meta, len(weights["token_embd.weight"]), tied, long_rope)
    settings._attn_implementation = "eager"
    family = meta["general.architecture"]
    if family in INTERLEAVED:
        heads = {"attn_q": settings.num_attention_heads, "attn_k": settings.num_key_value_heads}
        for name in list(weights):
            if (part := name.split(".")[-2]) in heads:
                weights[name] = unpermuted(weights[name], heads[part])
    if family == "gemma3":  # Its norms are stored less 1 in checkpoints of Hugging Face.
        weights = {name: weight - 1 if name.endswith("norm.weight") else weight for name, weight in weights.items()}
    state = {hf_name(name, family): torch.from_numpy(np.ascontiguousarray(weight)) for name, weight in weights.items()}
    if family == "qwen3moe":
        state = with_fused_experts(state)
    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    with torch.device("meta"):
        model = FAMILIES[family][1](settings)
    model.load_state_dict(state, strict=True, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(settings)  # Its buffers are not part of the state.
    if family == "gemma3":
        model.model.embed_tokens.embed_scale = torch.tensor(settings.hidden_size**0.5)
    if factors is not None:
        model.model.rotary_emb.inv_freq /= torch.from_numpy(factors)
    assert all(p.dtype == torch.float32 and not p.is_meta for p in model.parameters())
    return model.eval(), meta
