#!/usr/bin/env bash
# Prints what passes over several rows cost on this machine, as docs/results/rows.md has it.
#
#   benches/rows.sh MODEL.gguf [options of the program `rows`]
#
# Builds the program if it is not there, and compares all instruction sets of the processor from 256-bit VNNI on, which are
# `vnni,vnni512,amx` where there is AMX; --sets names others, such as `--sets avx2,vnni,vnni512`. Run it on an idle machine.
set -euo pipefail

model=${1:?usage: rows.sh MODEL.gguf [--sets NAMES] [--rounds N]}
shift
root=$(cd "$(dirname "$0")/.." && pwd)
cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p arbitrage-benches --bin rows
exec "${CARGO_TARGET_DIR:-$root/target}/release/rows" "$model" "$@"
