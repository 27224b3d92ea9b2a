#!/bin/sh
# The tests under AddressSanitizer with LeakSanitizer, ThreadSanitizer, and valgrind's memcheck.
# Each is shown to be on by planted faults that it must find: one that it does not find fails.
#
#     tests/sanitize/run.sh [address|thread|memcheck ...]
#
# With QUICK=1 what a test of another kind shows as well is left out, and said to be.
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
me=sanitize
here=$(pwd)/tests/sanitize
out=$target/sanitize
unset CARGO_TARGET_DIR
cargo=${CARGO:-cargo}
host=x86_64-unknown-linux-gnu
quick=${QUICK:-}
started=$(date +%s)

tests/tools.sh "clang clang" "clang++ clang" "llvm-symbolizer llvm" "valgrind valgrind" \
    "/usr/bin/rustc rustc-web" "/usr/lib/rustlib/src/rust/library/std/Cargo.toml rust-web-src"
mkdir -p "$out"

# ------------------------------------------------------------------------------- sanitizers

# What the compiler and linker of all programs need; a debug build, as only that has the faults of
# src/sys/fault.rs, made a little faster.
environment() { # address or thread, short name
    began=$(date +%s)
    found=0
    nightly=$(rustc +nightly --print sysroot)/lib/rustlib/$host
    export AGW_SANITIZER="$1" AGW_SANITIZER_RUNTIME="$nightly/lib/librustc-nightly_rt.$2.a"
    export AGW_SANITIZER_LINKER="$nightly/bin/gcc-ld/ld.lld"
    [ -f "$AGW_SANITIZER_RUNTIME" ] || fail "rustup toolchain install nightly"
    export CC="$here/cc" CXX="$here/c++"
    export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_TARGET_DIR="$out/$1"
    export RUSTFLAGS="-Zsanitizer=$1 -Zexternal-clangrt -Clinker=$here/cc"
    built=$out/$1/$host/debug
    # Reports go to files: what a program of a test prints is only shown if the test fails.
    reports=$out/$1-reports
    rm -rf "$reports"
    mkdir -p "$reports"
    symbolizer=$(command -v llvm-symbolizer)
    common="log_path=$reports/report:external_symbolizer_path=$symbolizer"
    export ASAN_OPTIONS="$common:detect_leaks=1"
    export TSAN_OPTIONS="$common:suppressions=$here/thread.supp"
}

no_reports() { # where
    for report in "$reports"/*; do
        [ ! -f "$report" ] || {
            cat "$report"
            fail "$1: a report"
        }
    done
}

must_find() { # words in the report, program, fault
    code=0
    "$2" "$3" >"$out/planted.log" 2>&1 || code=$?
    [ $code != 0 ] || fail "the planted fault '$3' in $2 does not end it"
    cat "$reports"/* >>"$out/planted.log" 2>/dev/null || true
    grep -q "$1" "$out/planted.log" || {
        cat "$out/planted.log"
        fail "the planted fault '$3' in $2 is not found: no '$1'"
    }
    rm -f "$reports"/*
    found=$((found + 1))
}

# With planted.c, which is compiled against the library of this build, and with planted.rs.
must_find_each() { # fault:words in the report ...
    ln -sf "$built/deps/libagw.so" "$out/$AGW_SANITIZER/libagw.so.1"
    "$CC" -g -O1 -Iinclude -o "$out/$AGW_SANITIZER/planted" tests/sanitize/planted.c \
        "$out/$AGW_SANITIZER/libagw.so.1" -pthread "-Wl,-rpath,$out/$AGW_SANITIZER"
    for program in "$out/$AGW_SANITIZER/planted" "$built/examples/planted"; do
        for fault in "$@"; do
            must_find "${fault#*:}" "$program" "${fault%%:*}"
        done
        "$program" nothing >/dev/null || fail "$program ends with $? although nothing is planted"
        no_reports "$program"
    done
}

instrumented() { # a function of the runtime which only the compiler calls
    nm -D --undefined-only "$built/deps/libagw.so" | grep -q "$1" || fail "the library lacks $1"
}

summary() { # title, log of cargo
    passed=$(sed -n 's/^test result: ok. //; s/^\([0-9]*\) passed[,;] 0 failed.*/\1/p' "$2" |
        awk '{ sum += $1 } END { print sum + 0 }')
    [ "$passed" -gt 0 ] || fail "$1: no test ran"
    echo "sanitize: $1: $passed tests, no report; $found planted faults found;" \
        "$(($(date +%s) - began)) s"
}

tests() { # command and arguments of cargo ...; the log
    "$@" >"$out/$AGW_SANITIZER.log" 2>&1 || {
        cat "$out/$AGW_SANITIZER.log"
        cat "$reports"/* 2>/dev/null || true
        fail "a test failed under the $AGW_SANITIZER sanitizer"
    }
}

address() (
    environment address asan
    wanted="--test c_abi --test story --test threads --test faults"
    if [ -n "$quick" ]; then
        echo "sanitize: left out, QUICK=1: the unit, wire, trust and proxy tests under ASan"
    else
        wanted="$wanted --lib --test wire --test trust --test proxy"
    fi
    # shellcheck disable=SC2086 # a list of words
    tests $cargo +nightly test --locked --target $host $wanted
    $cargo +nightly build --locked --quiet --target $host --example planted
    no_reports "AddressSanitizer"
    instrumented __asan_report_load1
    must_find_each overflow:heap-buffer-overflow freed:heap-use-after-free \
        "leak:77 byte(s) leaked in 1 allocation"
    summary "AddressSanitizer and LeakSanitizer" "$out/address.log"
)

# std and its tests are built, too: of an std without it, it reports races that are none.
thread() (
    environment thread tsan
    export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
    with_std="-Zbuild-std=std,panic_unwind,test --target $host"
    # shellcheck disable=SC2086 # a list of words
    tests $cargo +stable test --locked $with_std --test threads --test sessions --test story
    # shellcheck disable=SC2086
    $cargo +stable build --locked --quiet $with_std --example planted
    no_reports "ThreadSanitizer"
    instrumented __tsan_read1
    must_find_each "race:data race"
    summary "ThreadSanitizer, std included" "$out/thread.log"
)

# --------------------------------------------------------------------------------- memcheck

# Zero errors, zero bytes definitely lost. "Possibly lost" is what only a pointer to its middle
# reaches, as Rust's hash tables are: not counted as an error.
memcheck_of() { # expected exit code, program, arguments ...
    expected=$1
    shift
    code=0
    # shellcheck disable=SC2086 # an option or none
    valgrind --quiet --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --error-exitcode=99 --num-callers=20 \
        $suppressions --log-file="$out/memcheck.log" "$@" >"$out/memcheck.out" 2>&1 || code=$?
    [ "$code" = "$expected" ] || {
        cat "$out/memcheck.out" "$out/memcheck.log"
        fail "memcheck: $* ended with $code, not $expected"
    }
}

program() { # source, name
    cc -std=gnu11 -g -O1 -Iinclude -o "$out/memcheck/$2" "$1" "$out/memcheck/libagw.so.1" \
        -pthread "-Wl,-rpath,$out/memcheck"
}

. tests/simulator/start.sh
simulator() { # options
    trap stop_simulator EXIT
    trap 'exit 130' INT TERM
    start_simulator "$out/memcheck/simulator.out" target/debug/examples/simulator \
        --agent 154 --ring 154 "$@"
    AGW_GUID=$(guid_of 154)
    export AGW_GUID
}

memcheck() (
    began=$(date +%s)
    suppressions=
    $cargo rustc --locked --quiet --profile proof --lib --crate-type cdylib
    $cargo build --locked --quiet --example simulator
    mkdir -p "$out/memcheck"
    ln -sf "$(pwd)/target/proof/libagw.so" "$out/memcheck/libagw.so.1"
    program tests/c/abi.c abi
    program bindings/c/examples/reject.c reject
    program tests/sanitize/planted.c planted

    for fault in "overflow:Invalid write" "freed:Invalid read" "leak:definitely lost"; do
        memcheck_of 99 "$out/memcheck/planted" "${fault%:*}"
        grep -q "${fault#*:}" "$out/memcheck.log" || fail "memcheck: no '${fault#*:}' in its report"
    done
    memcheck_of 0 "$out/memcheck/planted" nothing

    memcheck_of 0 "$out/memcheck/abi"
    checks=$(sed -n 's/.* \([0-9]*\) checks passed/\1/p' "$out/memcheck.out")
    reject() { # expected exit code, options ...
        expected=$1
        shift
        memcheck_of "$expected" "$out/memcheck/reject" --url "$url" --agent 154 --timeout 60000 "$@"
        calls=$((calls + 1))
    }
    calls=0
    simulator --http
    reject 0 --allow-http # accepted
    suppressions=--suppressions=tests/sanitize/memcheck.supp
    stop_simulator
    simulator --ca-out "$out/memcheck/ca.pem"
    reject 0 --ca "$out/memcheck/ca.pem" --connect-only
    reject 0 --ca "$out/memcheck/ca.pem" --log # accepted
    reject 3 --ca "$out/memcheck/ca.pem"       # too late
    reject 6                                   # not trusted by the system's store
    reject 2 --ca "$out/memcheck/no-such.pem"  # no such file
    AGW_GUID=stale reject 4 --danger-any       # no such session
    echo "sanitize: memcheck: $checks checks of misuse, $calls runs of the example, 0 errors," \
        "0 bytes definitely lost; 3 planted faults found; $(($(date +%s) - began)) s"
)

echo "sanitize: left out: the threads tests' memory figure, as a sanitizer keeps what is freed"
echo "sanitize: left out: races inside tokio's polling, which only the simulator has"
[ $# -gt 0 ] || set -- memcheck address thread
for part in "$@"; do
    "$part"
done
echo "sanitize: all well in $(($(date +%s) - started)) s"
