#!/usr/bin/env bash
# How well each scorer of steps tells right steps from wrong ones, on the mini pair, from a folder that mini.sh filled: what the draft
# writes on 500 problems that nothing was trained on, judged by the exact checker.
#
#   examples/scorers.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-mini-run}
a=${ARBITRAGE:-target/release/arbitrage}
if [ -z "${ARBITRAGE:-}" ]; then cargo build --release -p arbitrage-cli; fi
at=$out/scorers
mkdir -p "$at"
cat > "$at/draft.toml" <<TOML
[models]
draft = "$(realpath "$out")/draft"
target = "$(realpath "$out")/target"
[[benchmark]]
name = "mini"
mini = "test:0..500"
[[policy]]
policy = "draft"
TOML

$a eval "$at/draft.toml" --out "$at/runs"
$a score --traces "$at/runs/mini/draft.jsonl" --scorer checker --out "$at/checked.jsonl"
python3 examples/judged_steps.py "$at/checked.jsonl" "$at/runs/mini/draft.grades.jsonl" --problems "$at/problems.jsonl" > "$at/steps.jsonl"
$a train head --traces "$out/train.jsonl" --count 4000 --reader "$out/target" --out "$at/head"
for scorer in "prm:$out/prm" "head:$at/head" rollouts:4 rollouts:16 judge; do
    $a score --steps "$at/steps.jsonl" --scorer "$scorer" --reader "$out/target" --problems "$at/problems.jsonl"
done
