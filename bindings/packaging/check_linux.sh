#!/bin/sh
# Are the libraries that linux.sh made what may be released? Shows first that one which is not is
# found.
set -eu

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$(pwd)/target}
grep '^linux-' bindings/packaging/platforms.txt | while read -r platform folder _; do
    for how in --self-test ""; do
        # shellcheck disable=SC2086 # nothing is no argument
        "$target/packaging/bin/python" tests/dist/shared_object.py $how "$platform" \
            "$target/$folder/libagw.so" tests/c/exports.txt "$(pwd)" "$HOME" "$target"
    done
done
echo "linux: glibc 2.17 or newer, or musl; libagw.so.1, never unloaded, no path of this machine"
