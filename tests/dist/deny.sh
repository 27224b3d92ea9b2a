#!/bin/sh
# Licences, banned crates and sources of the dependencies against deny.toml, and the proof that
# each of the three can fail: deny.toml with one line changed refuses what is there.
set -eu

cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$(bindings/packaging/tools.sh):$PATH

check() { # package, configuration, checks ...
    package=$1 config=$2
    shift 2
    cargo-deny --locked --manifest-path "$package/Cargo.toml" --config "$config" check "$@" 2>&1
}
check . deny.toml licenses bans sources
# The programs of the archives. What serves HTTP in the simulator has some crates twice.
check bindings/check deny.toml licenses bans sources
check tests/simulator deny.toml licenses sources

refuses() { # check, what it says, sed script
    sed -e "$3" deny.toml >"$work/deny.toml"
    if check . "$work/deny.toml" "$1" >"$work/log" || ! grep -q "$2" "$work/log"; then
        cat "$work/log"
        echo "deny: the check of $1 lets pass what deny.toml does not allow" >&2
        exit 1
    fi
}
refuses licenses 'error\[rejected\]' 's/"ISC", //'
refuses bans 'error\[banned\]' 's/crate = "openssl-sys"/crate = "ring"/'
refuses sources 'error\[source-not-allowed\]' \
    's|^allow-registry = .*|allow-registry = ["https://elsewhere.example/index"]|'
echo "deny: licences, bans, sources, of the programs, too; each refuses a planted fault"
