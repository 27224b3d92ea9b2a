#!/bin/sh
# The DLLs that tests/windows/build.sh made, of both widths, as Windows programs meet them: under
# Wine, against the simulator and the fault gateway, which run on Linux and share the loopback.
#
#     tests/windows/test.sh [x64|x86 [PART]]       without PART all of them, each by again.sh
#
# With EVERY set, with a newer CPython, too.
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
me=windows
here=tests/windows
wine=$(pwd)/$here/wine.sh
work=$target/windows/tests
simulator=$target/debug/examples/simulator
. tests/simulator/start.sh

strict="-pedantic -Wall -Wextra -Werror -O1 -Iinclude"

# program, source, import library, compiler options ...
compile() {
    program=$1 source=$2 library=$3
    shift 3
    # shellcheck disable=SC2086 # lists of words
    "$mingw-gcc" $strict "$@" -o "$program.exe" "$source" $library $link ||
        fail "$width: $source does not compile: $*"
}

say() {
    echo "windows: $width: $*"
}

run() { # what it is, program, argument ...
    what=$1
    shift
    (cd "$folder" && exec timeout 600 "$wine" "$width" "$@") >"$folder/log" 2>"$folder/errors" || {
        code=$?
        cat "$folder/log" "$folder/errors"
        fail "$width: $what ended with $code"
    }
    say "$what: $(tail -n 1 "$folder/log" | tr -d '\r')"
}

programs() {
    built=$target/windows/$width
    link="-static -pthread"
    cp "$built/agw.dll" "$folder/"
    for std in c89 c11; do
        compile "$folder/abi-$std" tests/c/abi.c "$built/libagw.dll.a" -std=$std
        run "tests/c/abi.c as $std" "$folder/abi-$std.exe"
    done
    compile "$folder/abi-lib" tests/c/abi.c "$built/agw.lib" -std=c89
    run "tests/c/abi.c linked with agw.lib" "$folder/abi-lib.exe"
    for option in $otherwise; do
        compile "$folder/abi$option" tests/c/abi.c "$built/libagw.dll.a" -std=c11 "$option"
        run "tests/c/abi.c with $option" "$folder/abi$option.exe"
    done
    for example in reject server gui shift; do
        compile "$folder/$example" bindings/c/examples/$example.c "$built/libagw.dll.a" -std=c89
    done
    compile "$folder/story" tests/c/story.c "$built/libagw.dll.a" -std=gnu11
    compile "$folder/caller" $here/caller.c "$built/libagw.dll.a" -std=gnu11
    link="-lws2_32 -lbcrypt -lcrypt32 -ladvapi32 -lntdll -luserenv"
    compile "$folder/static" bindings/c/examples/reject.c "$built/libagw.a" -std=c89 -DAGW_STATIC
    ! "$mingw-objdump" -p "$folder/static.exe" | grep -q "DLL Name: agw" ||
        fail "$width: the static program needs agw.dll"
    beside
    for mode in exceptions no-exceptions; do
        # shellcheck disable=SC2086 # a list of words
        "$mingw-g++" -std=c++11 $strict -Ibindings/cpp -f$mode -c -o "$folder/mixed-$mode.o" \
            tests/cpp/mixed.cpp || fail "$width: mixed.cpp does not compile: $mode"
    done
    for halves in "exceptions no-exceptions" "no-exceptions exceptions"; do
        # shellcheck disable=SC2046,SC2086 # lists of words
        (cd "$folder" && exec "$mingw-g++" -static -o mixed.exe $(printf 'mixed-%s.o ' $halves) \
            "$built/libagw.dll.a") || fail "$width: mixed.cpp does not link: $halves"
        run "tests/cpp/mixed.cpp, $halves" "$folder/mixed.exe"
    done

    # A debug build panics on demand; it is the same library otherwise.
    mkdir -p "$folder/debug"
    cp "$target/windows/debug/$width/agw.dll" "$folder/debug/"
    link=
    compile "$folder/debug/panic" tests/c/panic.c "$built/libagw.dll.a" -std=gnu11
    run "tests/c/panic.c" "$folder/debug/panic.exe"
    cp "$folder/caller.exe" "$folder/debug/"
}

# As tests/static.sh has it; the debug build panics and catches it.
beside() {
    debug=$target/windows/debug/$width
    for agw in "$built/libagw.a" "$debug/libagw.a"; do
        prints="2 101"
        [ "$agw" = "$built/libagw.a" ] || prints="2 900"
        for order in "$agw $debug/libother.a" "$debug/libother.a $agw"; do
            compile "$folder/beside" tests/static/beside.c "$order" -std=c89 -DAGW_STATIC
            AGW_FAULT=panic run "tests/static/beside.c" "$folder/beside.exe"
            tr -d '\r' <"$folder/log" | grep -qx "$prints" ||
                fail "$width: it prints something else than $prints with $order"
        done
    done
}

# Loaded by name, by a host that is compiled in the usual ways and in others.
hosts() {
    link="-lws2_32 -lshell32"
    start_simulator "$folder/simulator.out" "$simulator" --ca-out "$folder/ca.pem" --agent 154 \
        --agent 155
    guid=$(guid_of 155)
    dll="$folder/Zürich-座席.dll"
    cp "$folder/agw.dll" "$dll"
    # MinGW's windows.h knows no other calling convention: that is abi.c's part.
    for option in -O2 -fpack-struct=1; do
        compile "$folder/host$option" $here/host.c "" -std=gnu11 "$option"
        for what in unload threads paths errors cancels; do
            run "host $what with $option" "$folder/host$option.exe" $what "$dll" "$url" \
                "$folder/ca.pem" 155 "$guid"
        done
    done
    AGW_GUID=$guid "$wine" "$width" "$folder/static.exe" --url "$url" --ca "$folder/ca.pem" \
        --agent 155 >"$folder/log" 2>"$folder/errors" || true
    grep -q AGW_E_NO_CONFERENCE "$folder/log" ||
        fail "$width: the static program: $(cat "$folder/log" "$folder/errors")"
    printf '155 %s\n' "$guid" >"$folder/agents"
    run "server.c" "$folder/server.exe" "$url" "$folder/ca.pem" 4 "$folder/agents"
    session
    stop_simulator
    $here/system_store.sh "$width" "$folder/host-O2.exe" "$folder/agw.dll" "$folder/store" \
        >"$folder/log" 2>&1 || fail "$width: the system's store: $(cat "$folder/log")"
    say "the system's store: trusted with the CA in it, refused without, not waited for"
}

# shift.c takes agent 154 over, polls, and ends when the gateway says that the session is over.
session() {
    (cd "$folder" && exec timeout 600 "$wine" "$width" "$folder/shift.exe" "$url" \
        "$folder/ca.pem" 154 40038 --force) >"$folder/log" 2>"$folder/errors" &
    program=$!
    until grep -q login "$folder/log" || ! kill -0 $program 2>/dev/null; do sleep 0.1; done
    curl -fsS --cacert "$folder/ca.pem" -d '{"agentId":"154"}' "$url/simulator/expire" >/dev/null ||
        fail "$width: no expire"
    code=0
    wait $program || code=$?
    { [ $code = 1 ] && grep -q "getAgentEvent.* 100-006" "$folder/log"; } ||
        fail "$width: shift.c ended with $code: $(cat "$folder/log" "$folder/errors")"
    say "shift.c: $(tail -n 1 "$folder/log" | tr -d '\r')"
}

# The tests of the C programs that Linux has, with Windows programs in their place.
stories() {
    for program in reject story caller debug/caller; do
        printf '#!/bin/sh\nexec "%s" %s "%s.exe" "$@"\n' "$wine" "$width" "$folder/$program" \
            >"$folder/$program"
        chmod +x "$folder/$program"
    done
    python3 tests/demo.py --library "$target/debug/libagw.so" --simulator "$simulator" \
        --reject "$folder/reject" >"$folder/log" || fail "$width: the demo: $(cat "$folder/log")"
    say "the demo with reject.exe: $(tail -n 1 "$folder/log")"
    AGW_PROGRAMS=$folder cargo test --locked --quiet --test story >"$folder/log" 2>&1 ||
        fail "$width: the story: $(cat "$folder/log")"
    say "the story with story.exe: $(grep 'test result' "$folder/log")"
    # Wine may show a RST as a FIN, or before the bytes that came first: not these rows.
    faults caller '!look-up' '!RST in the middle' '!proxy resets'
    faults debug/caller look-up
}

faults() { # wrapper, rows ...
    caller=$1
    shift
    AGW_CALLER=$folder/$caller cargo test --locked --quiet --test faults -- "$@" >"$folder/log" \
        2>"$folder/errors" ||
        fail "$width: faults $*: $(grep -v '^ok ' "$folder/log" | cat - "$folder/errors")"
    ! tail -n 1 "$folder/log" | grep -q '^0 passed' || fail "$width: no row of faults: $*"
    say "faults $* with $caller.exe: $(tail -n 1 "$folder/log")"
}

csharp() {
    export AGW_WINE=1
    tests/dotnet.sh
    tests/csharp.sh --library "$target/windows/x64/agw.dll" --simulator "$simulator" \
        --run tests/dotnet.sh >"$folder/log" 2>&1 ||
        fail "$width: C#: $(grep -v '^ok ' "$folder/log")"
    say "C# on CoreCLR: $(grep ' tests, ' "$folder/log" | tr -d '\r')"
}

python() {
    tools=$(bindings/packaging/tools.sh)
    AGW_WHEEL_LIBRARY=$target/windows/x64/agw.dll AGW_WHEEL_PLATFORM=win_amd64 "$tools/python" -m \
        build --no-isolation -w --outdir "$folder/wheel" bindings/python >"$folder/log" 2>&1 ||
        fail "$width: Python: no wheel: $(cat "$folder/log")"
    for version in 3.8 ${EVERY:+3.11}; do
        $here/python.sh "$folder"/wheel/*.whl "$simulator" "$version" >"$folder/log" 2>&1 ||
            fail "$width: Python: $(cat "$folder/log")"
        say "Python, the wheel with CPython $version: $(tr -d '\r' <"$folder/log" | tail -n 1)"
    done
}

pascal() {
    tests/pascal.sh --library "$target/windows/$width/agw.dll" --simulator "$simulator" --windows "$width" \
        >"$folder/log" 2>&1 || fail "$width: Pascal: $(cat "$folder/log")"
    say "Pascal: $(tail -n 1 "$folder/log")"
}

set_up() {
    tests/tools.sh "unshare util-linux" \
        "x86_64-w64-mingw32-g++ g++-mingw-w64-x86-64-win32" \
        "i686-w64-mingw32-g++ g++-mingw-w64-i686-win32"
    $here/wine.sh setup
    cargo build --locked --quiet --lib --example simulator
    rm -rf "$work"
    trap '$here/wine.sh stop' EXIT
    $here/again.sh --self-test
}

play() { # width, part
    width=$1
    folder=$work/$width
    mkdir -p "$folder"
    # Hosts that are compiled otherwise: packed structs, and on 32 bit another calling convention.
    case $width in
    x64) mingw=x86_64-w64-mingw32 otherwise="-fpack-struct=1" ;;
    x86) mingw=i686-w64-mingw32 otherwise="-fpack-struct=1 -mrtd" ;;
    *) fail "no width $width" ;;
    esac
    case $2 in
    programs | hosts | stories | pascal | csharp | python) "$2" ;;
    *) fail "no part $2" ;;
    esac
}

[ $# -lt 2 ] || { play "$@"; exit; }
set_up
for width in ${1:-x64 x86}; do
    parts="programs hosts stories pascal"
    [ "$width" = x86 ] || parts="$parts csharp python"
    for part in $parts; do
        $here/again.sh $here/test.sh "$width" "$part"
    done
done
