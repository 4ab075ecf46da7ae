#!/usr/bin/env bash
# The Qwen2.5-Coder pair on arithmetic word problems: labelled steps, a probe, a promise, and an evaluation on problems that nothing was
# trained on, one at a time and 16 in flight.
#
#   examples/arithmetic.sh ASDIV.jsonl MAWPS.jsonl GSM8K_TRAIN.jsonl GSM8K_TEST.jsonl [FOLDER]
#
# The first two files have a question and a number as the answer of each problem, the others are GSM8K's own. Everything is written into
# FOLDER (arithmetic-run unless named). It takes about six hours on two cores; every step goes on where a killed one stopped, and a step
# that is done is passed over.
#
#   PAIR="--pair qwen2.5-coder --draft FILE --target FILE"    models that are there already
#   BEFORE=FOLDER                                             another probe, to be evaluated beside the new one
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
gsm8k_train=$(realpath "$3") gsm8k_test=$(realpath "$4") out=${5:-arithmetic-run}
mkdir -p "$out"
out=$(realpath "$out")
# Training, calibration and the test have no question in common, however it is written.
python3 - "$1" "$2" "$out" <<'PYTHON'
import json, random, re, sys

questions = {}
for path in sys.argv[1:3]:
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        questions.setdefault(re.sub("[^a-z0-9]", "", row["question"].lower()), row)
rows = list(questions.values())
random.Random(2026).shuffle(rows)
for name, part in [("test", rows[:120]), ("train", rows[120:720]), ("calibration", rows[720:1320])]:
    with open(f"{sys.argv[3]}/{name}.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
PYTHON

cd "$(dirname "$0")/.."
a=${ARBITRAGE:-target/release/arbitrage}
if [ -z "${ARBITRAGE:-}" ]; then cargo build --release -p arbitrage-cli; fi
read -ra pair <<< "${PAIR:---pair qwen2.5-coder}"
draft=qwen2.5-coder-0.5b-instruct target=qwen2.5-coder-1.5b-instruct models='pair = "qwen2.5-coder"'
for at in "${!pair[@]}"; do
    case ${pair[$at]} in
        --draft) draft=${pair[$at + 1]} models+=", draft = \"$draft\"" ;;
        --target) target=${pair[$at + 1]} models+=", target = \"$target\"" ;;
    esac
done

. examples/step.sh

# The problems come with answers alone: steps are labelled by the numbers in the target's own right solutions. GSM8K has worked solutions.
step reference $a run "${pair[@]}" --problems "$out/train.jsonl" --in-flight 32 --policy target --speculation off --out "$out/reference.jsonl"
step steps $a collect "${pair[@]}" --problems "$out/train.jsonl" --in-flight 48 --scorer "reference-run:$out/reference.jsonl" --out "$out/steps.jsonl"
step gsm8k-steps $a collect "${pair[@]}" --problems "$gsm8k_train" --count 240 --seed 1 --in-flight 48 --scorer reference-solution --out "$out/gsm8k-steps.jsonl"

both=("$out/steps.jsonl" "$out/gsm8k-steps.jsonl")
probe=(--draft "$draft" --balance weights --learning-rate 1e-4 --width 32 --states "$out/states.safetensors")
step cross-validation $a cross-validate --traces "${both[@]}" "${probe[@]}" --json "$out/cross-validation.json"
step probe $a train probe --traces "${both[@]}" "${probe[@]}" --out "$out/probe"
step promise $a calibrate "${pair[@]}" --router "$out/probe" --goal loss:0.02 --problems "$out/calibration.jsonl" --in-flight 32 --thresholds 12 --out "$out/promise"
# What reward-guided decoding judges by: a head on the target's hidden states.
step head $a train head --traces "${both[@]}" --count 160 --reader "$target" --width 0 --learning-rate 2e-3 --out "$out/head"

before=${BEFORE:+"
[[policy]]
policy = \"learned\"
router = \"$(realpath "$BEFORE")\"
label = \"probe before\"
tau = [0.09]"}
evaluation() {
    cat > "$out/eval.toml" <<TOML
models = { $models }
$(for in_flight in 1 16; do cat <<BENCHMARK
[[benchmark]]
name = "arithmetic-$in_flight"
problems = ["test.jsonl"]
in_flight = $in_flight

[[benchmark]]
name = "gsm8k-$in_flight"
problems = ["$gsm8k_test"]
count = 60
in_flight = $in_flight

BENCHMARK
done)
[[policy]]
policy = "target"
speculation = "off"

[[policy]]
policy = "target"
speculation = "draft"
label = "speculative"

[[policy]]
policy = "draft"

[[policy]]
policy = "rsd"
scorer = "head:head"
tau = [${RSD_TAUS:-0.3, 0.6}]

[[policy]]
policy = "learned"
router = "probe"
label = "probe"
tau = [${TAUS:-0.02, 0.05, 0.1}]
$before
TOML
    $a eval "$out/eval.toml" --out "$out/evaluation"
}
step evaluation evaluation
