#!/usr/bin/env bash
# The paper's ablations (App. D: annotation, classes, balance) on the mini pair, from a folder that mini.sh filled.
#
#   examples/ablations.sh [FOLDER] [STEPS]
#
# As in the paper, advantages are those of a reward model, so that they have quantiles: the exact checker knows three only. Each
# variant is the paper's router from the same start, trained for as many steps. Every step goes on where a killed one stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-mini-run} steps=${2:-1000}
a=${ARBITRAGE:-target/release/arbitrage}
if [ -z "${ARBITRAGE:-}" ]; then cargo build --release -p arbitrage-cli; fi
mkdir -p "$out/ablations"

for part in train test; do
    $a score --traces "$out/$part.jsonl" --scorer "prm:$out/prm" --out "$out/ablations/$part.jsonl"
done

routers=()
variant() {
    local name=$1; shift
    routers+=("$out/ablations/$name")
    if [ -e "$out/ablations/$name.done" ]; then return; fi
    echo "== $name"
    $a train text --traces "$out/ablations/train.jsonl" --base "$out/prm" --steps "$steps" --out "$out/ablations/$name" "$@"
    touch "$out/ablations/$name.done"
}
variant two-classes
variant not-annotated --unannotated
variant four-classes --classes 4
variant four-ordinal --classes 4 --ordinal
variant ten-classes --classes 10
variant not-balanced --balance none
variant weighted --balance weights
$a compare --traces "$out/ablations/test.jsonl" --router "${routers[@]}" --json "$out/ablations/compare.json"
