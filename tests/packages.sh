#!/bin/sh
# An installed copy as an outside project meets it: C and C++, shared and static, through CMake and
# through pkg-config. The copy is moved first: nothing in it may know where it was put.
#
#     tests/packages.sh [LIB [COPY]]
#
# LIB is where the libraries are below the prefix, such as lib64. COPY is an unpacked package, in the
# place of what `make install` makes.
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
outside=tests/cpp/outside
libdir=${1-lib}

copy="$work/a copy"
if [ $# -gt 1 ]; then
    cp -R "$2" "$copy"
else
    quietly "make install" make --no-print-directory install PREFIX=/opt/agw \
        LIBDIR="/opt/agw/$libdir" DESTDIR="$work/image"
    mv "$work/image/opt/agw" "$copy"
fi
lib="$copy/$libdir"
if grep -rn '@[A-Z]*@' "$lib/cmake" "$lib/pkgconfig" || grep -rn /opt/agw "$lib/cmake"; then
    fail "the package files are not filled in, or know where they were installed"
fi

# The program really calls: nobody listens on the discard port of loopback, which is status 101.
expect_call() { # program, shared or static
    printed=$(LD_LIBRARY_PATH="$lib" "$1") || fail "$1 ended with $?"
    [ "$printed" = "101 $version" ] || fail "$1 printed: $printed"
    needs=$(readelf -d "$1")
    case "$2 $needs" in
    shared*"[libagw.so.1]"*) ;;
    shared*) fail "$1 is not linked to libagw.so.1" ;;
    static*libagw*) fail "$1 needs the shared library" ;;
    esac
}

# CMake, which looks into lib64 where the distribution has that: then it is told of it here.
where() { # prefix
    case $libdir in
    lib64) echo "-Dagw_DIR=$1/lib64/cmake/agw" ;;
    *) echo "-DCMAKE_PREFIX_PATH=$1" ;;
    esac
}
build() { # folder, prefix, further options ...
    folder=$1
    prefix=$2
    shift 2
    cmake -S $outside -B "$work/$folder" "$(where "$prefix")" "$@"
}
quietly "cmake" build cmake "$copy" -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Werror"
quietly "the build with cmake" cmake --build "$work/cmake"
for language in c cpp; do
    for kind in shared static; do
        expect_call "$work/cmake/$language-$kind" $kind
    done
done

# Where /lib is a link to /usr/lib, CMake may come by /lib, beside which there are no headers.
mkdir "$work/merged"
ln -s "$copy/${libdir%%/*}" "$work/merged/${libdir%%/*}"
quietly "cmake by a link" build linked "$work/merged"

# Another major version, or a newer one, is not this one.
for wanted in 0.9 2.0 1.999; do
    mkdir "$work/wants-$wanted"
    printf '%s\n' 'cmake_minimum_required(VERSION 3.13)' 'project(wants LANGUAGES C)' \
        "find_package(agw $wanted REQUIRED)" >"$work/wants-$wanted/CMakeLists.txt"
    if cmake -S "$work/wants-$wanted" -B "$work/wants-$wanted/build" \
        "$(where "$copy")" >"$work/log" 2>&1; then
        fail "find_package(agw $wanted) takes $version"
    fi
    grep -q "version: $version" "$work/log" || fail "find_package(agw $wanted) failed otherwise"
done

# pkg-config, told where the copy stands now (an archive's agw.pc knows by itself); its answers are
# quoted for a shell.
ln -s "$copy" "$work/copy"
export PKG_CONFIG_LIBDIR="$work/copy/$libdir/pkgconfig"
case $(grep ^prefix= "$PKG_CONFIG_LIBDIR/agw.pc") in
prefix=/opt/agw | prefix=/usr)
    flags() { pkg-config --define-variable=prefix="$work/copy" "$@" agw; }
    ;;
*) flags() { pkg-config "$@" agw; } ;;
esac
compile() { # c or cpp, program, link options ...
    language=$1
    program=$2
    shift 2
    case $language in
    c) set -- cc -std=c89 $outside/outside.c "$@" ;;
    cpp) set -- c++ -std=c++11 $outside/outside.cpp "$@" ;;
    esac
    # shellcheck disable=SC2046 # pkg-config prints a list of words
    quietly "the build of $program" "$@" -o "$work/$program" $(flags --cflags)
}
for language in c cpp; do
    # shellcheck disable=SC2046
    compile "$language" "pc-$language-shared" $(flags --libs)
    expect_call "$work/pc-$language-shared" shared
    # shellcheck disable=SC2046
    compile "$language" "pc-$language-static" "$lib/libagw.a" \
        $(flags --static --libs | sed 's/ -lagw / /')
    expect_call "$work/pc-$language-static" static
done
echo "packages: $libdir: CMake and pkg-config, C and C++, shared and static, from a moved copy: all well"
