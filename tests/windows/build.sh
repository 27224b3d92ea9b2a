#!/bin/sh
# agw.dll for Windows from 7 on, 64 and 32 bit, with import libraries, and the programs beside it,
# built on Debian.
#
#     tests/windows/build.sh           into target/windows/x64 and target/windows/x86
#     tests/windows/build.sh --libraries    the same without the programs
#     tests/windows/build.sh --debug   into target/windows/debug/x64 and x86; panics on demand; no
#                                      programs
#
# Debian's rustc-web comes with std's sources, from which std is built along: there is no compiled
# one for these targets. Two builds of the same sources are the same bytes, wherever they stand.
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
me=windows
root=$(pwd)
out=$target/windows
build=$out/build
profile=release
programs=yes
case "${1-}" in
--libraries) programs= ;;
--debug)
    out=$out/debug
    profile=dev
    ;;
esac
registry=${CARGO_HOME:-$HOME/.cargo}/registry
std=/usr/lib/rustlib/src/rust/library

tests/tools.sh "/usr/bin/rustc rustc-web" "$std/std/src/lib.rs rust-web-src" \
    "x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-win32" \
    "i686-w64-mingw32-gcc gcc-mingw-w64-i686-win32" \
    "/usr/x86_64-w64-mingw32/include/windows.h mingw-w64-x86-64-dev" \
    "/usr/i686-w64-mingw32/include/windows.h mingw-w64-i686-dev" "llvm-dlltool llvm"

export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
$RUSTC --print target-list | grep -q i686-win7-windows-gnu ||
    fail "$RUSTC is too old; please install Debian's rustc-web"

# The 32-bit target wants what rustup would have put beside its std.
mkdir -p "$build/rtstartup"
for object in rsbegin rsend; do
    [ "$build/rtstartup/$object.o" -nt $std/rtstartup/$object.rs ] ||
        $RUSTC --target i686-win7-windows-gnu --emit obj -o "$build/rtstartup/$object.o" \
            $std/rtstartup/$object.rs
done

flags="-Clink-arg=-Wl,--no-insert-timestamp --remap-path-prefix=$root=agw
    --remap-path-prefix=$registry=registry --remap-path-prefix=$(realpath $std)=std
    --remap-path-prefix=$std=std"
export AGW_BUILD="$build"
export CARGO_TARGET_X86_64_WIN7_WINDOWS_GNU_LINKER="$root/tests/windows/mingw-gcc.sh"
export CARGO_TARGET_X86_64_WIN7_WINDOWS_GNU_RUSTFLAGS="$flags"
export CARGO_TARGET_I686_WIN7_WINDOWS_GNU_LINKER="$root/tests/windows/mingw-gcc.sh"
# cargo-auditable asks for its list by a name without the underscore that symbols of 32 bit have.
export CARGO_TARGET_I686_WIN7_WINDOWS_GNU_RUSTFLAGS="$flags -Lnative=$build/rtstartup
    -Clink-arg=-Wl,-u,_AUDITABLE_VERSION_INFO"

cargo_for() { # architecture as mingw calls it, target, cargo's arguments ...
    mingw=$1-w64-mingw32 triple=$2
    shift 2
    AGW_LINKER=$mingw-gcc TARGET_CC=$mingw-gcc TARGET_AR=$mingw-ar ${CARGO:-cargo} "$@" --locked \
        --profile $profile -Zbuild-std=std,panic_unwind --target-dir "$build" --target "$triple"
}

build() { # folder, target, architecture as mingw and as llvm-dlltool call it, what C names begin with
    # The crate types are named because cargo leaves link-time optimisation out beside an rlib.
    cargo_for "$3" "$2" rustc --lib --features c-library --crate-type cdylib,staticlib
    built=$build/$2/$([ $profile = dev ] && echo debug || echo $profile)
    mkdir -p "$out/$1"
    cp "$built/agw.dll" "$built/libagw.dll.a" "$out/$1/"
    tests/windows/localise.sh "$3" "$5" "$built/libagw.a" "$out/$1/libagw.a"
    { echo LIBRARY agw.dll && echo EXPORTS && cat tests/c/exports.txt; } >"$out/$1/agw.def"
    llvm-dlltool -m "$4" -D agw.dll -d "$out/$1/agw.def" -l "$out/$1/agw.lib"
    if [ $profile = dev ]; then
        # The Rust library that agw is linked beside, which has the same std.
        cargo build --locked --manifest-path tests/static/other/Cargo.toml \
            -Zbuild-std=std,panic_unwind --target-dir "$build" --target "$2"
        cp "$built/libother.a" "$out/$1/"
    elif [ -n "$programs" ]; then
        cargo_for "$3" "$2" build -p agw-check -p agw-simulator
        cp "$built/agw-check.exe" "$built/agw-simulator.exe" "$out/$1/"
        # ld leaves symbols with names of the folder they were built in.
        "$3-w64-mingw32-strip" "$out/$1/agw-check.exe" "$out/$1/agw-simulator.exe"
    fi
}
build x64 x86_64-win7-windows-gnu x86_64 i386:x86-64 ""
build x86 i686-win7-windows-gnu i686 i386 _
