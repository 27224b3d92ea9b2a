#!/bin/sh
# Runs the released library for Linux, with the example in C, on the oldest C library that the
# machine's Debian mirror has: Debian 11's 2.31, unpacked into a folder and installed nowhere.
#
#     tests/dist/old_glibc.sh FOLDER-OF-THE-UNPACKED-PACKAGE PLACE-TO-KEEP-THE-C-LIBRARY
#
# The environment has the gateway: AGW_TEST_URL, AGW_TEST_CA, AGW_GUID (agent 155, nothing rings).
set -eu

. "$(dirname "$0")/../shell.sh"
me=old_glibc

package=$1
kept=$2
libraries=$kept/lib/x86_64-linux-gnu
version=2.31
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -x "$libraries/ld-$version.so" ] ||
    "$(dirname "$0")/../debian.sh" "$kept" bullseye amd64 libc6
"$libraries/ld-$version.so" "$libraries/libc.so.6" | head -n 1 | grep -F "version $version" ||
    fail "that is not the C library $version"

on_old() { "$libraries/ld-$version.so" --library-path "$libraries:$package/lib" "$@"; }

# Shown to fail: what the machine's own compiler links needs the machine's own C library.
printf '%s\n' '#include <pthread.h>' 'static void *f(void *p) { return p; }' \
    'int main(void) { pthread_t t; return pthread_create(&t, 0, f, 0); }' >"$work/new.c"
cc -o "$work/new" "$work/new.c" -pthread
if on_old "$work/new" 2>"$work/log"; then
    fail "a program for a newer C library runs, so this shows nothing"
fi
grep -q 'GLIBC_2.* not found' "$work/log" || fail "it failed otherwise: $(cat "$work/log")"

python -m ziglang cc -target x86_64-linux-gnu.2.17 -I"$package/include" -o "$work/reject" \
    "$package/examples/reject.c" -L"$package/lib" -lagw
is_too_late on_old "$work/reject" || fail "the example ended with $code: $(cat "$work/log")"
echo "old_glibc: a call over HTTPS on glibc $version; a program for a newer one does not run there"
