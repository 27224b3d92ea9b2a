#!/bin/sh
# Builds the DLLs and programs anew from a copy of the sources in another folder: they must be the
# same bytes as those in target/windows. The self-test shows that one byte would be seen. ld sorts by
# file names: the other folder is before the libraries in /usr if this one is behind them, or the
# other way. With QUICK=1 the programs are left out, and that is said.
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
me=reproducible
first=$(cd "$target/windows" && pwd)
case $(printf '%s\n' "$first" /usr | LC_ALL=C sort | head -n 1) in
/usr) work=$(mktemp -d -p /tmp) ;;
*) work=$(mktemp -d -p /var/tmp) ;;
esac
trap 'rm -rf "$work"' EXIT
files="agw.dll libagw.dll.a libagw.a agw.lib agw.def"
how=--libraries
[ -n "${QUICK-}" ] || { files="$files agw-check.exe agw-simulator.exe" && how=; }

differing() { # folder: the names of what differs from the first build
    for width in x64 x86; do
        for file in $files; do
            cmp -s "$first/$width/$file" "$1/$width/$file" || echo "$width/$file"
        done
    done
}

git ls-files -z | xargs -0 cp --parents -t "$work"
quietly "the second build" env -u CARGO_TARGET_DIR "$work/tests/windows/build.sh" $how
second=$work/target/windows
wrong=$(differing "$second")
[ -z "$wrong" ] || fail "other bytes: $wrong"
printf 'x' | dd of="$second/x86/agw.dll" bs=1 seek=4000 conv=notrunc 2>/dev/null
[ "$(differing "$second")" = x86/agw.dll ] || fail "a byte is not seen"
echo "reproducible: both widths, the same bytes from another folder: $files"
