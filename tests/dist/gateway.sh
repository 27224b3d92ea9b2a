#!/bin/sh
# Runs a command with a simulated gateway at hand, whose URL, CA file and Guid (of agent 155, at
# whom nothing rings) are in AGW_TEST_URL, AGW_TEST_CA and AGW_GUID.
#
#     tests/dist/gateway.sh SIMULATOR COMMAND [ARGUMENT ...]
set -eu

simulator=$1
shift
work=$(mktemp -d)
"$simulator" --port 0 --quiet --auth static --ca-out "$work/ca.pem" --agent 155 >"$work/out" 2>&1 &
gateway=$!
trap 'kill $gateway 2>/dev/null; wait $gateway 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
tries=0
until grep -q '^ready ' "$work/out"; do
    tries=$((tries + 1))
    if [ $tries -ge 100 ] || ! kill -0 $gateway 2>/dev/null; then
        echo "gateway: the simulator is not ready: $(cat "$work/out")" >&2
        exit 1
    fi
    sleep 0.1
done
AGW_TEST_URL=$(sed -n 's/^ready url=\([^ ]*\) .*/\1/p' "$work/out")
AGW_TEST_CA=$work/ca.pem
AGW_GUID=$(sed -n 's/.*agent=155 guid=//p' "$work/out")
export AGW_TEST_URL AGW_TEST_CA AGW_GUID
"$@"
