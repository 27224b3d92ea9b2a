# What a person runs: make demo, make test, make install. `make help` lists them all.
# Cargo does the building; this only says what belongs together.

# With it cd prints where it goes, and scripts read that.
unexport CDPATH

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
CARGO ?= cargo
CC ?= cc
PYTHON ?= python3

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
MAJOR := $(firstword $(subst ., ,$(VERSION)))
# Where cargo builds; the environment may have it elsewhere.
TARGET := $(or $(CARGO_TARGET_DIR),target)
STAGE = $(if $(word 2,$(CURDIR)),$(error make cannot work in a folder with a blank in its name: \
    $(CURDIR)),$(abspath $(TARGET))/stage)
SIMULATOR := $(TARGET)/debug/examples/simulator
# What the tests of the bindings work with.
UNDER_TEST = --library $(STAGE)/lib/libagw.so --simulator $(SIMULATOR)
# Where the libraries to install are; a folder that is named is taken as it is.
BUILT ?=
SHARED := $(or $(BUILT),$(TARGET)/release)/libagw.so
STATIC := $(or $(BUILT),$(TARGET)/static)/libagw.a
# What a static agw needs of the system; `cargo rustc -- --print native-static-libs` tells. Not its
# -lgcc_s, which -static cannot have: the compiler that links brings an unwinder.
PRIVATE := -lutil -lrt -lpthread -lm -ldl

# From PREFIX down to LIBDIR, such as lib/x86_64-linux-gnu, and up again: the package files find the
# rest from where they are.
LIB = $(or $(filter-out /%,$(patsubst $(PREFIX)/%,%,$(LIBDIR))),\
    $(error LIBDIR=$(LIBDIR) is not below PREFIX=$(PREFIX)))
UP = $(shell echo '$(LIB)' | sed 's|[^/][^/]*|..|g')

.PHONY: help demo test lint unit install-test python csharp pascal abi fuzz sanitize soak model \
    bench counts field build header install named built stage simulator uninstall windows \
    test-windows test-servers test-hosts test-console test-dotnet check-targets linux dist \
    test-dist release deny msrv setup clean

help:
	@sed -n 's/^## //p' Makefile

## make demo       a shift from sign-in to sign-out, on this machine, in a few seconds
demo: $(TARGET)/demo/reject simulator
	$(PYTHON) tests/demo.py $(UNDER_TEST) --reject $<

$(TARGET)/demo/reject: bindings/c/examples/reject.c stage
	@mkdir -p $(@D)
	$(CC) -std=c89 -pedantic -Wall -Wextra -O2 -I$(STAGE)/include -o $@ $< \
	    -L$(STAGE)/lib -lagw -Wl,-rpath,$(STAGE)/lib

## make test       everything that must hold before a change is taken
test: setup lint unit install-test python csharp pascal abi field

## make lint       rustfmt, clippy, rustdoc, shellcheck, ruff, clang-format, .editorconfig
# Without the fuzz targets, for which libFuzzer would be compiled.
lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --exclude agw-fuzz --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --exclude agw-fuzz --no-deps \
	    --no-default-features --document-private-items
	PYTHON=$(PYTHON) tests/lint/run.sh

unit:
	$(CARGO) test --locked

install-test: build
	tests/install.sh
	tests/install.sh lib/x86_64-linux-gnu
	for lib in lib lib64 lib/x86_64-linux-gnu; do tests/packages.sh $$lib || exit 1; done
	tests/static.sh

## make python     the Python packages: ruff, mypy, wheels, pytest (EVERY=1: with all here, PyPy)
python: setup stage simulator
	$(CARGO) build --locked --quiet -p agw-check
	PYTHON=$(PYTHON) EVERY=$(EVERY) tests/python.sh $(UNDER_TEST) --check $(TARGET)/debug/agw-check
	PYTHON=$(PYTHON) tests/simulator/python.sh --simulator $(SIMULATOR)

## make csharp     the C# binding, compiled and tested with Mono
csharp: setup stage simulator
	tests/csharp.sh $(UNDER_TEST)

## make pascal     the unit for Delphi and Free Pascal, compiled and tested with Free Pascal
pascal: setup stage simulator
	tests/pascal.sh $(UNDER_TEST)

## make abi        the library against the ABI of 1.0.0 and the header (RENEW=1: new baseline)
abi:
	tests/tools.sh "abidiff abigail-tools"
	$(CARGO) rustc --locked --profile proof --lib --crate-type cdylib
	$(PYTHON) tests/abi/gate.py $(if $(RENEW),--renew) $(TARGET)/proof/libagw.so

## make fuzz       TIME=60   every fuzz target for so many seconds, after a self-test (nightly Rust)
fuzz:
	tests/tools.sh
	$(PYTHON) tests/fuzz/run.py --time $(or $(TIME),60) --work $(abspath $(TARGET))/fuzz

## make sanitize   ASan, LSan, TSan and memcheck over the tests, each shown to be on (QUICK=1: a part)
sanitize:
	PYTHON=$(PYTHON) tests/sanitize/run.sh

## make soak       TIME=600 (seconds)   calls with a fault every third; then each is accounted for
soak: stage
	$(CARGO) build --locked --quiet --example soak
	$(TARGET)/debug/examples/soak --library $(STAGE)/lib/libagw.so --seconds $(or $(TIME),600) \
	    --folder $(TARGET)/soak

## make model      CALLS=1000000   each answer to its request, with a gateway that errs at random
model:
	AGW_MODEL_CALLS=$(or $(CALLS),1000000) $(CARGO) test --locked --test model

## make bench      agw beside libcurl, OpenSSL, rustls and requests, measured (QUICK=1: shorter)
bench: stage
	tests/tools.sh "nginx nginx-light" "strace strace" "valgrind valgrind" "strip binutils" \
	    "curl-config libcurl4-openssl-dev" "/usr/include/jansson.h libjansson-dev" \
	    "/usr/include/openssl/ssl.h libssl-dev"
	$(PYTHON) tests/bench/run.py --stage $(STAGE) --work $(abspath $(TARGET))/bench

## make counts     instructions, system calls, allocations and size against tests/bench/bounds.tsv
counts: stage
	tests/tools.sh "nginx nginx-light" "strace strace" "valgrind valgrind"
	$(PYTHON) -B tests/bench/counts.py --stage $(STAGE) --work $(abspath $(TARGET))/counts

## make field      from click to answer on networks with delay, dead addresses and forgotten flows
field: stage
	$(PYTHON) -B tests/field/run.py --stage $(STAGE) --work $(abspath $(TARGET))/field

## make test-servers  Tomcat, HAProxy, Squid, nginx and Apache, from Debian: calls and refusals
test-servers: stage
	tests/tools.sh
	PYTHONPATH=bindings/python/src AGW_LIBRARY=$(STAGE)/lib/libagw.so \
	    $(PYTHON) -B tests/servers/run.py --work $(abspath $(TARGET))/servers

## make test-dotnet  the C# binding on .NET 8 for Linux, before a release
test-dotnet: setup stage simulator
	tests/dotnet.sh
	tests/csharp.sh $(UNDER_TEST) --run tests/dotnet.sh

## make test-console  the simulator's page in Chromium, by mouse and keyboard, and axe-core over it
test-console: stage simulator
	PYTHON=$(PYTHON) tests/console.sh $(UNDER_TEST)

## make test-hosts the programs in Java, Node, Go and LuaJIT, before a release
test-hosts: stage simulator
	tests/tools.sh
	tests/other.sh $(STAGE) $(SIMULATOR)

## make build      the shared and the static library, optimised
# The crate types are named because cargo leaves link-time optimisation out beside an rlib. With the
# C compiler's own unwinder inside, libagw.so is loaded in half the time and needs no libgcc_s.so.1.
# The static library is target/static's: what cargo makes does not fit into every program.
# What panics say of the sources needs no path of this machine.
build: CRATES = $(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src
build: UNWINDER = $(filter /%,$(shell $(CC) -print-file-name=libgcc_eh.a))
build:
	$(CARGO) rustc --locked --release --lib --features c-library --crate-type cdylib,staticlib \
	    --config 'build.rustflags=["--remap-path-prefix=$(CRATES)=crates"]' \
	    $(if $(UNWINDER),-- -L native=$(dir $(UNWINDER)) -l static:-bundle=gcc_eh)
	bindings/packaging/localise.sh $(TARGET)/release/libagw.a $(TARGET)/static/libagw.a

## make header     include/agw.h from the Rust sources, after a change there
header:
	$(CARGO) build --locked --lib --message-format=json | \
	    $(PYTHON) tests/newest_header.py include/agw.h

## make install    PREFIX=/usr/local LIBDIR=PREFIX/lib DESTDIR=   libraries, headers, agw.pc, CMake
# Root often has no cargo, and then installs what somebody has built.
install: named $(if $(BUILT),,$(if $(shell command -v $(CARGO)),build,built))
	install -d "$(DESTDIR)$(PREFIX)/$(LIB)/pkgconfig" "$(DESTDIR)$(PREFIX)/include"
	install -m 755 $(SHARED) "$(DESTDIR)$(LIBDIR)/libagw.so.$(VERSION)"
	ln -sf libagw.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/libagw.so.$(MAJOR)"
	ln -sf libagw.so.$(MAJOR) "$(DESTDIR)$(LIBDIR)/libagw.so"
	install -m 644 $(STATIC) "$(DESTDIR)$(LIBDIR)/libagw.a"
	install -m 644 include/agw.h "$(DESTDIR)$(PREFIX)/include/agw.h"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIB@|$(LIB)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@PRIVATE@|$(PRIVATE)|' bindings/c/agw.pc.in \
	    > "$(DESTDIR)$(LIBDIR)/pkgconfig/agw.pc"
	install -m 644 bindings/cpp/agw.hpp "$(DESTDIR)$(PREFIX)/include/agw.hpp"
	install -d "$(DESTDIR)$(LIBDIR)/cmake/agw"
	for file in agw-config agw-config-version; do \
	    sed -e 's|@VERSION@|$(VERSION)|' -e 's|@MAJOR@|$(MAJOR)|' -e 's|@PRIVATE@|$(PRIVATE)|' \
	        -e 's|@UP@|$(UP)|' bindings/c/cmake/$$file.cmake.in \
	        > "$(DESTDIR)$(LIBDIR)/cmake/agw/$$file.cmake" || exit 1; \
	done
	chmod 644 "$(DESTDIR)$(LIBDIR)"/pkgconfig/agw.pc "$(DESTDIR)$(LIBDIR)"/cmake/agw/*.cmake

# The package files name PREFIX: from its root, and as one word of what pkg-config prints.
named: export PLACES = $(PREFIX)/:$(LIBDIR)
named:
	@case "$$PLACES" in /*/:/*) ;; *) \
	    echo 'make: PREFIX and LIBDIR are to begin with a slash' >&2; exit 1;; esac
	@case "$$PLACES" in *[[:space:]\|\&\#\\\'\"\`\$$]*) \
	    echo 'make: PREFIX and LIBDIR are to be without blanks, quotes, $$, |, &, # and \' >&2; \
	    exit 1;; esac
	@case "$$PLACES" in */./*|*/../*|*/.|*/..|*/.:*|*/..:*) \
	    echo 'make: PREFIX and LIBDIR are to be without . and .. in them' >&2; exit 1;; esac

built:
	@test -e $(SHARED) && test -e $(STATIC) || { \
	    echo 'make: no cargo here, and nothing built: run "make build" first' >&2; exit 1; }
	@echo 'make: no cargo here: what was built before is installed'

stage:
	$(MAKE) --no-print-directory install PREFIX=$(STAGE) LIBDIR=$(STAGE)/lib DESTDIR=

simulator:
	$(CARGO) build --locked --quiet --example simulator

## make uninstall  PREFIX=/usr/local LIBDIR=PREFIX/lib DESTDIR=   takes away what make install put
uninstall: named
	rm -f "$(DESTDIR)$(LIBDIR)"/libagw.so "$(DESTDIR)$(LIBDIR)"/libagw.so.$(MAJOR) \
	    "$(DESTDIR)$(LIBDIR)"/libagw.so.$(VERSION) "$(DESTDIR)$(LIBDIR)"/libagw.a \
	    "$(DESTDIR)$(LIBDIR)"/pkgconfig/agw.pc "$(DESTDIR)$(PREFIX)"/include/agw.h \
	    "$(DESTDIR)$(PREFIX)"/include/agw.hpp
	rm -rf "$(DESTDIR)$(LIBDIR)"/cmake/agw

## make windows    agw.dll for Windows, 64 and 32 bit, into target/windows/x64 and x86
windows:
	bindings/packaging/tools.sh >/dev/null
	CARGO=$(abspath bindings/packaging/auditable.sh) tests/windows/build.sh
	$(PYTHON) tests/windows/check_dll.py $(TARGET)/windows/x64 $(TARGET)/windows/x86

## make test-windows  those DLLs under Wine, in four languages (EVERY=1: a newer Python; QUICK=1)
test-windows: windows
	$(PYTHON) tests/windows/check_dll.py --self-test $(TARGET)/windows/x64 $(TARGET)/windows/x86
	CARGO=$(abspath bindings/packaging/auditable.sh) QUICK=$(QUICK) tests/windows/reproducible.sh
	tests/windows/build.sh --debug
	EVERY=$(EVERY) tests/windows/test.sh

## make linux      what is released for Linux: x86_64 and aarch64 with glibc 2.17, x86_64 with musl
linux:
	bindings/packaging/linux.sh
	bindings/packaging/check_linux.sh

## make dist       archives, wheels, NuGet package, .deb, .rpm, .apk, SBOM, sums: target/dist
dist: linux windows
	tests/tools.sh "mcs mono-mcs"
	"$$(bindings/packaging/tools.sh)"/python -B bindings/packaging/dist.py

## make test-dist  every package, unpacked and used; built twice, compared (QUICK=1: a part of it)
test-dist: dist deny
	tests/dist/test.sh

## make release    all that a release needs: .ci/run, with the long forms of what it does in short
release:
	.ci/run --full

## make check-targets  compiles for systems that nothing here can run: macOS, other processors
check-targets:
	tests/targets.sh

## make deny       licences and sources of the dependencies against deny.toml
deny:
	tests/dist/deny.sh

## make msrv       compiles the library with the oldest Rust that Cargo.toml states (Debian's)
msrv:
	tests/msrv.sh

## make setup      what the tests need: as root on Debian by apt-get and sysctl, else it is named
setup:
	tests/tools.sh

clean:
	$(CARGO) clean
