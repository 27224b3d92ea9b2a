#!/bin/sh
# The Python package, as its users meet it: checked with ruff and mypy, built into a wheel,
# installed into a clean virtual environment, and tested there, not in the source tree; also with
# an old Python, if one is here, with the examples of the README, and frozen by PyInstaller.
#
#     tests/python.sh --library target/stage/lib/libagw.so \
#         --simulator target/debug/examples/simulator --check target/debug/agw-check
#
# PYTHON names the interpreter; with EVERY set, the tests run with each Python from 3.8 to 3.13 that
# is here, too, and with Debian's PyPy. What is made stays below target/python.
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
root=$(pwd)
python=${PYTHON:-python3}
take_options "$@"
command -v "$python" >/dev/null 2>&1 || fail "no $python"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments; on Debian: apt-get install python3-venv"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

package=$root/bindings/python
work=$target/python/$version
mkdir -p "$work"
for licence in LICENSE-MIT LICENSE-APACHE; do
    cmp -s "$root/$licence" "$package/$licence" || fail "$licence differs from the project's"
done

# A leftover of one run must not decide the next; only the tools are kept, while they are the same.
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
unset PYTHONPATH PYTHONHOME AGW_LIBRARY AGW_GUID AGW_WHEEL_PLATFORM
environment_of "$work/tools" "$package/requirements.txt"
tools=$work/tools/bin

cd "$package"
"$tools/ruff" check --cache-dir "$work/ruff" -q .
"$tools/ruff" format --cache-dir "$work/ruff" -q --check .
MYPYPATH=src:tests:.. "$tools/mypy" --strict --cache-dir "$work/mypy" --no-error-summary \
    src/agw tests hatch_build.py
PYTHONPATH=src:.. "$tools/python" tests/check_header.py "$root/include/agw.h"
rm -rf "$work/samples"
mkdir "$work/samples"
awk -v to="$work/samples" '/^```python$/ { on = 1; file = to "/sample" ++n ".py"; next }
    /^```/ { on = 0 } on { print > file }' "$root/README.md" README.md
for sample in "$work/samples"/*.py; do
    MYPYPATH=src "$tools/mypy" --strict --cache-dir "$work/mypy" --no-error-summary "$sample"
done
echo "python: ruff and mypy --strict found nothing"

# The wheel is built from the sdist, so what is missing there shows.
rm -rf "$work/dist" "$work/clean" "$work/tests" "$work/frozen"
quietly "building the wheel" env AGW_WHEEL_LIBRARY="$library" "$tools/python" -m build \
    --no-isolation --outdir "$work/dist" .
wheel=$(find "$work/dist" -name 'agw_client-*-py3-none-*.whl')
[ -n "$wheel" ] || fail "no wheel tagged py3-none-PLATFORM"
case "$wheel" in *-any.whl) fail "the wheel claims to fit any platform" ;; esac

# The wheel alone, then pytest beside it. Elsewhere, so that no source is found.
grep -E '^pytest==' "$package/requirements.txt" >"$work/pytest.txt"
cp -R "$package/tests" "$work/tests"
cp "$package/pyproject.toml" "$work/tests/"
cd "$work/tests"
passed=
full_name='import platform as p; print(p.python_implementation(), p.python_version(), sep="-")'
test_with() { # interpreter
    clean=$work/clean/$("$1" -c "$full_name")
    "$1" -m venv "$clean"
    "$clean/bin/python" -m pip install -q --no-index --no-deps "$wheel"
    "$clean/bin/python" -m pip install -q -r "$work/pytest.txt"
    AGW_SIMULATOR=$simulator AGW_CHECK=$check AGW_INSTALLED=$clean \
        AGW_CHECK_README="$root/bindings/check/README.md" timeout 300 \
        "$clean/bin/python" -m pytest -q -p no:cacheprovider -rs . ||
        fail "the tests failed with $(basename "$clean")"
    passed="$passed $(basename "$clean")"
}

others() { # what is here of 3.8 to 3.13, on the path or kept by pyenv: one of each, the oldest first
    for minor in 8 9 10 11 12 13; do
        for one in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python; do
            if "$one" -c 'import ensurepip, venv' 2>/dev/null; then
                echo "$one"
                break
            fi
        done
    done
    [ -z "${EVERY-}" ] || echo pypy3
}

test_with "$python"
installed=$clean/bin/python
[ -z "${EVERY-}" ] || "$root/tests/tools.sh" "pypy3 pypy3" "/usr/share/doc/pypy3-venv pypy3-venv"
for other in $(others); do
    if [ "$("$other" -V)" != "$("$python" -V)" ]; then
        test_with "$other"
        [ -n "${EVERY-}" ] || break
    fi
done

# One file, made with the hook that the wheel brings; it calls without the wheel's library.
mkdir "$work/frozen"
cd "$work/frozen"
place='import sysconfig as s; print(s.get_config_var("LIBDIR"), s.get_config_var("INSTSONAME"), sep="/")'
"$root/tests/tools.sh" "$("$python" -c "$place") libpython$version"
site=$("$installed" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' 'import sys' 'from agw.__main__ import main' 'sys.exit(main())' >program.py
PYTHONPATH=$site PYINSTALLER_CONFIG_DIR=$work/frozen "$tools/python" -m PyInstaller --onefile \
    --log-level WARN program.py >log 2>&1 || { cat log; fail "PyInstaller cannot freeze it"; }
told=$(dist/program --version) || fail "the frozen program finds no library"
case "$told" in *"/_MEI"*"/agw/libagw.so") ;; *) fail "the frozen program uses $told" ;; esac
. "$root/tests/simulator/start.sh"
start_simulator simulator.out "$simulator" --ca-out ca.pem --agent 154
code=0
AGW_GUID=$(guid_of 154) dist/program reject --url "$url" --ca ca.pem --agent 154 >log 2>&1 || code=$?
[ $code = 3 ] || { cat log; fail "the frozen program ended with $code, not 3: too late"; }

# The examples of both READMEs, with the wheel.
cd "$root"
AGW_PYTHON=$installed "${CARGO:-cargo}" test --locked --quiet --test readme python ||
    fail "an example of the README failed"
echo "python: all passed, $(basename "$wheel") with$passed, also frozen"
