#!/bin/sh
# The Pascal unit: compared with the header, its records as two compilers lay them out, and the
# examples against the simulator.
#
#     tests/pascal.sh --library FILE --simulator FILE [--windows x64|x86]
#
# FILE is libagw.so, or for Windows agw.dll: then the programs are Windows ones, and run under Wine.
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
width=""
take_options "$@"
tests/tools.sh
source=bindings/pascal
work=$target/pascal/${width:-linux}
rm -rf "$work"
mkdir -p "$work"

# A warning is an error.
case "$width" in
"")
    fpc() { command fpc -v0ew -Sew -Fl"$(dirname "$library")" "$@"; }
    cc=cc
    end=
    run() { LD_LIBRARY_PATH=$(dirname "$library") timeout 60 "$@"; }
    ;;
*)
    fpc() { tests/windows/fpc.sh "$width" "$@"; }
    cc=x86_64-w64-mingw32-gcc
    [ "$width" = x64 ] || cc=i686-w64-mingw32-gcc
    end=.exe
    # Wine complains of what nothing here needs.
    run() { timeout 300 tests/windows/wine.sh "$width" "$@" 2>>"$work/errors"; }
    cp "$library" "$work/"
    ;;
esac

PYTHONPATH=bindings python3 -B $source/tests/check_header.py include/agw.h $source/agw.pas "$work"
$cc -Iinclude -o "$work/c$end" "$work/layout.c"
for program in "$work/layout" $source/examples/reject $source/examples/shift; do
    quietly "compiling $program.pas" fpc -Fu$source -FE"$work" "$program.pas"
done
run "$work/c$end" >"$work/in-c"
run "$work/layout$end" >"$work/in-pascal"
diff --strip-trailing-cr "$work/in-c" "$work/in-pascal" || fail "the records lie otherwise"
[ -s "$work/in-c" ] || fail "no layout is printed"

. tests/simulator/start.sh
shift=""
trap '[ -z "$shift" ] || kill $shift 2>/dev/null || :; stop_simulator' EXIT
start_simulator "$work/simulator.out" "$simulator" --ca-out "$work/ca.pem" --agent 155 --ring 155
guid=$(guid_of 155)
for wanted in "0 *retcode=0" "302 *retcode=101-001"; do
    says "$wanted" "$(AGW_GUID=$guid run "$work/reject$end" "$url" "$work/ca.pem" 155)"
done

# A whole shift: what rings is rejected.
run "$work/shift$end" "$url" "$work/ca.pem" 154 40038 >"$work/shift.out" &
shift=$!
tries=0
until grep -q ^login "$work/shift.out"; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "no sign-in: $(cat "$work/shift.out")"
    sleep 0.1
done
curl -sS --cacert "$work/ca.pem" -d '{"agentId":"154"}' "$url/simulator/ring" >"$work/ring"
wait $shift || fail "the shift: $(cat "$work/ring" "$work/shift.out")"
shift=""
says "login: 0 *rejectAgentConf: 0 *logout: 0 " "$(tr '\n' ' ' <"$work/shift.out")"
echo "pascal: ${width:-Linux}: header, layout of $(wc -l <"$work/in-c") places, both examples: all well"
