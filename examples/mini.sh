#!/usr/bin/env bash
# The paper from nothing, offline: generates problems, trains draft and target from scratch, collects labelled steps, trains a
# reward model and routers on them, calibrates, and compares on problems that none of them has seen.
#
#   examples/mini.sh [FOLDER]            everything, into FOLDER (mini-run unless named)
#   examples/mini.sh --quick [FOLDER]    the same in about five minutes, with models that are bad at it
#
# Every step goes on where a killed one stopped; a step that is done is passed over.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=""
if [ "${1:-}" = "--quick" ]; then quick="--quick"; shift; fi
out=${1:-mini-run}
mkdir -p "$out"
cargo build --release -p arbitrage-eval
a=target/release/arbitrage

# Problems of the train stream below 200000 are those that draft and target learn from.
if [ -n "$quick" ]; then
    train=200000..200300 validation=1000..1100 test=0..100 steps=40
else
    train=200000..210000 validation=1000..3000 test=0..5000 steps=2500
fi

# step NAME COMMAND…: runs the command unless it was done, and notes how long it took.
step() {
    local name=$1 start=$SECONDS; shift
    if [ -e "$out/$name.done" ]; then return; fi
    echo "== $name"
    "$@"
    echo "$((SECONDS - start)) s" | tee "$out/$name.done"
}

pair=(--draft "$out/draft" --target "$out/target")
collect() { $a collect "${pair[@]}" --mini "$1:$2" --scorer checker --in-flight 48 --out "$out/$1.jsonl"; }
fit=(--traces "$out/train.jsonl" --steps "$steps")

step draft $a mini draft $quick --out "$out/draft"
step target $a mini target $quick --out "$out/target"
step collect-train collect train "$train"
step collect-validation collect validation "$validation"
step collect-test collect test "$test"
step prm $a train prm "${fit[@]}" --base "$out/target" --layers 2 --out "$out/prm"
step router $a train text "${fit[@]}" --base "$out/target" --layers 2 --balance weights --out "$out/router"
step probe $a train probe "${fit[@]}" --draft "$out/draft" --balance weights --out "$out/probe"
step scalars $a train probe "${fit[@]}" --inputs scalars --balance weights --out "$out/scalars"
for router in router probe scalars; do
    step "calibrate-$router" $a calibrate --router "$out/$router" --traces "$out/validation.jsonl" --draft "$out/draft" --goal accept:0.6
done
$a compare --traces "$out/test.jsonl" --router "$out"/{router,probe,scalars} --prm "$out/prm" --draft "$out/draft" --json "$out/compare.json"

run() { $a run "${pair[@]}" --mini "test:$test" --in-flight 48 "$@"; }
run --policy draft --out "$out/run-draft.jsonl"
run --policy target --out "$out/run-target.jsonl"
run --policy learned --router "$out/router" --out "$out/run-router.jsonl" --against "$out/run-target.jsonl"
run --policy learned --router "$out/probe" --out "$out/run-probe.jsonl" --against "$out/run-target.jsonl"
