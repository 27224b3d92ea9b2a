#!/bin/sh
# Installs what building and checking the packages needs, and prints the folder of the programs.
# The Python packages go below target/, cargo-auditable to where cargo puts its programs.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
venv=${CARGO_TARGET_DIR:-$root/target}/packaging
wanted=$root/bindings/packaging/requirements.txt
auditable=0.7.7

if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    echo "packaging: pip installs what $wanted names into $venv" >&2
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv" >&2
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$wanted" >&2
    cp "$wanted" "$venv/requirements.txt"
fi
cargo install --list | grep -q "^cargo-auditable v$auditable:" || {
    echo "packaging: cargo install cargo-auditable@$auditable" >&2
    cargo install --locked --quiet "cargo-auditable@$auditable" >&2
}
echo "$venv/bin"
