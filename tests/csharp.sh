#!/bin/sh
# The C# binding with Debian's Mono: compiled with documentation and without a warning, tested
# against the simulator, numbers and layouts compared with the header.
#
#     tests/csharp.sh --library FILE --simulator FILE [--run PROGRAM]
#
# PROGRAM runs the compiled programs in Mono's place: on another runtime, or for another system.
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
run="mono --debug"
take_options "$@"
tests/tools.sh

source=bindings/csharp
out=${CARGO_TARGET_DIR:-target}/csharp
rm -rf "$out"
mkdir -p "$out"

PYTHONPATH=bindings python3 -B $source/tests/check_header.py include/agw.h $source/src \
    bindings/python/src/agw/errors.py
python3 $source/tests/check_package.py Cargo.toml $source

# -doc makes a public member without documentation a warning, and a warning is an error.
compile="mcs -langversion:7 -warnaserror+ -warn:4 -debug"
$compile -unsafe -optimize+ -target:library -doc:"$out/Agw.Net.xml" -out:"$out/Agw.Net.dll" \
    $source/src/*.cs
mkdir "$out/tests"
$compile -unsafe -optimize+ -target:library -out:"$out/tests/Agw.Net.dll" $source/src/*.cs \
    $source/tests/Friend.cs
$compile -r:"$out/tests/Agw.Net.dll" -r:System.Core.dll -out:"$out/tests/AgwTests.exe" \
    $source/tests/Program.cs $source/tests/Gateway.cs $source/tests/Scripted.cs \
    $source/tests/*Tests.cs

# DllImport("agw") is libagw.so, found here, and on Windows agw.dll beside the program.
for folder in "$out" "$out/tests"; do
    cp "$library" "$folder/$(basename "$library")"
done
export LD_LIBRARY_PATH="$out${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LC_ALL=C.UTF-8 # Mono takes the encoding of file names from it

. tests/simulator/start.sh
agents=$(seq -f '--agent %.0f' 154 169)
many=$(seq -f '--agent %.0f' 201 216)
# shellcheck disable=SC2086 # lists of words
start_simulator "$out/simulator.out" "$simulator" --ca-out "$out/ca.pem" --poll-wait 300 \
    $agents $many

# A test that failed may leave threads behind, and Mono that crashes at its end gives any exit code.
{
    $run "$out/tests/AgwTests.exe" "$printed" && echo "exit code 0"
} | tee "$out/tests.out"
for line in ' tests, 0 failed' '^exit code 0'; do
    grep -q "$line" "$out/tests.out" || fail "a test failed"
done

# A library that cannot be used is refused in words, before a call goes astray. With Mono alone: the
# libraries are Linux ones.
place=$(cd "$out" && pwd)/other
refused() { # what the library is, the words, and its source; without that it is an empty file
    rm -rf "$place"
    mkdir "$place"
    printf '%s\n' "$3" >"$place/agw.c"
    : >"$place/libagw.so" # it hides one that may be installed here
    [ -z "$3" ] || cc -shared -fPIC -o "$place/libagw.so" "$place/agw.c"
    cp "$out/tests/Agw.Net.dll" "$out/tests/AgwTests.exe" "$place/"
    if told=$(LD_LIBRARY_PATH=$place $run "$place/AgwTests.exe" "$printed" Accepted 2>&1); then
        fail "$1 is taken: $told"
    fi
    case "$told" in *"$2"*) ;; *) fail "with $1 it is told: $told" ;; esac
}
none_that_fits() {
    refused "a library that is too old" \
        "agw's native library is 0.255.255; needed is 1.0 or a newer 1.x" \
        'unsigned agw_version_num(void) { return 0x00FFFF; }
        const char *agw_version(void) { return "0.255.255"; }'
    refused "another library" "EntryPointNotFoundException: The libagw.so" "int another;"
    refused "no library" "DllNotFoundException: agw's native library libagw.so" ""
    case "$told" in *"beside the program, into $place/"*) ;; *) fail "no place is told: $told" ;; esac
}
case "$run" in mono*) none_that_fits ;; esac

echo "csharp: compiled without a warning, header, package and tests: all well"
