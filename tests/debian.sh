#!/bin/sh
# Unpacks Debian packages into a folder, also those of another suite or architecture than the
# machine has. Nothing is installed, and the machine's apt is left alone: lists, cache and status are
# of our own, only the mirror is the machine's. The folder is there when it is complete.
#
#     tests/debian.sh FOLDER SUITE ARCHITECTURE PACKAGE ...
set -eu

. "$(dirname "$0")/shell.sh"

[ $# -gt 3 ] || { echo "usage: $0 FOLDER SUITE ARCHITECTURE PACKAGE ..." >&2; exit 2; }
mkdir -p "$(dirname "$1")"
folder=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
suite=$2
architecture=$3
shift 3
command -v apt-get >/dev/null 2>&1 || fail "no apt-get: this takes a Debian"

work=$folder.part
rm -rf "$work" "$folder"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

# Of Debian itself: the security archive lacks most packages, and its i386 index is broken.
# A fresh machine has no lists, from which apt would tell.
[ -n "$(mirror)" ] || quietly "apt-get update" again apt-get -q update
mirror=$(mirror)
[ -n "$mirror" ] || fail "apt knows no mirror of Debian"

mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/packages" "$work/root"
: >"$work/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<EOF
APT::Architecture "$architecture";
APT::Architectures "$architecture";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "5";
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
EOF
export APT_CONFIG="$work/apt.conf"

cd "$work/packages"
quietly "apt-get update" again apt-get -q update
quietly "apt-get download" again apt-get -q download "$@"
for package in *.deb; do
    dpkg-deb -x "$package" "$work/root"
done
# A link to /etc/... means the folder's own.
find "$work/root" -type l -lname '/*' | while read -r link; do
    ln -sfnr "$work/root$(readlink "$link")" "$link"
done
mv "$work/root" "$folder"
