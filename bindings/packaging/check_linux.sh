#!/bin/sh
# Is target/linux/libagw.so what may be released? Shows first that a library which is not is found.
set -eu

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$(pwd)/target}
check() {
    "$target/packaging/bin/python" tests/dist/shared_object.py "$@" "$target/linux/libagw.so" \
        tests/c/exports.txt "$(pwd)" "$HOME" "$target"
}
check --self-test
check
echo "linux: glibc 2.17 or newer, libagw.so.1, never unloaded, no path of this machine"
