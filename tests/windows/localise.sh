#!/bin/sh
# libagw.a for MinGW: what bindings/packaging/localise.sh does, and what Windows takes besides.
#
#     tests/windows/localise.sh ARCHITECTURE UNDERSCORE ARCHIVE RESULT
set -eu

mingw=$1-w64-mingw32
underscore=$2
work=$(mktemp -d "$4.XXXXXX")
trap 'rm -rf "$work"' EXIT
export LD="$mingw-ld" OBJCOPY="$mingw-objcopy" AR="$mingw-ar"

# Without the import libraries that Rust puts in: the linker mixes up those of two archives, and the
# program hangs. On 32 bit MinGW's own have the size of the arguments in a name, Rust's have not.
$OBJCOPY --strip-debug -R .llvmbc -R .llvmcmd "$3" "$work/code.a"
# shellcheck disable=SC2046 # a list of words
$AR d "$work/code.a" $($AR t "$work/code.a" | grep '\.dll[hst][0-9]*\.o$')
"$mingw-nm" --undefined-only "$work/code.a" | sed -n 's/^ *U \(__imp_\)/\1/p' | LC_ALL=C sort -u \
    >"$work/wanted"
for library in kernel32 ws2_32 bcrypt crypt32 advapi32 ntdll userenv; do
    "$mingw-nm" --defined-only "$("$mingw-gcc" -print-file-name=lib$library.a)"
done 2>/dev/null | sed -n 's/.* I __imp__\(\(.*\)@[0-9]*\)$/__imp_\2 __imp__\1/p' |
    LC_ALL=C sort -u | LC_ALL=C join - "$work/wanted" >"$work/renamed"

# `ld -r` does what is for a program only: it asks after the name _tls_used, and sorts the section
# .pdata without what refers to it. So both have another name for a while.
echo "${underscore}_tls_used agw_tls_used" >>"$work/renamed"
$OBJCOPY --redefine-syms="$work/renamed" --rename-section .pdata=.agw_pd "$work/code.a"
"$(dirname "$0")/../../bindings/packaging/localise.sh" "$work/code.a" "$work/libagw.a" "$underscore"
$OBJCOPY --enable-deterministic-archives --redefine-sym "agw_tls_used=${underscore}_tls_used" \
    --rename-section .agw_pd=.pdata "$work/libagw.a"
mv -f "$work/libagw.a" "$4"
