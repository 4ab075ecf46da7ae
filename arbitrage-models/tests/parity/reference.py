#!/usr/bin/env python3
"""Greedy answers of a GGUF file's weights, dequantised to f32 and run by transformers: what the engine must agree with.

    pip install torch transformers gguf jinja2 sentencepiece protobuf
    python3 reference.py MODEL.gguf [--llama-server PATH]

Writes `MODEL.json` beside this script, from the chats in `prompts.json`. Each prompt gets

- `text`, `ids`: the chat rendered through the model's own template, and its tokens; for a file without a template, the
  messages' texts with a line break after each, and their tokens after the beginning of text;
- `generated`: up to 64 tokens, the end of text included where it is reached (`stop` tells: `end` or `length`);
- `best`, `second`, `second_ids`: at each generated token its logit, and the logit and id of the runner-up, so that a
  near tie is told from a mistake;
- `llama_cpp`: what llama.cpp generates from the same tokens, with `--llama-server`; for information, as it rounds
  activations to 8 bits. It is left out where it equals `generated`.

Two cores need about a minute for 135 M weights, 5 for 0.5 B and 15 for 1.5 B (8 GB of memory).
"""

import argparse
import contextlib
import json
import subprocess
import time
import urllib.request
from hashlib import sha256
from pathlib import Path

import torch
import transformers

import gguf_model
import gguf_tokenizer

HERE = Path(__file__).resolve().parent
TOKENS = 64
END_MARKS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>")


def ends(meta: dict) -> list[int]:
    """Tokens that end a text: the declared one, and those that are known to by name."""
    tokens = meta["tokenizer.ggml.tokens"]
    named = {tokens.index(mark) for mark in END_MARKS if mark in tokens}
    return sorted(named | {meta["tokenizer.ggml.eos_token_id"]})


@torch.inference_mode()
def generate(model, ids: list[int], stops: list[int]) -> dict:
    """Greedy decoding with the key-value cache."""
    made = {"generated": [], "best": [], "second": [], "second_ids": []}
    step, cache = torch.tensor([ids]), None
    while len(made["generated"]) < TOKENS:
        output = model(step, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = output.past_key_values
        values, best = (found.tolist() for found in output.logits[0, -1].topk(2))
        made["generated"].append(best[0])
        made["second_ids"].append(best[1])
        made["best"].append(round(values[0], 4))
        made["second"].append(round(values[1], 4))
        if best[0] in stops:
            break
        step = torch.tensor([best[:1]])
    made["stop"] = "end" if made["generated"][-1] in stops else "length"
    return made


@contextlib.contextmanager
def llama_cpp(server: str, model: Path, port: int = 18345):
    """A function from tokens to what llama.cpp's server generates greedily."""
    ask = lambda path, **body: json.load(
        urllib.request.urlopen(
            urllib.request.Request(
                f"http://127.0.0.1:{port}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
        )
    )
    options = ["--port", str(port), "--ctx-size", "2048", "--parallel", "1", "--threads", "2", "--no-webui"]
    process = subprocess.Popen([server, "--model", model, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(240):
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
                break
        yield lambda ids: ask(
            "completion", prompt=ids, n_predict=TOKENS, temperature=0, return_tokens=True, cache_prompt=False
        )["tokens"]
    finally:
        process.terminate()
        process.wait()


def prompt_reader(meta: dict):
    """A function from a chat to its text and tokens, and one from tokens to text."""
    if "tokenizer.chat_template" in meta:
        chat = gguf_tokenizer.chat(meta)

        def read(messages: list) -> tuple[str, list[int]]:
            text = chat.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            return text, chat.backend_tokenizer.encode(text, add_special_tokens=False).ids

        return read, chat.decode
    pieces = gguf_tokenizer.sentence_pieces(meta)

    def read(messages: list) -> tuple[str, list[int]]:
        text = "".join(f"{message['content']}\n" for message in messages)
        return text, [meta["tokenizer.ggml.bos_token_id"], *pieces.encode(text)]

    return read, pieces.decode


def digest(path: Path) -> str:
    with path.open("rb") as file:
        hashed = sha256()
        while part := file.read(1 << 24):
            hashed.update(part)
    return hashed.hexdigest()


def write(path: Path, result: dict) -> None:
    """One line a prompt."""
    prompts = ",\n".join(json.dumps(p, ensure_ascii=False, separators=(",", ":")) for p in result["prompts"])
    head = json.dumps({k: v for k, v in result.items() if k != "prompts"}, indent=1)
    path.write_text(f'{head[:-2]},\n "prompts": [\n{prompts}\n]}}\n', encoding="utf-8")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("model", type=Path)
    arguments.add_argument("--llama-server")
    options = arguments.parse_args()
    model, meta = gguf_model.load(options.model)
    (read, decode), stops = prompt_reader(meta), ends(meta)
    result = {
        "model": options.model.name,
        "sha256": digest(options.model),
        "made_with": f"torch {torch.__version__}, transformers {transformers.__version__}, f32",
        "ends": stops,
        "prompts": [],
    }
    for prompt in json.loads((HERE / "prompts.json").read_text(encoding="utf-8")):
        text, ids = read(prompt["messages"])
        made = generate(model, ids, stops)
        print(prompt["name"], len(ids), made["stop"], repr(decode(made["generated"]))[:100], flush=True)
        result["prompts"].append({"name": prompt["name"], "text": text, "ids": ids} | made)
    del model
    if options.llama_server:
        with llama_cpp(options.llama_server, options.model) as continued:
            for prompt in result["prompts"]:
                found = continued(prompt["ids"])
                if found != prompt["generated"]:
                    prompt["llama_cpp"] = found
    write(HERE / f"{options.model.stem}.json", result)


if __name__ == "__main__":
    main()
