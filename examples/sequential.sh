#!/usr/bin/env bash
# A sequential router for the mini pair, and whether looking past the step pays: runs that explore, two rounds of training, and an
# evaluation against the probe that it started from, one problem at a time and 32 in flight.
#
#   examples/sequential.sh [FOLDER]            everything, into FOLDER (sequential-run unless named)
#   examples/sequential.sh --quick [FOLDER]    the same in a minute, with too little data
#
# PAIR names other models and the probe that decides in the first round, for instance those of examples/mini.sh:
#   PAIR="--draft mini-run/draft.gguf --target mini-run/target.gguf" PROBE=mini-run/probe examples/sequential.sh
#
# Every step goes on where a killed one stopped; a step that is done is passed over.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=""
if [ "${1:-}" = "--quick" ]; then quick="--quick"; shift; fi
out=${1:-sequential-run}
mkdir -p "$out"
a=${ARBITRAGE:-target/release/arbitrage} # the command, if it is built already
if [ -z "${ARBITRAGE:-}" ]; then cargo build --release -p arbitrage-cli; fi

probe=${PROBE:-mini:probe}
read -ra pair <<< "${PAIR:---pair mini}"
# The draft's files, which hidden states are read with, and the models as a configuration file names them.
case " ${pair[*]} " in
    *" --draft "*) draft=${pair[1]} models="draft = \"$(realpath "${pair[1]}")\", target = \"$(realpath "${pair[3]}")\"" ;;
    *) draft=arbitrage-eval/mini/shipped/mini/draft.gguf models='pair = "mini"' ;;
esac
if [ -e "$probe" ]; then probe=$(realpath "$probe"); fi

if [ -n "$quick" ]; then
    first=300000..300400 second=400000..400400 test=0..60 updates=200
else
    # Of the train stream: what neither models nor probe were trained on. The test problems are those that nothing was trained on.
    first=300000..400000 second=400000..500000 test=0..5000 updates=20000
fi

. examples/step.sh

explore() { $a run "${pair[@]}" --mini "train:$2" --in-flight 48 --explore 0.2 --policy "$3" --router "$4" --out "$out/$1.jsonl"; }
train() { $a train sequential --draft "$draft" --probe "$probe" --steps "$updates" --rate 1e-3 --batch 64 --validation 0.05 --patience 10 "$@"; }

step explore-1 explore explore-1 "$first" learned:0.1 "$probe"
step train-1 train --runs "$out/explore-1.jsonl" --out "$out/sequential-1"
# The second round learns what decisions lead to if the first round's router goes on.
step explore-2 explore explore-2 "$second" learned:0.1 "$out/sequential-1"
step train-2 train --runs "$out/explore-2.jsonl" --out "$out/sequential"

evaluation() {
    local name=$1 in_flight=$2
    cat > "$out/$name.toml" <<TOML
in_flight = $in_flight
models = { $models }

[[benchmark]]
name = "mini"
mini = "test:$test"

[[policy]]
policy = "target"

[[policy]]
policy = "draft"

[[policy]]
policy = "learned"
label = "probe"
router = "$probe"
tau = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8]

[[policy]]
policy = "learned"
label = "first round"
router = "$(realpath "$out/sequential-1")"
tau = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8]

[[policy]]
policy = "learned"
label = "sequential"
router = "$(realpath "$out/sequential")"
tau = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8]
TOML
    $a eval "$out/$name.toml" --out "$out/$name"
}
step one-at-a-time evaluation one-at-a-time 1
step 32-in-flight evaluation 32-in-flight 32
echo "reports: $out/one-at-a-time/report.html and $out/32-in-flight/report.html"
