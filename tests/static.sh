#!/bin/sh
# libagw.a as hosts have it within: it defines the contract's functions and nothing else, takes
# nothing of the host's C library away, and goes with -static and beside another Rust library.
#
#     tests/static.sh [COPY]       an unpacked package, in the place of what `make install` makes
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh

expect() { # what is printed, what it is, command ...
    wanted=$1
    what=$2
    shift 2
    printed=$("$@") || fail "$what ended with $?: $printed"
    [ "$printed" = "$wanted" ] || fail "$what printed: $printed"
}

same_names() { # what they are of, list, posix output of nm
    sed -n 's/ [A-Za-z] .*//p' "$3" | LC_ALL=C sort | diff "$2" - >"$work/log" && return
    head -n 20 "$work/log"
    fail "$1 defines other names"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

copy=${1-$work/copy}
[ $# -gt 0 ] || quietly "make install" make --no-print-directory install PREFIX="$copy" DESTDIR=
archive=$copy/lib/libagw.a
export PKG_CONFIG_LIBDIR="$copy/lib/pkgconfig"
includes=$(pkg-config --cflags agw)
libraries=$(pkg-config --static --libs agw)
# Not the shared library, which stands in the same folder.
needs=$(echo "$libraries" | sed 's/-L[^ ]* *-lagw//')

nm --defined-only --extern-only --format=posix "$archive" >"$work/names"
same_names libagw.a tests/c/exports.txt "$work/names"

# As pkg-config says it, and within a program that has the shared C library.
for compiler in gcc clang; do
    for source in tests/cpp/outside/outside.c tests/static/libm.c; do
        # shellcheck disable=SC2086 # lists of words
        quietly "$compiler -static $source" \
            $compiler -static -o "$work/static" $source $includes $libraries
        # shellcheck disable=SC2086
        quietly "$compiler $source" $compiler -o "$work/within" $source $includes "$archive" $needs
        case $source in
        *libm.c) prints=$version ;;
        *) prints="101 $version" ;;
        esac
        expect "$prints" "$compiler -static $source" "$work/static"
        expect "$prints" "$compiler $source" "$work/within"
    done
done

# A plug-in gives on the contract's names at most.
echo '#include <agw.h>
const char *plugin_version(void) { return agw_version(); }' >"$work/plugin.c"
# shellcheck disable=SC2086
quietly "the plug-in" cc -shared -fPIC -Wl,-z,defs -o "$work/plugin.so" "$work/plugin.c" $includes \
    "$archive" $needs
nm --dynamic --defined-only --format=posix "$work/plugin.so" >"$work/names"
{ cat tests/c/exports.txt && echo plugin_version; } >"$work/list"
same_names "a plug-in" "$work/list" "$work/names"

# Only a debug build panics on demand.
quietly "the debug build" cargo build --locked --lib
bindings/packaging/localise.sh "$target/debug/libagw.a" "$work/debug.a"
quietly "the other library" cargo build --locked --manifest-path tests/static/other/Cargo.toml \
    --target-dir "$target/other"
other=$target/other/debug/libother.a
for agw in "$archive" "$work/debug.a"; do
    case $agw in
    *debug.a) prints="2 900" ;;
    *) prints="2 101" ;;
    esac
    for order in "$agw $other" "$other $agw"; do
        # shellcheck disable=SC2086
        quietly "linking $order" cc -o "$work/beside" tests/static/beside.c $includes $order $needs
        expect "$prints" "the program with $order" env AGW_FAULT=panic "$work/beside"
    done
done
echo "static: names, errno, -static, clang, a plug-in, beside another Rust library: all well"
