#!/usr/bin/env python3
"""Judged steps from a scored trace, as `arbitrage score --steps` and `arbitrage train head --steps` read them: a row a solved problem,
its committed steps, each with the score that the trace has for it. With the grades of an evaluation, also the problems with their
answers, which roll-outs need."""

import argparse
import json


def records(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def rows(trace):
    steps = {}
    for record in trace:
        if record["kind"] == "step":
            author = record["author"]
            step = {"text": record[author]["text"], "label": record["decision"].get(f"{author}_score")}
            steps.setdefault(record["problem"], {})[record["index"]] = step
        elif record["kind"] == "solution":
            judged = [step for _, step in sorted(steps.get(record["problem"], {}).items())]
            if judged and all(step["label"] is not None for step in judged):
                yield {"id": record["problem"], "question": record["question"], "steps": judged}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", help="a trace whose steps are scored, as `arbitrage score --traces` writes")
    parser.add_argument("grades", nargs="?", help="the grades of the same solutions, as `arbitrage eval` writes")
    parser.add_argument("--problems", help="where the problems with their answers go")
    options = parser.parse_args()
    golds = {grade["id"]: grade["gold"] for grade in records(options.grades)} if options.grades else {}
    judged = list(rows(records(options.trace)))
    for row in judged:
        print(json.dumps(row))
    if options.problems:
        with open(options.problems, "w", encoding="utf-8") as out:
            for row in judged:
                if row["id"] in golds:
                    out.write(json.dumps({"id": row["id"], "question": row["question"], "answer": golds[row["id"]]}) + "\n")


if __name__ == "__main__":
    main()
