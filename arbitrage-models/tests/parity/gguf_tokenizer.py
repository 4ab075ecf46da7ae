"""A GGUF file's tokenizer and chat template through Hugging Face's tokenizers and transformers."""

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)


def byte_level(pattern: str | None):
    """GPT-2's bytes after a split at `pattern`, or after GPT-2's own split where there is none."""
    if pattern is None:
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def pre_tokenizer(kind: str):
    """What `tokenizer.ggml.pre` names."""
    if kind == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(None)])
    return byte_level({"qwen2": QWEN2, "llama-bpe": LLAMA3}[kind])


def tokenizer(meta: dict) -> Tokenizer:
    """The byte-level tokenizer that the metadata describe."""
    assert meta["tokenizer.ggml.model"] == "gpt2"
    tokens, kinds, pre = (meta[f"tokenizer.ggml.{key}"] for key in ("tokens", "token_type", "pre"))
    merges = [tuple(merge.split(" ")) for merge in meta["tokenizer.ggml.merges"]]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    made = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=pre == "llama-bpe"))
    if pre == "qwen2":
        made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizer(pre)
    made.decoder = decoders.ByteLevel()
    marks = zip(tokens, kinds)
    made.add_tokens(
        [
            AddedToken(token, special=kind == CONTROL, normalized=False)
            for token, kind in marks
            if kind in (CONTROL, USER_DEFINED)
        ]
    )
    return made


def chat(meta: dict) -> PreTrainedTokenizerFast:
    """The tokenizer with the file's own chat template."""
    tokens = meta["tokenizer.ggml.tokens"]
    mark = lambda name: tokens[meta[key]] if (key := f"tokenizer.ggml.{name}_token_id") in meta else None
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer(meta),
        chat_template=meta["tokenizer.chat_template"],
        bos_token=mark("bos"),
        eos_token=mark("eos"),
    )
