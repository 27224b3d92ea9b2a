#!/bin/sh
# Are the libraries and programs that linux.sh made what may be released? Shows first that one which
# is not is found.
set -eu

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$(pwd)/target}
grep "^linux-.*${QUICK:+ always}\$" bindings/packaging/platforms.txt | while read -r platform folder _; do
    for how in --self-test ""; do
        for file in libagw.so agw-check agw-simulator; do
            exports=-
            [ $file != libagw.so ] || exports=tests/c/exports.txt
            # shellcheck disable=SC2086 # nothing is no argument
            "$target/packaging/bin/python" tests/dist/shared_object.py $how "$platform" \
                "$target/$folder/$file" $exports "$(pwd)" "$HOME" "$target"
        done
    done
done
echo "linux: glibc 2.17 or newer, or musl; libagw.so.1, never unloaded, no path of this machine"
echo "linux: agw-check and agw-simulator: the same, and stripped"
