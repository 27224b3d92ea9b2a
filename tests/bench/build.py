"""Builds the driver, the clients and the environment for Python into the work folder."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVER = ["bench.c", "clients.c", "threads.c", "meter.c"]
C_FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]

# In the order of the tables. The last is the floor that agw is compared with.
CLIENTS = ("agw", "libcurl", "openssl", "rustls")
FLOOR = "rustls"


class Built:
    """Where everything is."""

    def __init__(self, work, stage):
        self.driver = os.path.join(work, "bench")
        self.allocations = os.path.join(work, "allocations.so")
        self.clients = {name: os.path.join(work, name + ".so") for name in CLIENTS}
        self.python = os.path.join(work, "venv", "bin", "python")
        self.csharp = os.path.join(work, "csharp", "csharp_calls.exe")
        self.agw = os.path.join(stage, "lib", "libagw.so.1")

    def libraries(self, client):
        """What the driver is to load for a client."""
        own = self.clients[client]
        return self.agw + "," + own if client == "agw" else own


def build(work, stage):
    built = build_agw(work, stage)
    compile_client(built, "libcurl", pkg_config("libcurl", "jansson"))
    compile_client(built, "openssl", pkg_config("openssl"))
    build_floor(built, os.path.join(work, "floor"))
    build_csharp(built.csharp)
    make_environment(os.path.join(work, "venv"))
    return built


def build_agw(work, stage, options=()):
    """The driver, and agw's client alone."""
    built = Built(work, stage)
    os.makedirs(work, exist_ok=True)
    compile_c(built.driver, DRIVER, ["-pthread", "-ldl", "-rdynamic"])
    compile_c(built.allocations, ["allocations.c"], ["-shared", "-fPIC"])
    lib = os.path.join(stage, "lib")
    compile_client(built, "agw", ["-I" + os.path.join(stage, "include"), "-L" + lib, "-lagw",
                                  "-Wl,-rpath," + lib, *options])  # for ldd
    return built


def compile_c(output, sources, options):
    sources = [os.path.join(HERE, source) for source in sources]
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, *C_FLAGS, "-o", output, *sources, *options], check=True)


def compile_client(built, name, options):
    compile_c(built.clients[name], ["client_%s.c" % name.replace("lib", "")],
              ["-shared", "-fPIC", *options])


def pkg_config(*packages):
    return subprocess.check_output(["pkg-config", "--cflags", "--libs", *packages],
                                   text=True).split()


def build_floor(built, target):
    subprocess.run([os.environ.get("CARGO", "cargo"), "build", "--quiet", "--locked",
                    "--profile", "floor", "--package", "floor", "--target-dir", target],
                   cwd=HERE, check=True)
    shutil.copy(os.path.join(target, "floor", "libfloor.so"), built.clients[FLOOR])


def build_csharp(program):
    """The binding and the bench, with Mono, which finds the library by LD_LIBRARY_PATH."""
    folder = os.path.dirname(program)
    os.makedirs(folder, exist_ok=True)
    binding = os.path.join(folder, "Agw.Net.dll")
    sources = os.path.join(HERE, "..", "..", "bindings", "csharp", "src", "*.cs")
    compiler = ["mcs", "-langversion:7", "-warnaserror+", "-optimize+"]
    for wanted in (["-unsafe", "-target:library", "-out:" + binding, sources],
                   ["-r:" + binding, "-out:" + program, os.path.join(HERE, "csharp_calls.cs")]):
        subprocess.run([*compiler, *wanted], check=True)


def make_environment(folder):
    """A virtual environment with requests, by what the shell scripts have for it."""
    subprocess.run(["sh", "-c", '. "$1/shell.sh" && environment_of "$2" "$3"', "bench",
                    os.path.join(HERE, ".."), folder, os.path.join(HERE, "requirements.txt")],
                   env=dict(os.environ, PYTHON=sys.executable), check=True)
