#!/bin/sh
# Every package of `make dist`, held to what is promised of it, unpacked into an empty folder, and
# used from there, as the scripts beside this one say.
#
# With QUICK=1 the platforms that platforms.txt leaves to a release are left out, and only the library
# of linux-x86_64 is built again and compared; both is said.
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
here=tests/dist
tests/tools.sh "xbuild mono-xbuild" "nuget nuget" "dpkg-deb dpkg" "rpm rpm" "rpm2archive rpm" \
    "debootstrap debootstrap" "musl-gcc musl-tools"
PATH=$(bindings/packaging/tools.sh):$PATH
export PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --locked --quiet --example simulator
with_gateway() { $here/gateway.sh "$target/debug/examples/simulator" "$@"; }

python -B $here/contents.py --self-test "$target"
python -B $here/contents.py "$target"
tar xzf "$target"/dist/agw-*-linux-x86_64.tar.gz -C "$work"
package=$(echo "$work"/agw-*)
tests/packages.sh lib "$package"
tests/static.sh "$package"
$here/programs.sh "$package" ""
with_gateway $here/systems.sh "$target/dist" "$target/bookworm"
with_gateway $here/old_glibc.sh "$package" "$target/glibc"
with_gateway $here/python.sh "$target/dist" "$target/linux/libagw.so"
with_gateway $here/csharp.sh "$target"/dist/Agw.Client.*.nupkg
elsewhere="linux-aarch64 linux-musl-x86_64"
[ -z "${QUICK-}" ] || { echo "dist: left out, QUICK=1: $elsewhere" && elsewhere=; }
for platform in $elsewhere; do
    with_gateway $here/elsewhere.sh "$platform" "$target/dist" "$target/elsewhere"
done
tests/windows/wine.sh setup
with_gateway tests/windows/again.sh $here/windows.sh "$target/dist"
tests/windows/again.sh tests/windows/python.sh "$target"/dist/agw_client-*-win_amd64.whl "$target/debug/examples/simulator"
tests/windows/wine.sh stop
again=
[ -z "${QUICK-}" ] || again=linux-x86_64
# shellcheck disable=SC2086 # nothing is no argument
$here/reproducible.sh $again
