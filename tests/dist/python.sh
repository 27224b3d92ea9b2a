#!/bin/sh
# The wheel for Linux in a fresh virtual environment, and the sdist built into one there.
#
#     tests/dist/python.sh FOLDER-OF-THE-PACKAGES LIBRARY     (environment as in gateway.sh)
set -eu

fail() {
    echo "dist/python: $*" >&2
    exit 1
}

dist=$1
library=$2
source=$(cd "$(dirname "$0")/../../bindings/python" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools=$(dirname "$(command -v auditwheel)")
wheel=$(find "$dist" -name 'agw_client-*manylinux2014_x86_64.whl')
cd "$work"

# What auditwheel says of a wheel that needs a newer C library shows that it looks.
auditwheel show "$wheel" >log 2>&1
grep -q '"manylinux_2_17_x86_64"' log ||
    fail "the wheel needs more than manylinux2014: $(cat log)"
mkdir newer
printf '%s\n' '#include <pthread.h>' \
    'int f(void *p) { pthread_t t; return pthread_create(&t, 0, p, 0); }' |
    cc -shared -fPIC -x c - -o newer/libagw.so
AGW_WHEEL_LIBRARY=$work/newer/libagw.so AGW_WHEEL_PLATFORM=linux_x86_64 "$tools/python" -m build \
    --no-isolation -w --outdir newer "$source" >log 2>&1 ||
    { cat log; fail "no wheel to compare with"; }
auditwheel show newer/*.whl >log 2>&1
! grep -q '"manylinux_2_17_x86_64"' log || fail "auditwheel takes any library"

rejects() { # virtual environment: nothing rings, so too late, which is exit code 3
    code=0
    "$1/bin/python" -m agw reject --url "$AGW_TEST_URL" --ca "$AGW_TEST_CA" --agent 155 >log 2>&1 ||
        code=$?
    [ $code = 3 ] || { cat log; fail "python -m agw ended with $code"; }
    "$1/bin/python" -c 'import agw._library as l; print(l.library_path())' | grep -q "^$work/$1/" ||
        fail "not the library in the wheel was used"
}

python=${PYTHON:-python3}
for environment in wheel sdist; do
    "$python" -m venv $environment
done
wheel/bin/python -m pip install -q --no-index --no-deps "$wheel"
rejects wheel

# The sdist brings no library: whoever builds a wheel from it names one.
tar xzf "$dist"/agw_client-*.tar.gz
AGW_WHEEL_LIBRARY=$library "$tools/python" -m build --no-isolation -w --outdir built agw_client-*/ \
    >log 2>&1 || { cat log; fail "the sdist cannot be built"; }
sdist/bin/python -m pip install -q --no-index --no-deps built/*.whl
rejects sdist
echo "dist/python: manylinux2014 by auditwheel, wheel and sdist call from fresh environments"
