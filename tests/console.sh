#!/bin/sh
# The simulator's console in headless Chromium, which Debian has: what rings by a click is rejected
# by the library, by keyboard alone, too; axe-core finds nothing; no request leaves loopback.
#
#     tests/console.sh --library FILE --simulator FILE
set -eu

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"

[ $# = 4 ] && [ "$1" = --library ] && [ "$3" = --simulator ] || {
    echo "usage: $0 --library FILE --simulator FILE" >&2
    exit 2
}
AGW_LIBRARY=$(there "$2")
AGW_SIMULATOR=$(there "$4")
cd "$(dirname "$0")/.."
begun=$(date +%s)
tests/tools.sh "chromium chromium" "chromedriver chromium-driver"
here=tests/console
target=${CARGO_TARGET_DIR:-target}
case "$target" in /*) ;; *) target=$(pwd)/$target ;; esac
tools=$target/console
if ! cmp -s $here/requirements.txt "$tools/requirements.txt"; then
    echo "console: pip installs what $here/requirements.txt names into $tools"
    rm -rf "$tools"
    "${PYTHON:-python3}" -m venv "$tools"
    pip() { "$tools/bin/python" -m pip install -q --disable-pip-version-check "$@"; }
    grep '^axe-' $here/requirements.txt >"$tools/axe.txt"
    grep -v '^axe-' $here/requirements.txt >"$tools/others.txt"
    pip --no-deps -r "$tools/axe.txt"
    pip -r "$tools/others.txt"
    cp $here/requirements.txt "$tools/requirements.txt"
fi
echo "console: Chromium and its tools are here after $(($(date +%s) - begun)) s"
export AGW_LIBRARY AGW_SIMULATOR PYTHONPATH=bindings/python/src:bindings/simulator/src PYTHONDONTWRITEBYTECODE=1
exec timeout 600 "$tools/bin/python" -m pytest -q -p no:cacheprovider $here
