#!/bin/sh
# Rebuilds the committed components; needs clang with a wasm32 target, lld and npm. The tests themselves do not.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
npm install --prefix "$tools" --ignore-scripts --no-audit --no-fund --silent @bytecodealliance/jco-transpile@0.15.0 \
  @bytecodealliance/jco@1.35.0 @bytecodealliance/preview2-shim@0.26.0
packages=$tools/node_modules/@bytecodealliance
component() {
  node component-new.ts "$packages/jco-transpile/dist/wasm-tools.js" "$tools/$1.wasm" "$2" "$1.wasm" ${3:+"$3"}
}
build() {
  clang --target=wasm32 -O2 -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 \
    -o "$tools/$1.wasm" "$1.c"
  component "$1" "$2"
}
build chameleon configured-transformer
build mask transformer
clang --target=wasm32-wasi -Os -mexec-model=reactor -Wl,--strip-all -o "$tools/wasi.wasm" wasi.c
component wasi transformer "$packages/jco/lib/wasi_snapshot_preview1.reactor.wasm"
