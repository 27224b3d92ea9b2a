#!/bin/sh
# The library for Linux as it is released: it runs from glibc 2.17 on, knows no path of the machine
# that built it, and carries the list of its dependencies. It comes to target/linux.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
PATH=$(bindings/packaging/tools.sh):$PATH
export PATH

platform=x86_64-unknown-linux-gnu
crates=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="--remap-path-prefix=$crates=/cargo --remap-path-prefix=$root=/agw"
# The crate types are named because cargo leaves link-time optimisation out beside an rlib.
CARGO=$root/bindings/packaging/auditable.sh cargo-zigbuild rustc --locked --release --lib \
    --features c-library --crate-type cdylib,staticlib --target $platform.2.17 \
    --target-dir "$target/linux/build"
built=$target/linux/build/$platform/release
cp "$built/libagw.so" "$target/linux/libagw.so"
bindings/packaging/localise.sh "$built/libagw.a" "$target/linux/libagw.a"
