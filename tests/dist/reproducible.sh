#!/bin/sh
# Builds libraries for Linux and all packages once more, from a copy of the sources in another
# folder, at another time, and compares every byte. The Windows DLLs are those of `make windows`,
# which tests/windows/reproducible.sh builds again.
#
#     tests/dist/reproducible.sh [PLATFORM ...]     what is built again; without one, all for Linux
#
# With QUICK=1 the programs are not, nor what QUICK=1 leaves out, and that is said.
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
me=reproducible
work=$target/again
again=$work/elsewhere
table=bindings/packaging/platforms.txt
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(sed -n "s/^\(linux-[^ ]*\).*${QUICK:+ always}\$/\1/p" $table)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

rm -rf "$work"
mkdir -p "$again/target"
git ls-files -z | xargs -0 cp --parents -t "$again"
# What is not built again is copied.
grep "^[^#].*${QUICK:+ always}\$" $table | while read -r platform folder _; do
    case " $* " in *" $platform "*) [ -n "${QUICK-}" ] || continue ;; esac
    (cd "$target" && find "$folder" -maxdepth 1 -type f -exec cp --parents -t "$again/target" {} +)
done
ln -s "$target/packaging" "$again/target/packaging" # the tools
built_again() (
    export CARGO_TARGET_DIR="$again/target"
    umask 077
    cd "$again"
    bindings/packaging/linux.sh ${QUICK:+--libraries} "$@" && python -B bindings/packaging/dist.py
)
quietly "the second build" built_again "$@"

same() { diff -rq "$target/dist" "$again/target/dist" >"$work/log" 2>&1; }
same || fail "two builds of the same sources differ: $(cat "$work/log")"
printf x >>"$again/target/dist/SHA256SUMS"
! same || fail "a changed byte is not found"
rm -rf "$work"
echo "reproducible: all packages, from two folders: the same bytes; built again: $*${QUICK:+, but for the programs}"
