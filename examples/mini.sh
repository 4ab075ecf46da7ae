#!/usr/bin/env bash
# The paper from nothing, offline: generates problems, trains draft and target from scratch and quantises them to 8 bits, collects
# labelled steps, trains a reward model and routers on them, calibrates, and compares on problems that none of them has seen.
#
# What runs is what would be shipped: the GGUF files draft.gguf and target.gguf, and prm and text in the folder q8_0. A probe reads the
# hidden states of the quantised draft; what is trained from another model's weights begins with its f16 folder.
#
#   examples/mini.sh [FOLDER]            everything, into FOLDER (mini-run unless named)
#   examples/mini.sh --quick [FOLDER]    the same in about two minutes, with models that are bad at it
#
# Every step goes on where a killed one stopped; a step that is done is passed over.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=""
if [ "${1:-}" = "--quick" ]; then quick="--quick"; shift; fi
out=${1:-mini-run}
mkdir -p "$out"
a=${ARBITRAGE:-target/release/arbitrage} # the command, if it is built already
if [ -z "${ARBITRAGE:-}" ]; then cargo build --release -p arbitrage-cli; fi

# Problems of the train stream below 260000 are those that draft and target learn from.
if [ -n "$quick" ]; then
    train=260000..260400 validation=1000..1150 test=0..150 steps=60 probe_steps=60 held=0.1
    # Sums and differences below 40, which a minute teaches a little.
    cat > "$out/family.json" <<'JSON'
{"steps": {"least": 2, "most": 3}, "start": {"least": 2, "most": 20}, "result": {"least": 1, "most": 40}, "hard_share": 0, "moves": {
  "gain": {"weight": 2, "running": {"least": 1, "most": 30}, "first": {"least": 3, "most": 9}},
  "lose": {"weight": 2, "running": {"least": 1, "most": 30}, "first": {"least": 3, "most": 9}},
  "double": {"weight": 1, "running": {"least": 3, "most": 15}},
  "half": {"weight": 1, "running": {"least": 4, "most": 30}}}}
JSON
    family=(--family "$out/family.json") writer=(--quick "${family[@]}")
else
    train=260000..290000 validation=1000..3000 test=0..5000 steps=1500 probe_steps=40000 held=0.02
    family=() writer=()
fi

. examples/step.sh

pair=(--draft "$out/draft.gguf" --target "$out/target.gguf")
collect() { $a collect "${pair[@]}" --mini "$1:$2" ${family[@]+"${family[@]}"} --scorer checker --in-flight 48 --out "$out/$1.jsonl"; }
fit=(--traces "$out/train.jsonl" --steps "$steps")
probe=(train probe --traces "$out/train.jsonl" --steps "$probe_steps" --rate 1e-3 --batch 64 --width 256 --validation "$held"
    --patience 30 --balance weights)

step draft $a mini draft ${writer[@]+"${writer[@]}"} ${quick:+--steps 200} --out "$out/draft"
step target $a mini target ${writer[@]+"${writer[@]}"} ${quick:+--steps 400} --out "$out/target"
quantise() { $a models quantise "$out/$1" --out "$out/$2"; }
step quantise-draft quantise draft draft.gguf
step quantise-target quantise target target.gguf
step collect-train collect train "$train"
step collect-validation collect validation "$validation"
step collect-test collect test "$test"
step prm $a train prm "${fit[@]}" --rate 1e-3 --validation "$held" --base "$out/target" --layers 2 --out "$out/prm"
step text $a train text "${fit[@]}" --base "$out/prm" --balance weights --out "$out/text"
step quantise-prm quantise prm q8_0/prm/model.gguf
step quantise-text quantise text q8_0/text/model.gguf
step probe $a "${probe[@]}" --draft "$out/draft.gguf" --out "$out/probe"
step scalars $a "${probe[@]}" --inputs scalars --out "$out/scalars"
calibrate() { $a calibrate --router "$out/$1" --traces "$out/validation.jsonl" --draft "$out/draft.gguf" --goal accept:0.8 --calibration "$2"; }
step calibrate-text calibrate q8_0/text isotonic
step calibrate-probe calibrate probe platt # a smooth curve, which a promise can choose any threshold of
step calibrate-scalars calibrate scalars isotonic
if [ -z "$quick" ]; then # the threshold of the probe that loses at most 2% of the problems which the target solves, with a confidence of 95%
    step promise $a calibrate --router "$out/probe" "${pair[@]}" --goal loss:0.02 --mini validation:100000..106000 --in-flight 32 --out "$out/promise"
fi
$a compare --traces "$out/test.jsonl" --router "$out"/{probe,q8_0/text,scalars} --prm "$out/q8_0/prm" --draft "$out/draft.gguf" --json "$out/compare.json"

run() { $a run "${pair[@]}" --mini "test:$test" ${family[@]+"${family[@]}"} --in-flight 48 "$@"; }
run --policy draft --out "$out/run-draft.jsonl"
run --policy target --out "$out/run-target.jsonl"
run --policy learned --router "$out/q8_0/text" --out "$out/run-text.jsonl" --against "$out/run-target.jsonl"
run --policy learned --router "$out/probe" --out "$out/run-probe.jsonl" --against "$out/run-target.jsonl"
