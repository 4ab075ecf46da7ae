#!/usr/bin/env bash
# Right answers and wall time of policies that look past the step, on problems of the mini family. All policies run in turns, so that other
# load on the machine falls on all of them alike.
#
#   examples/lookahead.sh [PROBLEMS] [IN_FLIGHT] [ROUNDS] [POLICY...]
#
# A policy is written as in reports, such as learned:0.1+handover:1 or learned:0.1+drafts:4; `speculative` is token-level speculative
# decoding. TEMPERATURE is that of the drafts after the first. Wall times include loading the models, which takes a few hundredths of a second.
set -euo pipefail
cd "$(dirname "$0")/.."

problems=${1:-1000} in_flight=${2:-1} rounds=${3:-5}
shift $(($# < 3 ? $# : 3))
policies=("$@")
if [ ${#policies[@]} -eq 0 ]; then
    policies=(target speculative draft learned:0.05 learned:0.2 learned:0.05+handover:1 learned:0.2+handover:1 learned:0.2+handover:2
        learned:0.2+drafts:2 learned:0.2+drafts:4 learned:0.2+drafts:8)
fi
a=${ARBITRAGE:-target/release/arbitrage}
if [ -z "${ARBITRAGE:-}" ]; then cargo build --release -p arbitrage-cli; fi
out=$(mktemp -d)
trap 'rm -r "$out"' EXIT

# The options of `arbitrage run` for a policy by its name in reports.
options() {
    local parts=(${1//+/ })
    case ${parts[0]} in
        speculative) echo "--policy target --speculation draft" ;;
        *) echo "--policy ${parts[0]}" ;;
    esac
    for part in "${parts[@]:1}"; do
        case $part in
            handover:*) echo "--handover ${part#handover:}" ;;
            drafts:*:*) echo "--drafts $(cut -d: -f2 <<<"$part") --choose-by $(cut -d: -f3 <<<"$part")" ;;
            drafts:*) echo "--drafts ${part#drafts:}" ;;
        esac
    done
    echo "--draft-temperature ${TEMPERATURE:-0.8}"
}

for ((round = 1; round <= rounds; round++)); do
    for policy in "${policies[@]}"; do
        name=${policy//:/-}
        begin=$(date +%s%N)
        $a run --pair mini --mini "test:0..$problems" --in-flight "$in_flight" $(options "$policy") --out "$out/$name-$round.jsonl" \
            >"$out/$name.txt" 2>"$out/error.txt" || { cat "$out/error.txt"; exit 1; }
        echo $((($(date +%s%N) - begin) / 1000000)) >>"$out/$name.ms"
    done
done

echo "$problems problems, $in_flight in flight, median of $rounds rounds; load $(cut -d' ' -f1 /proc/loadavg)"
echo "| policy | right | steps by the target | wall, s (least to greatest) | against ${policies[0]} |"
echo "|---|---|---|---|---|"
median() { sort -n "$1" | awk '{ all[NR] = $1 } END { print (all[int((NR + 1) / 2)] + all[int((NR + 2) / 2)]) / 2000 }'; }
base=$(median "$out/${policies[0]//:/-}.ms")
for policy in "${policies[@]}"; do
    name=${policy//:/-}
    right=$(sed -n 's/^right: .*(\(.*\))$/\1/p' "$out/$name.txt")
    share=$(sed -n 's/.* problems, \(.*%\) of .* steps by the target.*/\1/p' "$out/$name.txt")
    span=$(sort -n "$out/$name.ms" | awk 'NR == 1 { least = $1 } END { printf "%.2f to %.2f", least / 1000, $1 / 1000 }')
    awk -v policy="$policy" -v right="$right" -v share="$share" -v span="$span" -v median="$(median "$out/$name.ms")" -v base="$base" \
        'BEGIN { printf "| %s | %s | %s | %.2f (%s) | %.2f× |\n", policy, right, share, median, span, base / median }'
done
