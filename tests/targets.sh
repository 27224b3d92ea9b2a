#!/bin/sh
# Compiles the library for systems that nothing here can run, nor link for: the C and assembler code
# in it, too. Nothing of it is released.
#
#     tests/targets.sh [TARGET ...]
#
# Debian's rustc-web comes with std's sources, from which std is checked along.
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
[ $# -gt 0 ] || set -- x86_64-apple-darwin aarch64-apple-darwin i686-unknown-linux-gnu \
    loongarch64-unknown-linux-gnu aarch64-pc-windows-gnullvm
target=$target/targets
tests/tools.sh "/usr/bin/rustc rustc-web" \
    "/usr/lib/rustlib/src/rust/library/std/src/lib.rs rust-web-src"
PATH=$(bindings/packaging/tools.sh):$PATH
export PATH RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1

# What the linker of macOS would be told: the name by which programs look for the library.
install_name() {
    grep -qx 'cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libagw.1.dylib' \
        "$target/$1"/debug/build/agw-client-*/output
}

for platform; do
    cargo-zigbuild check --locked --quiet --lib --features c-library \
        -Zbuild-std=std,panic_unwind --target "$platform" --target-dir "$target"
    case $platform in
    *-apple-*)
        install_name "$platform" || fail "$platform: the library has no install_name"
        ;;
    esac
    echo "targets: $platform: compiles"
done
