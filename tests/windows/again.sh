#!/bin/sh
# Plays a part of the tests under Wine. Where it fails, and Wine said that its own server broke off,
# which is no fault of agw's, it is played again, once. What both said is printed.
#
#     tests/windows/again.sh COMMAND [ARGUMENT ...]
#     tests/windows/again.sh --self-test
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

server=${CARGO_TARGET_DIR:-$(dirname "$0")/../../target}/windows/wine/server.log

play() {
    code=0
    "$@" >"$work/log" 2>&1 || code=$?
    # Of a program that it killed the server alone may tell.
    [ $code = 0 ] || cat "$server" >>"$work/log" 2>/dev/null || true
    cat "$work/log"
}

# So begins what a Windows program says of Wine's server, what that says itself, and nothing else.
broke_off() {
    grep -Eq 'wine client error:[0-9a-f]+: |^Protocol error: process [0-9a-f]+: ' "$work/log"
}

part() {
    play "$@"
    [ $code != 0 ] && broke_off || return $code
    echo "windows: Wine's own server broke off; this is played again, once: $*"
    "$(dirname "$0")/wine.sh" serve
    play "$@"
    return $code
}

expect() { # times it is played, exit code, what is played: a message and an exit code for each time
    times=$1 ends=$2
    shift 2
    : >"$work/played"
    ended=0
    # shellcheck disable=SC2016 # the inner shell's
    "$0" sh -c 'file=$1
        echo >>"$file"
        [ "$(wc -l <"$file")" = 1 ] || shift 2
        echo "$2"
        exit "$3"' planted "$work/played" "$@" >"$work/printed" 2>&1 || ended=$?
    told=$(grep -c "$1" "$work/printed") || true
    again=$(grep -c 'played again' "$work/printed") || true
    if [ "$(wc -l <"$work/played")" != "$times" ] || [ $ended != "$ends" ] || [ "$told" = 0 ] ||
        [ "$again" != $((times - 1)) ]; then
        cat "$work/printed"
        echo "windows: again: not played $times times to end with $ends: $*" >&2
        exit 1
    fi
}

[ "${1-}" = --self-test ] || { part "$@"; exit; }

broken="wine client error:24: recvmsg: Connection reset by peer"
expect 2 0 "$broken" 1 "it works" 0
expect 2 0 "Protocol error: process 0024: recvmsg: Bad address" 1 "it works" 0
expect 2 3 "$broken" 1 "$broken" 3
expect 1 0 "$broken" 0
expect 1 4 "windows: x64: tests/c/abi.c as c89 ended with 4" 4
expect 1 1 "recvmsg: Connection reset by peer" 1
echo "windows: what Wine's server breaks off is played again, once; what fails otherwise is not"
