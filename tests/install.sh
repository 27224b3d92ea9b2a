#!/bin/sh
# `make install`, as a packager and as a user of the installed copy meet it: the files and links,
# then the example, compiled and linked through pkg-config, shared and static.
#
#     tests/install.sh [LIB]       where the libraries go below the prefix, such as lib64
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
export CDPATH=. # as some have it
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root="$work/image"
prefix=/opt/agw
libdir=${1-lib}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# Without an argument as the README has it: the Makefile says what the default is.
installed() { # what is made
    if [ "$libdir" = lib ]; then
        set -- "$1" PREFIX=$prefix DESTDIR="$root"
    else
        set -- "$1" PREFIX=$prefix LIBDIR="$prefix/$libdir" DESTDIR="$root"
    fi
    quietly "make $1" make --no-print-directory "$@"
}
installed install

lib="$root$prefix/$libdir"
[ "$(readlink "$lib/libagw.so")" = libagw.so.1 ] || fail "libagw.so is not a link to libagw.so.1"
[ "$(readlink "$lib/libagw.so.1")" = "libagw.so.$version" ] || fail "libagw.so.1 points elsewhere"
cmp -s include/agw.h "$root$prefix/include/agw.h" || fail "the header is another"

# The copy stands under a staging root, which pkg-config calls the sysroot.
export PKG_CONFIG_LIBDIR="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
[ "$(pkg-config --modversion agw)" = "$version" ] || fail "agw.pc has another version"

# shellcheck disable=SC2046 # pkg-config prints a list of words
cc -std=c89 -o "$work/shared" bindings/c/examples/reject.c $(pkg-config --cflags --libs agw)
# shellcheck disable=SC2046
cc -std=c89 -static-libgcc -o "$work/static" bindings/c/examples/reject.c \
    $(pkg-config --cflags agw) "$lib/libagw.a" -lpthread -lm -ldl

others=$(readelf -d "$lib/libagw.so" | sed -n '/NEEDED/{/libc\.so\.6/!{/ld-linux/!p}}')
[ -z "$others" ] || fail "libagw.so needs more than the C library: $others"
readelf -d "$work/shared" | grep -q 'NEEDED.*libagw.so.1' || fail "not linked to libagw.so.1"
if readelf -d "$work/static" | grep -q libagw; then
    fail "the static program needs the shared library"
fi

# Both really call: nobody listens on the discard port of loopback, and exit code 6 says so.
for program in shared static; do
    code=0
    AGW_GUID=no-guid-of-anybody LD_LIBRARY_PATH="$lib" "$work/$program" \
        --url https://127.0.0.1:9 --danger-any --agent 154 >"$work/out" 2>&1 || code=$?
    if [ "$code" != 6 ] || ! grep -q AGW_E_CONNECT "$work/out"; then
        cat "$work/out"
        fail "the $program program ended with $code"
    fi
done

# The released library sets itself up when it is loaded: no fork comes in the middle of that.
cc -std=gnu11 -o "$work/process" tests/c/process.c -I"$root$prefix/include" \
    -L"$lib" -lagw -pthread -ldl
LD_LIBRARY_PATH="$lib" "$work/process" first 3000 http://127.0.0.1:9 || fail "forks in a first call"

installed uninstall
left=$(find "$root" ! -type d)
[ -z "$left" ] || fail "make uninstall leaves $left"

# As root often meets it: without cargo, what was built before is taken; where nothing was, it is said.
set -- PREFIX=$prefix DESTDIR="$root" CARGO=/no/cargo
(umask 077 && quietly "make install without cargo" make --no-print-directory install "$@")
hidden=$(find "$root" ! -type l ! -perm -a=r)
[ -z "$hidden" ] || fail "with umask 077 others cannot read $hidden"
cmp -s "$target/release/libagw.so" "$root$prefix/lib/libagw.so" ||
    fail "without cargo another library is installed"
if CARGO_TARGET_DIR="$work/nothing" make install "$@" >"$work/log" 2>&1; then
    fail "without cargo and without a library something is installed"
fi
grep -q 'run "make build" first' "$work/log" || fail "it is not said that nothing is built"

# Package files that know no way from the libraries to the headers are not written.
if make -n install PREFIX=$prefix LIBDIR=/elsewhere >"$work/log" 2>&1; then
    fail "a LIBDIR outside PREFIX is taken"
fi
# shellcheck disable=SC2016 # they are to reach make as they are
for odd in "PREFIX=/opt/a b" 'PREFIX=/opt/a&b' 'PREFIX=/opt/a#b' PREFIX=opt/agw LIBDIR=lib64 \
    LIBDIR=/usr/local/lib/../lib64 \
    "PREFIX=/opt/a'b" 'PREFIX=/opt/a"b' 'PREFIX=/opt/`a`' 'PREFIX=/opt/$$a'; do
    if make install DESTDIR="$work/odd/" "$odd" CARGO=/no/cargo >"$work/log" 2>&1; then
        fail "$odd is taken"
    fi
    grep -q '^make: PREFIX' "$work/log" || fail "it is not said what is wrong with $odd"
    [ ! -e "$work/odd" ] || fail "with $odd something is installed"
done
echo "install: $libdir: files, links, pkg-config, shared and static example: all well"
