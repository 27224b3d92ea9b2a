#!/bin/sh
# Makes of cargo's static library one that fits into any program: a single object, which defines the
# contract's functions for others and nothing else. Cargo's has hundreds of names: fmod and sqrt
# among them, which take the place of the host's, and those that every other Rust library has.
#
#     bindings/packaging/localise.sh ARCHIVE RESULT [UNDERSCORE]
#
# UNDERSCORE is what stands before a C name there, if anything does. For another system than this
# machine's the environment names its LD, OBJCOPY and AR.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$(dirname "$2")"
work=$(mktemp -d "$2.XXXXXX")
trap 'rm -rf "$work"' EXIT

sed "s/^/${3-}/" "$root/tests/c/exports.txt" >"$work/names"
# The bitcode is for Rust's own link-time optimisation.
"${OBJCOPY:-objcopy}" --strip-debug -R .llvmbc -R .llvmcmd "$1" "$work/all.a"
# Without groups, nor what Windows has for them: of two that have the same name a linker keeps the
# first, which may be another library's, and what ours was wanted for has a local name then.
# shellcheck disable=SC2046 # a list of words
"${LD:-ld}" -r --force-group-allocation $(sed 's/^/--require-defined=/' "$work/names") \
    -o "$work/agw.o" "$work/all.a"
"${OBJCOPY:-objcopy}" --strip-unneeded --keep-global-symbols="$work/names" \
    --set-section-flags '.rdata$.refptr.*=alloc,load,readonly,data' "$work/agw.o"
"${AR:-ar}" rcsD "$work/libagw.a" "$work/agw.o"
chmod 644 "$work/libagw.a"
mv -f "$work/libagw.a" "$2"
