#!/bin/sh
# Compiles the library with the oldest Rust that Cargo.toml says will do: that of Debian trixie,
# which is unpacked below target/ and runs with the C library that it was built for.
set -eu

cd "$(dirname "$0")/.."
. tests/shell.sh
stated=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
unpacked=$target/msrv/trixie
[ "$(uname -m)" = x86_64 ] || fail "this takes an x86_64"

# rustc, its standard library, and what it loads.
[ -d "$unpacked" ] || tests/debian.sh "$unpacked" trixie amd64 \
    rustc libstd-rust-dev libstd-rust-1.85 libllvm19 libc6 libgcc-s1 libstdc++6 libbsd0 libedit2 \
    libffi8 liblzma5 libmd0 libtinfo6 libxml2 libz3-4 libzstd1 zlib1g

libraries=$unpacked/usr/lib/x86_64-linux-gnu
cat >"$target/msrv/rustc" <<EOF
#!/bin/sh
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$unpacked/usr/bin/rustc" \\
    --sysroot "$unpacked/usr" "\$@"
EOF
chmod +x "$target/msrv/rustc"

version=$("$target/msrv/rustc" --version) || fail "trixie's rustc does not run here"
case "$version" in
"rustc $stated."*) ;;
*) fail "Cargo.toml states $stated, and Debian trixie has $version" ;;
esac
unset RUSTFLAGS RUSTC_WRAPPER
RUSTC=$target/msrv/rustc "${CARGO:-cargo}" check --lib --locked --all-features \
    --target-dir "$target/msrv/build"
echo "msrv: the library is compiled by $version"
