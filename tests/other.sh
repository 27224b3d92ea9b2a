#!/bin/sh
# The programs of bindings/other/README.md, taken out of it and run against the simulator: what rings
# is rejected, then it is too late. Before a release, not at each change.
#
#     tests/other.sh STAGE SIMULATOR      STAGE is where `make stage` installed
set -eu

[ $# = 2 ] || { echo "usage: $0 STAGE SIMULATOR" >&2; exit 2; }
stage=$1
simulator=$2
cd "$(dirname "$0")/.."
. tests/shell.sh
readme=$(pwd)/bindings/other/README.md
tests/tools.sh "javac default-jdk-headless" "/usr/share/java/jna.jar libjna-java" "node nodejs" \
    "npm npm" "go golang-go" "luajit luajit"
koffi=3.3.4
kept=$target/koffi-$koffi
[ -e "$kept/complete" ] || {
    mkdir -p "$kept"
    npm install --silent --no-audit --no-fund --prefix "$kept" "koffi@$koffi"
    touch "$kept/complete"
}
work=$(mktemp -d)
. tests/simulator/start.sh
trap 'stop_simulator; rm -rf "$work"' EXIT
export LD_LIBRARY_PATH="$stage/lib" PKG_CONFIG_PATH="$stage/lib/pkgconfig"
export GOCACHE="$work/go" GO111MODULE=off

example() { # language, file
    sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$readme" | grep -v '^```' >"$work/$2"
    [ -s "$work/$2" ] || fail "no example in $1"
}
rejects() { # language, command ...
    me="hosts: $1"
    shift
    start_simulator "$work/out" "$simulator" --ca-out "$work/ca.pem" --agent 155 --ring 155
    AGW_GUID=$(guid_of 155)
    export AGW_GUID
    for wanted in '0 *retcode=0' '302 *retcode=101-001'; do
        said=$(timeout 60 "$@" "$url" "$work/ca.pem" 155 2>&1 | tr '\t' ' ') || true
        says "$wanted" "$said"
    done
    stop_simulator
    echo "$me: rejected, then too late"
}

example java Reject.java
example js reject.js
example go reject.go
example lua reject.lua
javac -cp /usr/share/java/jna.jar -d "$work" "$work/Reject.java"
rejects Java java -cp "/usr/share/java/jna.jar:$work" Reject
NODE_PATH=$kept/node_modules rejects Node node "$work/reject.js"
(cd "$work" && go build -o reject-go reject.go)
rejects Go "$work/reject-go"
rejects LuaJIT luajit "$work/reject.lua"
