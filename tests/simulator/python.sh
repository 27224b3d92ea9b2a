#!/bin/sh
# The Python package of the simulator, as its users meet it: checked with ruff and mypy, built into a
# wheel, and installed beside pytest and agw; its tests run there, and the example of its README.
#
#     tests/simulator/python.sh --simulator target/debug/examples/simulator
#
# PYTHON names the interpreter. tests/python.sh has run before: its tools and its wheel are used. What
# is made stays below target/python.
set -eu

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/../shell.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
python=${PYTHON:-python3}
take_options "$@"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
package=$root/bindings/simulator
made=$(cd "$target/python/$version" && pwd) || fail "tests/python.sh has not run"
tools=$made/tools/bin
client=$(find "$made/dist" -name 'agw_client-*-py3-none-*.whl')
work=$made/simulator
for licence in LICENSE-MIT LICENSE-APACHE; do
    cmp -s "$root/$licence" "$package/$licence" || fail "$licence differs from the project's"
done

export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
unset PYTHONPATH PYTHONHOME AGW_LIBRARY AGW_SIMULATOR AGW_WHEEL_PLATFORM
rm -rf "$work"
mkdir -p "$work"
cp "$simulator" "$work/agw-simulator"

cd "$package"
"$tools/ruff" check --cache-dir "$made/ruff" -q .
"$tools/ruff" format --cache-dir "$made/ruff" -q --check .
MYPYPATH=src "$tools/mypy" --strict --cache-dir "$made/mypy-simulator" --no-error-summary \
    src/agw_simulator tests hatch_build.py
echo "simulator/python: ruff and mypy --strict found nothing"

quietly "building the wheel" env AGW_WHEEL_SIMULATOR="$work/agw-simulator" "$tools/python" \
    -m build --no-isolation --wheel --outdir "$work/dist" .
wheel=$(find "$work/dist" -name 'agw_simulator-*-py3-none-*.whl')
case "$wheel" in
*-any.whl) fail "the wheel claims to fit any platform" ;;
'') fail "no wheel tagged py3-none-PLATFORM" ;;
esac
if "$tools/python" -m build --no-isolation --wheel --outdir "$work/none" . >"$work/log" 2>&1; then
    fail "a wheel is built without a program"
fi
grep -q "set AGW_WHEEL_SIMULATOR" "$work/log" || fail "it is not said how to name a program"

"$python" -m venv "$work/clean"
clean=$work/clean/bin/python
"$clean" -m pip install -q --no-index --no-deps "$wheel" "$client"
grep -E '^pytest==' "$root/bindings/python/requirements.txt" >"$work/pytest.txt"
"$clean" -m pip install -q -r "$work/pytest.txt"

# Elsewhere, so that no source is found. What is expected is planted wrongly once.
cp -R "$package/tests" "$work/tests"
cp "$package/pyproject.toml" "$work/tests/"
cd "$work/tests"
# shellcheck disable=SC2016 # they are the README's
sed -n '/^```python$/,/^```$/{/^```/d;p;}' "$package/README.md" >test_readme.py
[ "$(grep -c '^def test_' test_readme.py)" = 1 ] || fail "the README has not one example"
run() { timeout 120 "$clean" -m pytest -q -p no:cacheprovider "$@"; }
run . || fail "the tests failed"
sed 's/"100-006", "0"/"0", "0"/' test_readme.py >planted.py
if run planted.py >"$work/log" 2>&1; then fail "a wrong expectation passes"; fi
grep -q "AssertionError" "$work/log" || fail "the planted fault is not what fails: $(cat "$work/log")"
echo "simulator/python: all passed, $(basename "$wheel")"
