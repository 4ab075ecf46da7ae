"""A GGUF file's tokenizer and chat template through Hugging Face's tokenizers and transformers, or through SentencePiece itself."""

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

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


def sentence_pieces(meta: dict) -> sentencepiece.SentencePieceProcessor:
    """The vocabulary of a file whose tokenizer is called `llama`, as a model of the original library."""
    assert meta["tokenizer.ggml.model"] == "llama"
    model = sentencepiece_model_pb2.ModelProto()
    for token, score, kind in zip(*(meta[f"tokenizer.ggml.{key}"] for key in ("tokens", "scores", "token_type"))):
        # Converters write the spaces of user-defined tokens as they are in a text.
        piece = token.replace(" ", "▁") if kind == USER_DEFINED else token
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer_spec.model_type = model.trainer_spec.BPE
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = meta.get("tokenizer.ggml.add_space_prefix", True)
    model.normalizer_spec.remove_extra_whitespaces = False
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model.SerializeToString())
    return processor


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
