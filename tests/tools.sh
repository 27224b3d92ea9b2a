#!/bin/sh
# Makes sure that the programs which the tests call are there: installs them where that is
# possible, and otherwise names them and fails. Nothing is skipped for want of a tool.
# Arguments name more of them, each as "program package"; an absolute path may be any file.
set -eu

. "$(dirname "$0")/shell.sh"
me=setup

missing=""
for needed in "cargo cargo (https://rustup.rs)" "cc gcc" "c++ g++" "g++ g++" "clang++ clang" \
    "cmake cmake" "make make" "git git" "localedef libc-bin" \
    "/usr/share/i18n/charmaps/GBK.gz locales" "nm binutils" "readelf binutils" \
    "setpriv util-linux" "pkg-config pkg-config" "python3 python3" "openssl openssl" \
    "/usr/include/gnutls/gnutls.h libgnutls28-dev" "curl curl" "mcs mono-mcs" \
    "mono mono-runtime" "fpc fp-compiler" "$@"; do
    program=${needed%% *}
    command -v "$program" >/dev/null 2>&1 || [ -e "$program" ] || missing="$missing ${needed#* }"
done
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

ipv6() {
    ! command -v python3 >/dev/null 2>&1 ||
        python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null
}
on="net.ipv6.conf.lo.disable_ipv6=0"
ipv6 || {
    echo "setup: tests need IPv6's loopback address ::1; until the next boot: sysctl -w $on"
    sysctl -qw $on || true
}
ipv6 || fail "still no ::1"

[ -n "$missing" ] || exit 0

# On a fresh machine the daily update may have the lock, and the mirror may have a hiccup.
# shellcheck disable=SC2086,SC2329 # lists of words; called by again
install_missing() {
    patient="-o DPkg::Lock::Timeout=600 -o Acquire::Retries=5"
    apt-get update -q $patient && DEBIAN_FRONTEND=noninteractive apt-get install -qy $patient \
        --no-install-recommends $missing
}

case "$missing" in
*cargo*) ;;
*)
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "setup: tests need more: apt-get update, then apt-get install$missing"
        ! again install_missing || exit 0
    fi
    ;;
esac
fail "tests need, please install:$missing"
