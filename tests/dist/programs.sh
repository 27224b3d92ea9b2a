#!/bin/sh
# The programs of an unpacked package: its simulator starts, and its agw-check says that the
# simulator's certificate holds; not without its CA.
#
#     tests/dist/programs.sh FOLDER ENDING [STARTER ...]      ENDING is .exe or nothing
#
# What starts a program that is for another system stands behind, such as tests/windows/wine.sh x64.
set -eu

. "$(dirname "$0")/../shell.sh"

bin=$(cd "$1/bin" && pwd)
ending=$2
shift 2
work=$(mktemp -d)
. "$(dirname "$0")/../simulator/start.sh"
trap 'stop_simulator; rm -rf "$work"' EXIT

start_simulator "$work/out" "$@" "$bin/agw-simulator$ending" --ca-out "$work/ca.pem"
check() { # exit code, what is said, starter ...
    wanted=$1 said=$2 code=0
    shift 2
    "$@" >"$work/log" 2>&1 || code=$?
    if [ $code != "$wanted" ] || ! grep -q "$said" "$work/log"; then
        cat "$work/log"
        fail "agw-check ended with $code"
    fi
}
check 0 "checked against ca: it holds" "$@" "$bin/agw-check$ending" --url "$url" --ca "$work/ca.pem"
check 6 "pin_sha256 can be that" "$@" "$bin/agw-check$ending" --url "$url" --pin "$(printf %064d 0)"
echo "dist/programs: agw-check and the simulator of $(basename "$(dirname "$bin")")"
