#!/usr/bin/env python3
"""Two policies of one evaluation at equal accuracy: what the second costs, divided by what the first costs.

    examples/matched_accuracy.py EVALUATION/BENCHMARK sequential probe

The report compares every policy with RSD, token-level speculation and the target; this compares any two, in seconds and in tokens. As in the
report, curves are straight between their thresholds and the mean is over all accuracies that both reach; intervals are 95% by 400 resamples of
the problems. Only the standard library is needed.
"""
import json, pathlib, random, sys


def read(folder):
    """For each label and threshold, by problem: (right, costs)."""
    families = {}
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        if path.name.endswith(".grades.jsonl"):
            continue
        right = {}
        for line in open(path.with_suffix(".grades.jsonl")):
            row = json.loads(line)
            right[row["id"]] = row["verdict"] == "right"
        notes, problems = {}, {}
        for line in open(path):
            record = json.loads(line)
            if record["kind"] == "run":
                notes = notes or record["notes"]
            elif record["kind"] == "solution":
                problems[record["problem"]] = (right[record["problem"]], costs(record["usage"]))
        label = notes.get("label") or notes["policy"]
        families.setdefault(label.rsplit(":", 1)[0], {})[label] = problems
    return families


def costs(usage):
    draft, target = usage["draft"], usage["target"]
    seconds = draft["seconds"] + target["seconds"] + usage["router_seconds"]
    decoded = target["decoded"] - target.get("confirmed", 0)
    return {"seconds": seconds, "target tokens decoded": decoded, "steps by the target": usage["escalated_steps"]}


def points(family, ids, cost):
    of = lambda problems: (
        sum(problems[i][0] for i in ids) / len(ids),
        sum(problems[i][1][cost] for i in ids) / len(ids),
    )
    return sorted(of(problems) for problems in family.values())


def least_cost(curve, accuracy):
    """The least cost at which the curve reaches the accuracy; None where it does not."""
    best = [c for a, c in curve if a >= accuracy]
    for (a0, c0), (a1, c1) in ((p, q) for p in curve for q in curve):
        if a0 < accuracy <= a1:
            best.append(c0 + (c1 - c0) * (accuracy - a0) / (a1 - a0))
    return min(best, default=None)


def ratio(first, second, ids, cost):
    one, two = points(first, ids, cost), points(second, ids, cost)
    low, high = max(one[0][0], two[0][0]), min(one[-1][0], two[-1][0])
    if low > high:
        return None
    grid = [low + (high - low) * k / 40 for k in range(41)]
    found = [(least_cost(two, a) / least_cost(one, a), a) for a in grid]
    # The upper half of the accuracies is where a router is used.
    upper = [r for r, a in found if a >= (low + high) / 2]
    return sum(r for r, _ in found) / len(found), sum(upper) / len(upper), found[-1][0], low, high


def main():
    folder, names = sys.argv[1], sys.argv[2:]
    families = read(folder)
    ids = sorted(next(iter(next(iter(families.values())).values())))
    for name, family in families.items():
        for label, problems in family.items():
            mean = {key: sum(problems[i][1][key] for i in ids) / len(ids) for key in ("seconds", "target tokens decoded", "steps by the target")}
            share = sum(problems[i][0] for i in ids) / len(ids)
            print(f"{label:24} right {100 * share:5.1f}%  " + "  ".join(f"{key} {1000 * v if key == 'seconds' else v:.3f}" for key, v in mean.items()))
    draw = random.Random(0)
    for cost in ("seconds", "target tokens decoded", "steps by the target"):
        found = ratio(families[names[0]], families[names[1]], ids, cost)
        if found is None:
            print("no accuracy in common")
            continue
        resampled = [ratio(families[names[0]], families[names[1]], draw.choices(ids, k=len(ids)), cost) for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[3].isdigit() else 100)]
        def interval(at):
            values = sorted(one[at] for one in resampled if one)
            return f"{found[at]:.3f} [{values[int(0.025 * len(values))]:.3f}, {values[int(0.975 * len(values)) - 1]:.3f}]"
        print(f"{cost}: mean {interval(0)}, upper half {interval(1)}, at the greatest common accuracy {interval(2)}, accuracies {found[3]:.3f} to {found[4]:.3f}")


if __name__ == "__main__":
    main()
