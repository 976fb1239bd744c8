#!/bin/sh
# Rebuilds the committed fixtures; needs clang with a wasm32 target and lld. The tests themselves do not.
set -eu
cd "$(dirname "$0")"
build() {
  output=$1
  shift
  clang --target=wasm32 -O1 -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=8192 \
    -Wl,--max-memory=2097152 "$@" -o "$output" chameleon.c
}
build chameleon.wasm
build chameleon-alloc.wasm -DALLOC
build chameleon-lying-alloc.wasm -DALLOC_LIES
