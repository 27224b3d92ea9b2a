#!/bin/sh
# The libraries for Linux as they are released, and the programs beside them: they run from glibc
# 2.17 on, or with musl, know no path of the machine that built them, and carry the list of their
# dependencies. platforms.txt says where they come to.
#
#     bindings/packaging/linux.sh [--libraries] [PLATFORM ...]
#
# The platforms are of platforms.txt; without one, all for Linux, with QUICK=1 those that are made
# always. With --libraries the programs are left out.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
table=bindings/packaging/platforms.txt
crates=${CARGO_HOME:-$HOME/.cargo}
std=/usr/lib/rustlib/src/rust/library

# Of two of them rustup has no std: it is built along, by Debian's rustc-web.
tests/tools.sh "/usr/bin/rustc rustc-web" "$std/std/src/lib.rs rust-web-src" \
    "aarch64-linux-gnu-ld binutils-aarch64-linux-gnu"
PATH=$(bindings/packaging/tools.sh):$PATH
CARGO=$root/bindings/packaging/auditable.sh
flags="--remap-path-prefix=$crates=/cargo --remap-path-prefix=$root=/agw"
export PATH CARGO

with_std() { # command, which gets what it takes to build std
    RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS="$flags --remap-path-prefix=$(realpath $std)=/std --remap-path-prefix=$std=/std" \
        "$@" -Zbuild-std=std,panic_unwind
}

build() { # platform, folder, Rust's name, glibc
    tools=
    how=with_std
    case $1 in
    linux-x86_64) how="env" ;;
    linux-aarch64) tools=aarch64-linux-gnu- ;;
    linux-musl-*) flags="$flags -Ctarget-feature=-crt-static" ;; # else there is no shared library
    esac
    [ "$4" = - ] || set -- "$1" "$2" "$3" ".$4"
    # The crate types are named because cargo leaves link-time optimisation out beside an rlib.
    RUSTFLAGS=$flags $how cargo-zigbuild rustc --locked --release --lib --features c-library \
        --crate-type cdylib,staticlib --target "$3${4#-}" --target-dir "$target/$2/build"
    built=$target/$2/build/$3/release
    cp "$built/libagw.so" "$target/$2/libagw.so"
    LD=${tools}ld OBJCOPY=${tools}objcopy AR=${tools}ar \
        bindings/packaging/localise.sh "$built/libagw.a" "$target/$2/libagw.a"
    [ -n "$programs" ] || return 0
    RUSTFLAGS=$flags $how cargo-zigbuild build --locked --release -p agw-check -p agw-simulator \
        --target "$3${4#-}" --target-dir "$target/$2/build"
    cp "$built/agw-check" "$built/agw-simulator" "$target/$2/"
}

programs=yes
[ "${1-}" != --libraries ] || { programs= && shift; }
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(sed -n "s/^\(linux-[^ ]*\).*${QUICK:+ always}\$/\1/p" $table)
for platform; do
    row=$(grep "^$platform " $table) || { echo "linux: no platform $platform" >&2; exit 1; }
    # shellcheck disable=SC2086 # a list of words; what flags gets is for this one alone
    (build $row)
done
