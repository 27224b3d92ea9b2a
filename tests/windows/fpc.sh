#!/bin/sh
# Compiles a Pascal program for Windows with Debian's Free Pascal, which has none of the units for
# that: those that are needed are compiled from its sources, and for 32 bit a compiler, too.
#
#     tests/windows/fpc.sh x64|x86 PROGRAM.pas OPTION ...
set -eu

. "$(dirname "$0")/../shell.sh"
me="windows: fpc"

[ $# -gt 1 ] || { echo "usage: $0 x64|x86 PROGRAM.pas OPTION ..." >&2; exit 2; }
width=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
"$here/../tools.sh" "/usr/share/fpcsrc fpc-source"
version=$(fpc -iV)
source=/usr/share/fpcsrc/$version
mkdir -p "$target/windows"
home=$(cd "$target/windows" && pwd)/fpc-$version-$width

case $width in
x64) system=win64 processor=x86_64 compiler=fpc ;;
x86) system=win32 processor=i386 compiler=$home/compiler/pp ;;
*) fail "no width $width" ;;
esac

# Debian's packages have no list of messages as the compiler's sources want it, only its source.
make_compiler() {
    mkdir -p "$home/compiler"
    cd "$home/compiler"
    compiling=$source/compiler
    fpc -v0e -FE. -FU. "$compiling/utils/msg2inc.pp"
    ./msg2inc "/usr/lib/$(gcc -print-multiarch)/fpc/$version/msg/errore.msg" msg msg
    fpc -v0e -di386 -O1 -Fu"$compiling/i386" -Fu"$compiling/x86" -Fu"$compiling/systems" \
        -Fu"$compiling" -Fi. -Fi"$compiling/i386" -Fi"$compiling/x86" -Fi"$compiling" -FU. -FE. \
        "$compiling/pp.pas"
}

make_units() {
    mkdir -p "$home/units"
    rtl=$source/rtl
    set -- -T$system -n -v0e -Sg -FU"$home/units"
    for folder in $system win win/wininc inc $processor objpas objpas/sysutils; do
        set -- "$@" -Fi"$rtl/$folder" -Fu"$rtl/$folder"
    done
    "$compiler" "$@" -Us "$rtl/$system/system.pp"
    for unit in $(cd "$rtl" && ls $system/sysinit*.pp) objpas/objpas.pp win/sysutils.pp \
        inc/fpintres.pp; do
        "$compiler" "$@" "$rtl/$unit"
    done
}

set_up() {
    rm -rf "$home"
    mkdir -p "$home"
    [ "$width" = x64 ] || make_compiler
    make_units
    touch "$home/complete"
}
if [ ! -e "$home/complete" ]; then
    trap 'cat "$home.log" >&2' EXIT
    (set_up) >"$home.log" 2>&1
    trap - EXIT
fi
exec "$compiler" -T$system -n -v0ew -Sew -Fu"$home/units" "$@"
