#!/bin/sh
# Builds the library for Linux and all packages once more, from a copy of the sources in another
# folder, at another time, and compares every byte. The Windows DLLs are those of `make windows`,
# not built again: that takes std along.
set -eu

fail() {
    echo "reproducible: $*" >&2
    exit 1
}

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$(pwd)/target}
again=$target/again/elsewhere
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

rm -rf "$target/again"
mkdir -p "$again/target/windows"
git ls-files -z | xargs -0 cp --parents -t "$again"
cp -R "$target/windows/x64" "$target/windows/x86" "$again/target/windows/"
ln -s "$target/packaging" "$again/target/packaging" # the tools
(
    export CARGO_TARGET_DIR="$again/target"
    umask 077
    cd "$again"
    bindings/packaging/linux.sh && python -B bindings/packaging/dist.py
) >"$target/again/log" 2>&1 || {
    cat "$target/again/log"
    fail "the second build failed"
}

same() { diff -rq "$target/dist" "$again/target/dist" >"$target/again/log" 2>&1; }
same || {
    cat "$target/again/log"
    fail "two builds of the same sources differ"
}
printf x >>"$again/target/dist/SHA256SUMS"
! same || fail "a changed byte is not found"
rm -rf "$target/again"
echo "reproducible: Linux library and all packages, from two folders: the same bytes"
