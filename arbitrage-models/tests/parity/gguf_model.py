"""A GGUF file as a transformers model in f32, so that two independent implementations meet on the same weights.

The `gguf` package dequantises; transformers computes. Nothing here is shared with the engine under test.
"""

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
)

FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "smollm3": (SmolLM3Config, SmolLM3ForCausalLM),
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
}
FREQUENCY_FACTORS = "rope_freqs.weight"


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


def hf_name(name: str) -> str:
    """The Hugging Face name of a GGUF tensor."""
    stem, kind = name.rsplit(".", 1)
    if stem.startswith("blk."):
        _, layer, part = stem.split(".")
        return f"model.layers.{layer}.{LAYER_NAMES[part]}.{kind}"
    return f"{GLOBAL_NAMES[stem]}.{kind}"


def config(meta: dict, vocabulary: int, tied: bool):
    """The transformers configuration that the metadata describe."""
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
        rope_parameters=rope,
        tie_word_embeddings=tied,
        attention_bias=False,
        pad_token_id=0,
    )


def load(path) -> tuple[torch.nn.Module, dict]:
    """The model, ready for inference in f32, and the metadata."""
    reader = GGUFReader(path)
    meta, weights = metadata(reader), tensors(reader)
    factors = weights.pop(FREQUENCY_FACTORS, None)
    tied = "output.weight" not in weights
    settings = config(meta, len(weights["token_embd.weight"]), tied)
    settings._attn_implementation = "eager"
    if meta["general.architecture"] in INTERLEAVED:
        heads = {"attn_q": settings.num_attention_heads, "attn_k": settings.num_key_value_heads}
        for name in list(weights):
            if (part := name.split(".")[-2]) in heads:
                weights[name] = unpermuted(weights[name], heads[part])
    state = {hf_name(name): torch.from_numpy(np.ascontiguousarray(weight)) for name, weight in weights.items()}
    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    with torch.device("meta"):
        model = FAMILIES[meta["general.architecture"]][1](settings)
    model.load_state_dict(state, strict=True, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(settings)  # Its buffers are not part of the state.
    if factors is not None:
        model.model.rotary_emb.inv_freq /= torch.from_numpy(factors)
    assert all(p.dtype == torch.float32 and not p.is_meta for p in model.parameters())
    return model.eval(), meta
