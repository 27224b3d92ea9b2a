#!/bin/sh
# Runs a Windows program of 64 or 32 bit, or sets up what that takes.
#
#     tests/windows/wine.sh setup|serve|stop
#     tests/windows/wine.sh x64|x86 PROGRAM [ARGUMENT ...]
#
# Wine of 64 bit is Debian's package. That of 32 bit would need a foreign architecture in dpkg; its
# packages are unpacked into a folder of ours instead, which leaves the machine as it is.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
mkdir -p "$target/windows/wine"
home=$(cd "$target/windows/wine" && pwd)
unpacked=$home/i386

unpack_32_bit() {
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # Without FreeType, of which Wine complains: with it, but without fonts, it hangs.
    "$here/../debian.sh" "$unpacked" "$suite" i386 \
        wine32 libwine libc6 libgcc-s1 libz-mingw-w64
    # As libwine's own script does after the installation.
    zlib=$unpacked/usr/i686-w64-mingw32/lib/zlib1.dll
    builtin=$unpacked/usr/lib/i386-linux-gnu/wine/i386-windows/zlib1.dll
    { head -c 64 "$zlib" && printf 'Wine builtin DLL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' &&
        tail -c +97 "$zlib"; } >"$builtin"
    patchelf --set-interpreter "$unpacked/lib/i386-linux-gnu/ld-linux.so.2" \
        "$unpacked/usr/lib/wine/wine"
    touch "$unpacked/complete"
}

# Never with a backtrace: Wine's 32-bit dbghelp crashes over one. Nor with a desktop: without a
# screen each explorer.exe starts the next, thousands of them.
export WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml,winedbg.exe,explorer.exe=" RUST_BACKTRACE=0
export WINESERVER=/usr/lib/wine/wineserver64

prefix() { # width
    case $1 in
    x64) export WINEARCH=win64 WINEPREFIX="$home/prefix-x64" ;;
    x86) export WINEARCH=win32 WINEPREFIX="$home/prefix-x86" ;;
    esac
    mkdir -p "$WINEPREFIX"
}

x64() {
    prefix x64
    exec /usr/lib/wine/wine64 "$@"
}

x86() {
    prefix x86
    LD_LIBRARY_PATH="$unpacked/lib/i386-linux-gnu:$unpacked/usr/lib/i386-linux-gnu" \
        exec "$unpacked/usr/lib/wine/wine" "$@"
}

case "${1-}" in
setup)
    "$here/../tools.sh" "/usr/lib/wine/wine64 wine64" "patchelf patchelf"
    [ -e "$unpacked/complete" ] || unpack_32_bit
    "$0" serve
    ;;
serve) # Wine's server, for ten minutes after the last program: one that ends after its usual three
    # seconds kills a program that starts just then, with a 1 and no word
    "$0" stop
    for width in x64 x86; do
        prefix $width
        $WINESERVER -p600 </dev/null >"$home/server.log" 2>&1
        # The first program of each width makes its Windows folder, and starts Windows' services.
        if ! ("$width" cmd /c ver) >"$home/setup.log" 2>&1 ||
            ! grep -q 'Windows 6' "$home/setup.log"; then
            cat "$home/server.log" "$home/setup.log" >&2
            echo "wine: no $width" >&2
            exit 1
        fi
    done
    ;;
stop) # what Wine still runs in the background
    for width in x64 x86; do
        prefix $width
        $WINESERVER -k || true
    done
    ;;
x64 | x86) "$@" ;;
*)
    echo "usage: $0 setup | serve | stop | x64 PROGRAM ... | x86 PROGRAM ..." >&2
    exit 2
    ;;
esac
