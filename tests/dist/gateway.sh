#!/bin/sh
# Runs a command with a simulated gateway at hand, whose URL, CA file and Guid (of agent 155, at
# whom nothing rings) are in AGW_TEST_URL, AGW_TEST_CA and AGW_GUID.
#
#     tests/dist/gateway.sh SIMULATOR COMMAND [ARGUMENT ...]
set -eu

simulator=$1
shift
work=$(mktemp -d)
. "$(dirname "$0")/../simulator/start.sh"
trap 'stop_simulator; rm -rf "$work"' EXIT
start_simulator "$work/out" "$simulator" --ca-out "$work/ca.pem" --agent 155
AGW_GUID=$(guid_of 155)
export AGW_GUID AGW_TEST_URL="$url" AGW_TEST_CA="$work/ca.pem"
"$@"
