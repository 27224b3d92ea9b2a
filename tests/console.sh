#!/bin/sh
# The simulator's console in headless Chromium, which Debian has: what rings by a click is rejected
# by the library, by keyboard alone, too; axe-core finds nothing; no request leaves loopback.
#
#     tests/console.sh --library FILE --simulator FILE
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
take_options "$@"
begun=$(date +%s)
tests/tools.sh "chromium chromium" "chromedriver chromium-driver"
here=tests/console
tools=$target/console
environment_of "$tools" $here/requirements.txt
# For the axe-core inside: what else it would bring, Playwright, is not wanted.
"$tools/bin/python" -m pip install -q --disable-pip-version-check --no-deps axe-playwright-python==0.1.8
echo "console: Chromium and its tools are here after $(($(date +%s) - begun)) s"
export AGW_LIBRARY="$library" AGW_SIMULATOR="$simulator" PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=bindings/python/src:bindings/simulator/src
exec timeout 600 "$tools/bin/python" -m pytest -q -p no:cacheprovider $here
