#!/bin/sh
# The wheels for Linux in fresh virtual environments, and the sdist built into one there.
#
#     tests/dist/python.sh FOLDER-OF-THE-PACKAGES LIBRARY     (environment as in gateway.sh)
set -eu

. "$(dirname "$0")/../shell.sh"

dist=$1
library=$2
source=$(cd "$(dirname "$0")/../../bindings/python" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools=$(dirname "$(command -v auditwheel)")
wheel=$(find "$dist" -name 'agw_client-*manylinux2014_x86_64.whl')
cd "$work"

# What auditwheel says of a wheel that needs a newer C library shows that it looks.
machines="x86_64 aarch64"
[ -z "${QUICK-}" ] || machines=x86_64 # the other wheel is left out
for machine in $machines; do
    auditwheel show "$dist"/agw_client-*manylinux2014_"$machine".whl >log 2>&1
    grep -q "\"manylinux_2_17_$machine\"" log ||
        fail "the wheel needs more than manylinux2014: $(cat log)"
    mkdir newer
    printf '%s\n' '#include <pthread.h>' \
        'int f(void *p) { pthread_t t; return pthread_create(&t, 0, p, 0); }' >newer/newer.c
    python -m ziglang cc -target "$machine-linux-gnu.2.34" -shared -fPIC newer/newer.c -o newer/libagw.so
    AGW_WHEEL_LIBRARY=$work/newer/libagw.so AGW_WHEEL_PLATFORM=linux_$machine "$tools/python" -m \
        build --no-isolation -w --outdir newer "$source" >log 2>&1 ||
        { cat log; fail "no wheel to compare with"; }
    auditwheel show newer/*.whl >log 2>&1
    grep -q "\"manylinux_2_34_$machine\"" log || fail "auditwheel takes any library: $(cat log)"
    rm -rf newer
done
# Of the wheel for musl it can say nothing. It looks for libc.so, as zig's musl and Debian's call
# themselves, among this machine's libraries, and stops at the linker script of that name; shown
# musl's folder it wants Alpine's name for it, libc.musl-x86_64.so.1, though musl's loader takes
# either for itself. In its place shared_object.py finds that libc.so is all that is needed, and no
# symbol has a version; elsewhere.sh loads the library with musl 1.2.2, which needs every symbol.

rejects() { # virtual environment
    is_too_late "$1/bin/python" -m agw reject ||
        fail "python -m agw ended with $code: $(cat log)"
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

"$python" -m venv simulator
simulator/bin/python -m pip install -q --no-index --no-deps \
    "$dist"/agw_simulator-*manylinux2014_x86_64.whl
simulator/bin/agw-simulator --help >log || fail "the simulator does not run"
grep -q "POST /simulator/fault" log || fail "the simulator says: $(cat log)"
echo "dist/python: manylinux2014 by auditwheel, for $machines; wheel and sdist call from" \
    "fresh environments, the simulator runs"
