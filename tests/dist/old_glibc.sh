#!/bin/sh
# Runs the released library for Linux, with the example in C, on the oldest C library that the
# machine's Debian mirror has: Debian 11's 2.31, unpacked into a folder and installed nowhere.
#
#     tests/dist/old_glibc.sh FOLDER-OF-THE-UNPACKED-PACKAGE PLACE-TO-KEEP-THE-C-LIBRARY
#
# The environment has the gateway: AGW_TEST_URL, AGW_TEST_CA, AGW_GUID (agent 155, nothing rings).
set -eu

fail() {
    echo "old_glibc: $*" >&2
    exit 1
}

package=$1
kept=$2
suite=bullseye
version=2.31
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A configuration of its own: the machine's package lists and state are left alone.
fetch() {
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Component: main' | grep -v security | head -n 1)
    [ -n "$mirror" ] || fail "apt knows no Debian mirror"
    mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
    : >"$work/status"
    echo "deb $mirror $suite main" >"$work/sources.list"
    cat >"$work/apt.conf" <<EOF
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Acquire::Languages "none";
APT::Sandbox::User "root";
EOF
    export APT_CONFIG="$work/apt.conf"
    apt-get update -q >"$work/log" 2>&1 || { cat "$work/log"; fail "no list of $suite"; }
    (cd "$work" && apt-get download -q libc6 >log 2>&1) || { cat "$work/log"; fail "no libc6"; }
    dpkg-deb -x "$work"/libc6_*.deb "$work/root"
    rm -rf "$kept"
    mkdir -p "$(dirname "$kept")"
    mv "$work/root/lib/x86_64-linux-gnu" "$kept"
}
[ -x "$kept/ld-$version.so" ] || fetch
"$kept/ld-$version.so" "$kept/libc.so.6" | head -n 1 | grep -F "version $version" ||
    fail "that is not the C library $version"

on_old() { "$kept/ld-$version.so" --library-path "$kept:$package/lib" "$@"; }

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
code=0
on_old "$work/reject" --url "$AGW_TEST_URL" --ca "$AGW_TEST_CA" --agent 155 >"$work/out" 2>&1 ||
    code=$?
if [ "$code" != 3 ] || ! grep -q AGW_E_NO_CONFERENCE "$work/out"; then
    cat "$work/out"
    fail "the example ended with $code"
fi
echo "old_glibc: a call over HTTPS on glibc $version; a program for a newer one does not run there"
