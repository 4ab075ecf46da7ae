"""Asks a running `arbitrage serve` through OpenAI's own client, in one piece and as a stream, and checks what comes.

    pip install openai
    python examples/serve/openai_client.py [http://127.0.0.1:8080] [QUESTION]
"""

import os
import sys

import openai

base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
question = sys.argv[2] if len(sys.argv) > 2 else "Max has 43 coins. He buys 9 packs of 40. He finds 35. How many has he now?"
client = openai.OpenAI(base_url=f"{base}/v1", api_key=os.environ.get("ARBITRAGE_KEY", "none"), max_retries=0)
messages = [{"role": "user", "content": question}]

models = [model.id for model in client.models.list()]
name = models[0]
print("models:", ", ".join(models))
assert models[1:] == [f"{name}:draft", f"{name}:target"]
assert client.models.retrieve(name).id == name

# In one piece.
whole = client.chat.completions.create(model=name, messages=messages, seed=1)
told = whole.model_extra["arbitrage"]
text = whole.choices[0].message.content
assert text == "".join(step["text"] for step in told["steps"])
assert whole.choices[0].finish_reason in ("stop", "length")
assert whole.usage.completion_tokens == sum(step["tokens"] for step in told["steps"])
for step in told["steps"]:
    print(f"{step['step'] + 1:3}  {step['author']:6} {step.get('estimate', ''):<8.5} {step['text'].strip()!r}")
print("policy", told["policy"], "acceptance", told["acceptance_by_steps"])

# As a stream: a chunk a step.
pieces, authors, finish, used = [], [], None, None
with client.chat.completions.create(
    model=name, messages=messages, seed=1, stream=True, stream_options={"include_usage": True}
) as stream:
    for chunk in stream:
        if not chunk.choices:
            used = chunk.usage
            continue
        if chunk.choices[0].finish_reason:
            finish = chunk.choices[0].finish_reason
            continue
        pieces.append(chunk.choices[0].delta.content)
        authors.append(chunk.model_extra["arbitrage"]["author"])
assert "".join(pieces) == text, "the stream says what the whole said"
assert authors == [step["author"] for step in told["steps"]]
assert finish == whole.choices[0].finish_reason and used == whole.usage

# Policies, thresholds and budgets of one request.
for extra in [{"policy": "draft"}, {"policy": "target"}, {"policy": "entropy", "tau": 0.5}, {"policy": "target", "budget": 1}]:
    answer = client.chat.completions.create(model=name, messages=messages, seed=1, extra_body={"arbitrage": extra})
    by_target = sum(step["author"] == "target" for step in answer.model_extra["arbitrage"]["steps"])
    print(extra, "->", by_target, "of", len(answer.model_extra["arbitrage"]["steps"]), "steps by the target")
    assert extra["policy"] != "draft" or by_target == 0
    assert "budget" not in extra or by_target <= extra["budget"]
alone = client.chat.completions.create(model=f"{name}:target", messages=messages, seed=1)
assert {step["author"] for step in alone.model_extra["arbitrage"]["steps"]} == {"target"}

# Earlier turns, limits, plain completions.
talk = [{"role": "system", "content": "Be short."}, *messages, {"role": "assistant", "content": text}, {"role": "user", "content": "Again."}]
assert client.chat.completions.create(model=name, messages=talk, max_completion_tokens=8).choices[0].finish_reason
plain = client.completions.create(model=name, prompt=question, seed=1)
assert plain.choices[0].text == text
assert "".join(part.choices[0].text for part in client.completions.create(model=name, prompt=question, seed=1, stream=True)) == text

# Refusals are errors of their kind.
def refused(kind, **fields):
    try:
        client.chat.completions.create(**{"model": name, "messages": messages, **fields})
    except kind as error:
        print(f"{kind.__name__}: {error.body['message']}")
    else:
        raise AssertionError(f"{fields} should have been refused")

refused(openai.NotFoundError, model="gpt-4")
refused(openai.BadRequestError, n=2)
refused(openai.BadRequestError, messages=[])
refused(openai.BadRequestError, extra_body={"arbitrage": {"policy": "oracle"}})
print("all as it should be")
