#!/bin/sh
# The packages for package managers: the .debs in a fresh Debian 12, where they are installed, used
# and removed; the .rpms by rpm in an empty folder, and used from there; the .apks, for which Debian
# has no apk, unpacked beside musl's C library alone, and used there.
#
#     tests/dist/systems.sh FOLDER-OF-THE-PACKAGES PLACE-TO-KEEP-THE-DEBIAN
#
# The environment has the gateway: AGW_TEST_URL, AGW_TEST_CA, AGW_GUID (agent 155, nothing rings).
# Only root can do it; otherwise that is said, and with CI set it is a failure.
set -eu

. "$(dirname "$0")/../shell.sh"

if [ "$(id -u)" != 0 ]; then
    echo "dist/systems: SKIPPED: .deb, .rpm and .apk are installed by root only"
    [ -z "${CI-}" ] || fail "CI has to run everything"
    exit 0
fi
dist=$1
kept=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

programs=gcc,g++,libc6-dev,cmake,make,pkg-config,python3-venv
if [ "$(cat "$kept/complete" 2>/dev/null)" != $programs ]; then
    rm -rf "$kept"
    [ -n "$(mirror)" ] || quietly "apt-get update" again apt-get -q update
    quietly debootstrap again debootstrap --variant=minbase --include=$programs bookworm \
        "$kept" "$(mirror)"
    echo $programs >"$kept/complete"
fi
system=$work/debian
cp -a "$kept" "$system"
inside() { chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
everything() (
    cd "$system"
    find . -path ./var -prune -o -path ./proc -prune -o ! -name ld.so.cache -print | LC_ALL=C sort
)
listed() { inside ldconfig -p | grep libagw.so.1 || true; }

rejects() ( # folder of a system, program in it
    cp "$AGW_TEST_CA" "$1/tmp/ca.pem"
    AGW_TEST_CA=/tmp/ca.pem
    is_too_late env -i PATH=/usr/sbin:/usr/bin AGW_GUID="$AGW_GUID" chroot "$1" "$2" ||
        fail "in $1 $2 ended with $code: $(cat "$work/log")"
)

# Programs by CMake.
project() { # folder, below which share/doc is, the library to link with ...
    place=$1
    shift
    cat <<END
cmake_minimum_required(VERSION 3.13)
project(outside LANGUAGES C)
find_package(agw 1.0 REQUIRED)
foreach(kind $*)
  add_executable(cmake-\${kind} $place/share/doc/libagw-dev/examples/reject.c)
  target_link_libraries(cmake-\${kind} PRIVATE agw::\${kind})
endforeach()
END
}

# The first minutes of somebody who has packages and nothing else.
mkdir "$system/tmp/first"
cp "$root/tests/dist/first.py" "$dist"/agw-*-linux-x86_64.tar.gz \
    "$dist"/agw_client-*manylinux2014_x86_64.whl "$system/tmp/first/"
inside sh -c 'cd /tmp/first && exec python3 first.py *.tar.gz *.whl' ||
    fail "in a Debian with the packages alone, what README.md begins with fails"
rm -rf "$system/tmp/first"

everything >"$work/before"
cp "$dist"/*_amd64.deb "$system/var/tmp/"
if inside sh -c 'dpkg -i /var/tmp/libagw-dev_*.deb' >"$work/log" 2>&1; then
    fail "the development package goes without the library"
fi
quietly "dpkg -i" inside sh -c 'dpkg -i /var/tmp/*.deb'
listed | grep -q /lib/x86_64-linux-gnu/libagw.so.1 || fail "ldconfig does not know the library"
mkdir "$system/tmp/build"
project /usr agw agw_static >"$system/tmp/build/CMakeLists.txt"
# shellcheck disable=SC2016 # the inner shell's
quietly "pkg-config and cc" inside sh -c 'cd /tmp/build && cc -o pkgconfig \
    /usr/share/doc/libagw-dev/examples/reject.c $(pkg-config --cflags --libs agw)'
# By /lib, which is a link to /usr/lib, too.
for prefix in /usr /; do
    quietly "cmake from $prefix" inside sh -c "cd /tmp/build && rm -rf CMakeCache.txt CMakeFiles &&
        cmake -DCMAKE_PREFIX_PATH=$prefix . && make"
    for program in pkgconfig cmake-agw cmake-agw_static; do
        rejects "$system" /tmp/build/$program
    done
done
rm -rf "$system/tmp/build" "$system/tmp/ca.pem"
quietly "dpkg --purge" inside dpkg --purge libagw-dev libagw1
everything >"$work/after"
diff "$work/before" "$work/after" || fail "dpkg --purge leaves something"
[ -z "$(listed)" ] || fail "ldconfig still knows the library"

# rpm's own database, and the C library, are not there: the scripts and dependencies are not tried.
in_rpm() { rpm --root "$work/rpm" --dbpath /var/lib/rpm "$@"; }
mkdir "$work/rpm"
quietly "rpm -i" in_rpm -i --nodeps --noscripts "$dist"/*.x86_64.rpm
"$root/tests/packages.sh" lib64 "$work/rpm/usr"
quietly "rpm -e" in_rpm -e --noscripts libagw-devel libagw1
left=$(find "$work/rpm" -path "$work/rpm/var" -prune -o ! -type d -print)
[ -z "$left" ] || fail "rpm -e leaves $left"
echo "dist/systems: .debs in a fresh Debian 12, .rpms in an empty folder: installed, used, removed"
[ -z "${QUICK-}" ] || exit 0 # the .apks are left out

# The library is found by its name: where the package puts it is where musl looks. The static one
# is elsewhere.sh's: Debian's GCC has an unwinder for glibc only.
alpine=$work/alpine
mkdir -p "$alpine/lib" "$alpine/tmp/build"
for package in "$dist"/*.apk; do
    tar xzf "$package" --warning=no-unknown-keyword --exclude=.PKGINFO -C "$alpine"
done
cp -L /lib/ld-musl-x86_64.so.1 "$alpine/lib/"
project "$alpine/usr" agw >"$alpine/tmp/build/CMakeLists.txt"
cd "$alpine/tmp/build"
# shellcheck disable=SC2046 # a list of words
quietly "musl-gcc" musl-gcc -o pkgconfig "$alpine/usr/share/doc/libagw-dev/examples/reject.c" \
    $(PKG_CONFIG_LIBDIR="$alpine/usr/lib/pkgconfig" \
        pkg-config --define-variable=prefix="$alpine/usr" --cflags --libs agw)
quietly "cmake with musl" env CC=musl-gcc cmake -DCMAKE_PREFIX_PATH="$alpine/usr" .
quietly "make with musl" make
for program in pkgconfig cmake-agw; do rejects "$alpine" /tmp/build/$program; done
rm "$alpine/usr/lib/libagw.so.1"
! (rejects "$alpine" /tmp/build/pkgconfig) >"$work/refused" 2>&1 ||
    fail "musl finds another library"
grep -q 'loading shared library libagw.so.1' "$work/refused" || fail "$(cat "$work/refused")"
echo "dist/systems: .apks unpacked, and used with Debian's musl by musl-gcc: not on Alpine," \
    "nor by its apk"
