"""Records llama_cpp.json from a running server: python3 record.py http://127.0.0.1:8080

The other files beside this one were written by hand from the servers' documentation and sources, as their `origin` says.
"""

import json
import pathlib
import sys
import urllib.error
import urllib.request

URL = sys.argv[1].rstrip("/")
QUESTION = "What is 17 * 23?"
TURNS = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
BEGUN = "17 * 23 is 17 * 20 plus 17 * 3"
DROPPED = {"model", "generation_settings", "prompt", "created", "id", "system_fingerprint", "top_logprobs"}


def bare(value):
    """The value without what differs from machine to machine and what nobody reads."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if key not in DROPPED}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def ask(path, body):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    if body.get("stream"):
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        return status, {"events": [line if line == "[DONE]" else bare(json.loads(line)) for line in lines]}
    return status, {"body": bare(json.loads(text))}


def native(**more):
    return {"prompt": TURNS + BEGUN, "temperature": 0, "n_predict": 40, "n_probs": 1, **more}


def chat(**more):
    messages = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": BEGUN}]
    return {"messages": messages, "temperature": 0, "max_tokens": 40, "logprobs": True, "top_logprobs": 1, **more}


STREAM = {"stream": True, "timings_per_token": True}
EXCHANGES = [
    ("a stop string", "completions", "/completion", native(stop=[","])),
    ("the end", "completions", "/completion", native(prompt=TURNS + "17 * 23 = 391")),
    ("a limit", "completions", "/completion", native(n_predict=3)),
    ("a stream", "completions", "/completion", native(n_predict=5, **STREAM)),
    ("a stream to its end", "completions", "/completion", native(prompt=TURNS + "17 * 23 = 391", **STREAM)),
    ("too long", "completions", "/completion", native(prompt="word " * 9000)),
    ("a chat's stream", "chat", "/v1/chat/completions", chat(max_tokens=4, stream_options={"include_usage": True}, **STREAM)),
]

recorded = []
for name, route, path, body in EXCHANGES:
    status, answer = ask(path, body)
    recorded.append({"name": name, "route": route, "status": status, **answer})
origin = "recorded by record.py from llama.cpp's server with qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
out = {"dialect": "llama.cpp", "origin": origin, "exchanges": recorded}
pathlib.Path(__file__).with_name("llama_cpp.json").write_text(json.dumps(out, indent=1, ensure_ascii=False) + "\n")
