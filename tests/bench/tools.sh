#!/bin/sh
# Makes sure that what the benches call and link is there: installs it where that is possible, and
# otherwise names it and fails.
set -eu

missing=""
program() { # program, Debian package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
library() { # name for pkg-config, Debian package
    pkg-config --exists "$1" 2>/dev/null || missing="$missing $2"
}

program cc gcc
program strip binutils
program pkg-config pkg-config
program python3 python3
program openssl openssl
program nginx nginx-light
program strace strace
program valgrind valgrind
program mcs mono-mcs
program mono mono-runtime
library libcurl libcurl4-openssl-dev
library jansson libjansson-dev
library openssl libssl-dev
python3 -c "import ensurepip, venv" 2>/dev/null || missing="$missing python3-venv"

[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "the benches need more: apt-get update, then apt-get install$missing"
    apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing
    case "$missing" in # The benches start one of their own; Debian's is not to run on.
    *nginx*) if [ -d /run/systemd/system ]; then systemctl disable --now nginx; fi ;;
    esac
    exit 0
fi
echo "the benches need, please install:$missing" >&2
exit 1
