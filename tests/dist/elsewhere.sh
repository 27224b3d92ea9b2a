#!/bin/sh
# A Linux package for another machine than this one, used as there: the C programs linked with its
# library, shared and static, under qemu or on musl, against gateways that run on this machine; for
# aarch64 the .debs and .rpms, too, and the wheel with its tests in Debian's CPython for arm64.
#
#     tests/dist/elsewhere.sh linux-aarch64|linux-musl-x86_64 PACKAGES KEPT    (as in gateway.sh)
#
# PACKAGES is the folder of them, KEPT one for what is unpacked of Debian.
set -eu

platform=$1
packages=$(cd "$2" && pwd)
mkdir -p "$3"
kept=$(cd "$3" && pwd)
cd "$(dirname "$0")/../.."
. tests/shell.sh
me="elsewhere: $platform"
simulator=$target/debug/examples/simulator
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar xzf "$packages"/agw-*-"$platform".tar.gz -C "$work"
package=$(echo "$work"/agw-*)

unpacked() { # folder, then as in debian.sh
    [ -d "$1" ] || tests/debian.sh "$@"
}

# Sets $zig, what zig calls the platform, and $on_it, what starts a program of it here.
case $platform in
linux-aarch64)
    # An older qemu aborts where a process with threads forks.
    unpacked "$kept/qemu" trixie amd64 qemu-user
    unpacked "$kept/arm64" bookworm arm64 libc6 libgcc-s1 python3.11-minimal libpython3.11-minimal \
        libpython3.11-stdlib libbz2-1.0 libexpat1 libffi8 liblzma5 libssl3 libuuid1 zlib1g
    zig=aarch64-linux-gnu.2.17
    on_it="$kept/qemu/usr/bin/qemu-aarch64 -L $kept/arm64"
    ;;
linux-musl-x86_64)
    unpacked "$kept/musl" bullseye amd64 musl
    zig=x86_64-linux-musl
    on_it=$kept/musl/lib/ld-musl-x86_64.so.1
    ;;
*) fail "no such platform" ;;
esac

compile() { # program, source, what else is linked ...
    quietly "compiling $2" python -m ziglang cc -target $zig -std=gnu11 -O1 -Wall -Wextra -Werror \
        -pthread -I"$package/include" -o "$@"
}

wrap() { # a program for the platform, its libraries, what starts it on this machine
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec %s "%s" "$@"\n' "$2" "$on_it" "$1" >"$3"
    chmod +x "$3"
}

mkdir "$work/programs" "$work/wrong" "$work/built"
for program in story process abi reject; do
    source=tests/c/$program.c
    [ $program != reject ] || source=$package/examples/reject.c
    compile "$work/built/$program" "$source" -L"$package/lib" -lagw -ldl
    wrap "$work/built/$program" "$package/lib" "$work/programs/$program"
done

# Shown to fail: with a library that is for this machine.
tar xzf "$packages"/agw-*-linux-x86_64.tar.gz -C "$work/wrong"
wrap "$work/built/reject" "$(echo "$work"/wrong/agw-*)/lib" "$work/wrong/reject"
! is_too_late "$work/wrong/reject" || fail "it takes the library of linux-x86_64, so this shows nothing"
grep -Eiq 'libagw|shared' "$work/log" || fail "it failed otherwise: $(cat "$work/log")"

is_too_late "$work/programs/reject" || fail "the example: $(cat "$work/log")"
quietly "tests/c/abi.c" "$work/programs/abi"
echo "elsewhere: $platform: a call over HTTPS; tests/c/abi.c: $(tail -n 1 "$work/log")"

AGW_PROGRAMS=$work/programs quietly "the story" cargo test --locked --quiet --test story
AGW_PROGRAMS=$work/programs quietly "the hosts" cargo test --locked --quiet --test threads -- \
    --exact a_fork_among_threads_leaves_no_lock_behind a_thread_that_is_ending_can_still_call \
    sigpipe_at_its_default_does_not_kill_the_host
grep -q ' 3 passed' "$work/log" || fail "not all hosts were there: $(cat "$work/log")"
echo "elsewhere: $platform: the story, 16 threads in it; hosts with forks, threads, SIGPIPE: all well"

nm --defined-only --extern-only --format=posix "$package/lib/libagw.a" |
    sed -n 's/ [A-Za-z] .*//p' | LC_ALL=C sort | diff tests/c/exports.txt - ||
    fail "libagw.a defines other names"
compile "$work/built/static" "$package/examples/reject.c" -DAGW_STATIC "$package/lib/libagw.a" \
    -lunwind
# For musl these are static programs, which this machine starts as they are.
[ "$platform" = linux-aarch64 ] || on_it=
# shellcheck disable=SC2086 # a list of words
tests/dist/programs.sh "$package" "" $on_it
wrap "$work/built/static" /nowhere "$work/programs/static"
is_too_late "$work/programs/static" || fail "the static program: $(cat "$work/log")"
echo "elsewhere: $platform: libagw.a defines the contract's functions only; a call with it"

# What the tests take for their interpreter: its own programs start it, too.
python_tests() ( # test file ...
    home=$work/python
    tests=$home/tests
    mkdir "$home"
    python -m zipfile -e "$packages"/agw_client-*_aarch64.whl "$home/site"
    grep '^pytest==.*>= "3.10"' bindings/python/requirements.txt >"$home/pytest.txt"
    quietly "pip" python -m pip install -q --disable-pip-version-check --target "$home/site" \
        -r "$home/pytest.txt"
    cat >"$home/python" <<END
#!/bin/sh
export PYTHONHOME="$kept/arm64/usr" PYTHONPATH="\${PYTHONPATH:+\$PYTHONPATH:}$home/site"
exec $on_it -0 "\$0" "$kept/arm64/usr/bin/python3.11" "\$@"
END
    chmod +x "$home/python"
    cp -R bindings/python/tests "$tests"
    cp bindings/python/pyproject.toml "$tests/"
    unset AGW_LIBRARY AGW_GUID PYTHONPATH PYTHONHOME
    cd "$tests"
    AGW_SIMULATOR=$simulator AGW_INSTALLED=$home AGW_TEST_SLACK=8 PYTHONDONTWRITEBYTECODE=1 \
        quietly "the wheel's tests" timeout 600 \
        "$home/python" -m pytest -q -p no:cacheprovider -rs "$@"
)

# Unpacked into a system for arm64. Debian's loader finds the library of the .deb by its name.
system_packages() { # deb or rpm, where libraries are, development package, LD_LIBRARY_PATH
    system=$work/$1
    cp -a "$kept/arm64" "$system"
    for file in "$packages"/libagw*_arm64."$1" "$packages"/libagw*.aarch64."$1"; do
        case $file in
        *\**) ;; # the other's pattern
        *.deb) dpkg-deb -x "$file" "$system" ;;
        *.rpm) rpm2archive - <"$file" | tar xz -C "$system" ;;
        esac
    done
    package=$system/usr
    on_it="$kept/qemu/usr/bin/qemu-aarch64 -L $system"
    # shellcheck disable=SC2046 # a list of words
    compile "$work/built/$1" "$package/share/doc/$3/examples/reject.c" \
        $(PKG_CONFIG_LIBDIR="$package/$2/pkgconfig" \
            pkg-config --define-variable=prefix="$package" --libs agw)
    wrap "$work/built/$1" "$4" "$work/programs/$1"
    is_too_late "$work/programs/$1" || fail "the .$1: $(cat "$work/log")"
    rm "$package/$2/libagw.so.1"
    ! is_too_late "$work/programs/$1" || fail "another library than that of the .$1 is used"
}

# The others ask of the time, or of the machine, what qemu does not give.
if [ "$platform" = linux-aarch64 ]; then
    python_tests test_client.py test_cancel.py test_logging.py test_library.py
    echo "elsewhere: $platform: the wheel in CPython 3.11: $(tail -n 1 "$work/log")"
    system_packages deb lib/aarch64-linux-gnu libagw-dev ""
    system_packages rpm lib64 libagw-devel "$work/rpm/usr/lib64"
    echo "elsewhere: $platform: compiled with the .debs, and with the .rpms: a call"
fi
