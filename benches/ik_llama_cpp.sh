#!/usr/bin/env bash
# Builds ik_llama.cpp, another engine that ours is measured against, and prints the folder of its binaries.
#
#   benches/ik_llama_cpp.sh CHECKOUT DIR [native|avx2]
#
# CHECKOUT holds the sources (https://github.com/ikawrakow/ik_llama.cpp), which stay the user's own: nothing is fetched or changed in
# it, apart from `common/build-info.cpp`, which the build writes there. DIR receives the build. `native`, the default, uses every
# instruction that the processor has; `avx2` is limited to AVX2, FMA and F16C, to compare with ours under `ARBITRAGE_ISA=avx2`.
# cmake and ninja come from pip. Needs Python 3.9 or newer with venv, a C++20 compiler, and up to an hour on two cores, since its
# products are large templates. It goes on where an interrupted run stopped. JOBS may be set in the environment.
set -euo pipefail

usage='usage: ik_llama_cpp.sh CHECKOUT DIR [native|avx2]'
checkout=${1:?$usage}
dir=${2:?$usage}
variant=${3:-native}
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
case $variant in
  native) instructions=(-DGGML_NATIVE=ON) ;;
  avx2) instructions=(-DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON) ;;
  *) echo "$usage" >&2 && exit 2 ;;
esac
[ -d "$checkout/ggml/src/iqk" ] || { echo "$checkout is not a checkout of ik_llama.cpp: it has no ggml/src/iqk" >&2 && exit 2; }

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
build=$dir/$variant

exec 3>&1 1>&2 # Only the folder goes to standard output.

[ -x "$dir/venv/bin/ninja" ] || {
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet cmake ninja
}

# Caches stay in half precision in all that is measured, so attention over other formats is not compiled.
PATH=$dir/venv/bin:$PATH
cmake -S "$checkout" -B "$build" -G Ninja \
  -DCMAKE_BUILD_TYPE=Release "${instructions[@]}" -DGGML_OPENMP=ON -DGGML_CCACHE=OFF -DGGML_IQK_FA_ALL_QUANTS=OFF \
  -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF
cmake --build "$build" --parallel "$jobs" --target llama-bench llama-batched-bench

echo "$build/bin" >&3
