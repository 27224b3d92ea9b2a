#!/bin/sh
# The Windows archives, unpacked and used from there: the example in C through pkg-config, through
# CMake, and linked with the import library for MSVC; each calls under Wine, and the programs run.
#
#     tests/dist/windows.sh FOLDER-OF-THE-PACKAGES            (environment as in gateway.sh)
set -eu

. "$(dirname "$0")/../shell.sh"

dist=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
wine=$root/tests/windows/wine.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >CMakeLists.txt <<'EOF'
cmake_minimum_required(VERSION 3.13)
project(outside LANGUAGES C)
find_package(agw 1.0 REQUIRED)
add_executable(cmake ${EXAMPLE})
target_link_libraries(cmake PRIVATE agw::agw)
EOF
configure() { # build folder, mingw's prefix
    cmake -S . -B "$1" -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_C_COMPILER="$2-gcc" \
        -DCMAKE_RC_COMPILER="$2-windres" -DCMAKE_PREFIX_PATH="$copy" \
        -DEXAMPLE="$copy/examples/reject.c" >log 2>&1
}

# The DLL lies beside the program.
rejects() { # width, program
    mkdir -p "run-$1"
    cp "$copy/bin/agw.dll" "$2" "run-$1/"
    (cd "run-$1" && is_too_late "$wine" "$1" "$(basename "$2")") || fail "$1: $2: $(cat log)"
}

for width in x64 x86; do
    case $width in
    x64) mingw=x86_64-w64-mingw32 other=i686-w64-mingw32 ;;
    x86) mingw=i686-w64-mingw32 other=x86_64-w64-mingw32 ;;
    esac
    python3 -m zipfile -e "$dist"/agw-*-windows-$width.zip "$width"
    copy=$(echo "$work/$width"/agw-*)
    export PKG_CONFIG_LIBDIR="$copy/lib/pkgconfig"
    # shellcheck disable=SC2046 # pkg-config prints a list of words
    "$mingw-gcc" -o $width/pkgconfig.exe "$copy/examples/reject.c" $(pkg-config --cflags --libs agw)
    "$mingw-gcc" -o $width/msvc.exe "$copy/examples/reject.c" -I"$copy/include" "$copy/lib/agw.lib"
    configure "$width/build" "$mingw" || { cat log; fail "$width: cmake"; }
    cmake --build $width/build >log 2>&1 || { cat log; fail "$width: the build with cmake"; }
    for program in $width/pkgconfig.exe $width/msvc.exe $width/build/cmake.exe; do
        rejects "$width" "$program"
    done
    "$root/tests/dist/programs.sh" "$copy" .exe "$wine" $width
    # A program of the other width does not get this library.
    if configure "$width/other" "$other"; then
        fail "CMake takes the library for $width for a program of $other"
    fi
    grep -q "windows-$width" log || { cat log; fail "CMake refuses it otherwise"; }
done
echo "dist/windows: x64 and x86, by pkg-config, CMake and agw.lib: all call under Wine"
