#!/bin/sh
# Makes sure that the programs which the tests call are there: installs them where that is
# possible, and otherwise names them and fails. Nothing is skipped for want of a tool.
# Arguments name more of them, each as "program package"; an absolute path may be any file.
set -eu

missing=""
need() { # program, Debian package
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"
}

need cargo "cargo (https://rustup.rs)"
need cc gcc
need c++ g++
need g++ g++
need clang++ clang
need cmake cmake
need make make
need git git
need localedef libc-bin
need /usr/share/i18n/charmaps/GBK.gz locales
need nm binutils
need readelf binutils
need setpriv util-linux
need pkg-config pkg-config
need python3 python3
need openssl openssl
need /usr/include/gnutls/gnutls.h libgnutls28-dev
need curl curl
need mcs mono-mcs
need mono mono-runtime
need fpc fp-compiler
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
for more in "$@"; do
    need "${more% *}" "${more#* }"
done

ipv6() {
    ! command -v python3 >/dev/null 2>&1 ||
        python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null
}
on="net.ipv6.conf.lo.disable_ipv6=0"
ipv6 || {
    echo "setup: tests need IPv6's loopback address ::1; until the next boot: sysctl -w $on"
    sysctl -qw $on || true
}
ipv6 || {
    echo "setup: still no ::1" >&2
    exit 1
}

[ -n "$missing" ] || exit 0

case "$missing" in
*cargo*) ;;
*)
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "setup: tests need more: apt-get update, then apt-get install$missing"
        # On a fresh machine the daily update may have the lock, and the mirror may have a hiccup.
        patient="-o DPkg::Lock::Timeout=600 -o Acquire::Retries=5"
        for _ in 1 2 3 4 5; do
            # shellcheck disable=SC2086 # lists of words
            if apt-get update -q $patient &&
                DEBIAN_FRONTEND=noninteractive apt-get install -qy $patient \
                    --no-install-recommends $missing; then
                exit 0
            fi
            sleep 10
        done
    fi
    ;;
esac
echo "setup: tests need, please install:$missing" >&2
exit 1
