#!/usr/bin/env bash
# Builds llama.cpp natively, as the engine that ours is measured against, and prints the folder of its binaries.
#
#   benches/llama_cpp.sh DIR
#
# A prebuilt llama.cpp is compiled for the oldest processor it supports, so comparing with one flatters us; this build uses
# every instruction that the processor at hand has (GGML_NATIVE), OpenMP, and llama.cpp's own defaults otherwise.
# Sources come from the llama-cpp-python source package, cmake and ninja from the same package index, all through pip.
# Needs Python 3.9 or newer with venv, a C++17 compiler, 1.5 GB of disk, and 10 to 20 minutes on two cores. It goes on where
# an interrupted run stopped. VERSION and JOBS may be set in the environment.
#
# llama-quantize, which is built too, makes files of other formats to compare on, for example one in half precision:
#
#   llama-quantize --allow-requantize smollm2-135m-instruct-q4_1.gguf smollm2-135m-instruct-f16.gguf F16
set -euo pipefail

dir=${1:?usage: llama_cpp.sh DIR}
version=${VERSION:-0.3.36}
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
targets=(llama-bench llama-batched-bench llama-completion llama-cli llama-server llama-quantize)

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
package=llama_cpp_python-$version
source=$dir/$package/vendor/llama.cpp
build=$dir/build-$version

exec 3>&1 1>&2 # Only the folder goes to standard output.

[ -x "$dir/venv/bin/ninja" ] || {
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet cmake ninja
}
[ -f "$source/CMakeLists.txt" ] || {
  "$dir/venv/bin/pip" download --quiet --no-deps --no-binary llama-cpp-python --dest "$dir" "llama-cpp-python==$version"
  tar -xzf "$dir/$package.tar.gz" -C "$dir"
}

# GCC 12 declares that `_tile_loadconfig` reads 8 bytes, and so leaves out the stores to the rest of the configuration: the AMX path
# then crashes. A barrier that takes the configuration's address makes it store all of it.
barrier='__asm__ volatile("" : : "r"(\1) : "memory"); _tile_loadconfig(\1);'
for file in "$source"/ggml/src/ggml-cpu/amx/*.cpp; do
  grep -q '__asm__ volatile("" : : "r"' "$file" || sed -i "s/_tile_loadconfig(\([^)]*\));/$barrier/" "$file"
done

PATH=$dir/venv/bin:$PATH
cmake -S "$source" -B "$build" -G Ninja \
  -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DGGML_OPENMP=ON -DBUILD_SHARED_LIBS=OFF \
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
  -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF
cmake --build "$build" --parallel "$jobs" --target "${targets[@]}"

echo "$build/bin" >&3
