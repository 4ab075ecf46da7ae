"""Loads a running `arbitrage serve` with many clients for a while. Needs Python and nothing else.

    python examples/serve/load.py --seconds 300 --clients 64 --pid PID [--url http://127.0.0.1:8080] [--expect-429]

Each client asks one question after another, every second one as a stream. At the end it says how many were answered and how fast,
errors, refusals (429), how evenly clients were served, and the server's memory over time; and it ends with 1 unless there was no
error, no answer was lost, every client was served, and memory past the first fifth of the time grew by less than 5 % and 8 MiB.
Refused clients come again after `Retry-After`.
"""

import argparse
import http.client
import json
import os
import random
import threading
import time
import urllib.parse

# Problems as the mini pair knows them; any other pair takes them for what they are.
NAMES = ["Bob", "Dan", "Max", "Tom"]
THINGS = ["coins", "cards", "books", "stamps"]


def question(draw):
    name, thing = draw.choice(NAMES), draw.choice(THINGS)
    a, b, c, d = (draw.randint(2, 60) for _ in range(4))
    return f"{name} has {a} {thing}. He buys {b} packs of {c}. He finds {d}. How many has he now?"


class Client(threading.Thread):
    """One client: a question at a time until the time is over."""

    def __init__(self, number, options, address, end):
        super().__init__(daemon=True)
        self.number, self.options, self.address, self.end = number, options, address, end
        self.answered, self.refused, self.steps, self.errors, self.seconds = 0, 0, 0, [], []
        self.connection = None

    def run(self):
        draw = random.Random(self.number)
        while time.monotonic() < self.end:
            body = {"model": self.options.model, "seed": draw.randint(0, 2**40), "stream": draw.random() < 0.5}
            body["messages"] = [{"role": "user", "content": question(draw)}]
            if self.options.policy:
                body["arbitrage"] = {"policy": self.options.policy}
            begun = time.monotonic()
            try:
                while not self.ask(body) and time.monotonic() < self.end + 60:
                    pass
                self.seconds.append(time.monotonic() - begun)
            except Exception as error:  # whatever it is, it is what is being counted
                self.errors.append(f"{type(error).__name__}: {error}")
                self.connection = None
                time.sleep(0.1)

    def ask(self, body):
        """Whether the request was answered; it was refused otherwise."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=120)
        headers = {"Content-Type": "application/json"}
        if os.environ.get("ARBITRAGE_KEY"):
            headers["Authorization"] = f"Bearer {os.environ['ARBITRAGE_KEY']}"
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read().decode()
        if response.status == 429:
            self.refused += 1
            after = response.getheader("Retry-After")
            if after is None or json.loads(text)["error"]["code"] != "queue_full":
                raise RuntimeError(f"a refusal without a time or reason: {text}")
            # Not all at the same moment.
            time.sleep(float(after) * random.uniform(1.0, 1.5))
            return False
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {text[:200]}")
        self.steps += self.check_stream(text) if body["stream"] else self.check_whole(json.loads(text))
        self.answered += 1
        return True

    @staticmethod
    def check_stream(text):
        events = [event.removeprefix("data: ") for event in text.split("\n\n") if event.startswith("data: ")]
        if not events or events.pop() != "[DONE]":
            raise RuntimeError(f"a stream without its end: {text[-200:]}")
        *steps, last = map(json.loads, events)
        if "error" in last or not last["choices"][0]["finish_reason"]:
            raise RuntimeError(f"a stream that failed: {last}")
        if [step["arbitrage"]["step"] for step in steps] != list(range(len(steps))) or not steps:
            raise RuntimeError("steps were lost")
        return len(steps)

    @staticmethod
    def check_whole(answer):
        steps = answer["arbitrage"]["steps"]
        if "".join(step["text"] for step in steps) != answer["choices"][0]["message"]["content"] or not steps:
            raise RuntimeError("the text is not its steps")
        return len(steps)


def resident(pid):
    """Resident memory in MiB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--model", default="arbitrage")
    parser.add_argument("--policy", help="of every request, in place of the server's")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--pid", type=int, help="of the server, for its memory")
    parser.add_argument("--expect-429", action="store_true", help="the queue is too small on purpose; otherwise a refusal is an error")
    parser.add_argument("--json", help="write the result to this file too")
    options = parser.parse_args()

    begun = time.monotonic()
    end = begun + options.seconds
    address = urllib.parse.urlsplit(options.url).netloc
    clients = [Client(number, options, address, end) for number in range(options.clients)]
    for client in clients:
        client.start()
    memory = []
    while time.monotonic() < end:
        if options.pid:
            memory.append((time.monotonic() - begun, resident(options.pid)))
            if len(memory) % 10 == 1:
                print(f"{memory[-1][0]:6.0f} s  {sum(c.answered for c in clients):7} answered  {memory[-1][1]:8.1f} MiB", flush=True)
        time.sleep(min(1, max(0.01, options.seconds / 50)))
    for client in clients:
        client.join(180)
    took = time.monotonic() - begun

    counts = sorted(client.answered for client in clients)
    seconds = sorted(second for client in clients for second in client.seconds)
    errors = [error for client in clients for error in client.errors]
    result = {
        "clients": options.clients, "seconds": round(took, 1), "answered": sum(counts), "per_second": round(sum(counts) / took, 2),
        "steps": sum(client.steps for client in clients), "refused": sum(client.refused for client in clients),
        "errors": len(errors), "unfinished": sum(client.is_alive() for client in clients),
        "per_client": {"least": counts[0], "median": counts[len(counts) // 2], "most": counts[-1]},
    }
    if seconds:
        result["latency"] = {f"p{at}": round(seconds[min(len(seconds) - 1, len(seconds) * at // 100)], 3) for at in (50, 95, 99)}
        result["latency"]["most"] = round(seconds[-1], 3)
    warm = [mib for at, mib in memory if at >= options.seconds / 5]
    if warm:
        tenth = max(1, len(warm) // 10)
        first, last = sum(warm[:tenth]) / tenth, sum(warm[-tenth:]) / tenth
        result["memory_mib"] = {"start": round(memory[0][1], 1), "warm": round(first, 1), "end": round(last, 1), "most": round(max(warm), 1)}
    print(json.dumps(result, indent=1))
    for error in errors[:5]:
        print("error:", error)
    if options.json:
        with open(options.json, "w") as out:
            json.dump(result | {"memory": memory}, out)
    failed = bool(errors) or result["unfinished"] or counts[0] == 0
    failed |= result["refused"] > 0 and not options.expect_429
    failed |= options.expect_429 and result["refused"] == 0
    failed |= bool(warm) and last - first > 8 and last > 1.05 * first
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
