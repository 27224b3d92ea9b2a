"""The machine, the versions of everything, and the sizes of the libraries."""

import os
import platform
import re
import subprocess
import tempfile

from build import CLIENTS, HERE

# What a client is called a client of; the floor of rustls stands in one library.
OWN = {"agw": "libagw", "libcurl": "libcurl", "openssl": "libssl"}
# The C library and what belongs to it is there in every process.
SYSTEM_LIBRARIES = re.compile(r"/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*)\.so")


def facts(built):
    return {
        "CPU": "%s, %d cores" % (cpu_model(), os.cpu_count()),
        "System": "%s, Linux %s" % (platform.freedesktop_os_release()["PRETTY_NAME"],
                                    platform.release()),
        "agw": "%s, commit %s" % (first_line("sed", "-n", 's/^version = "\\(.*\\)"/\\1/p',
                                             root("Cargo.toml")), commit()),
        "rustls and ring of agw and the floor": locked(root("Cargo.lock")),
        "libcurl": package("libcurl4"),
        "jansson": package("libjansson4"),
        "OpenSSL": package("libssl3", "libssl3t64"),
        "nginx": package("nginx", "nginx-light"),
        "requests": first_line(built.python, "-c", "import requests as r, urllib3 as u, sys;"
                               "print(r.__version__, 'urllib3', u.__version__,"
                               "'Python', sys.version.split()[0])"),
        "Compilers": "%s; %s" % (first_line(os.environ.get("CC", "cc"), "--version"),
                                 first_line("rustc", "--version")),
        "Tools": "%s, strace %s" % (first_line("valgrind", "--version"), package("strace")),
    }


def root(name):
    return os.path.join(HERE, "..", "..", name)


def first_line(*command):
    """What a program says of itself; a fact that cannot be had is no reason to fail."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, cwd=HERE, check=False)
    except OSError:
        return "?"
    return (done.stdout.splitlines() or ["?"])[0]


def package(*names):
    for name in names:
        version = first_line("dpkg-query", "-W", "-f", "${Version}", name)
        if version != "?":
            return version
    return "?"


def commit():
    changed = first_line("git", "status", "--porcelain", "../../src", "../../Cargo.toml") != "?"
    return first_line("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def cpu_model():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"model name\s*: (.*)", file.read())
    return found.group(1) if found else platform.machine()


def locked(path):
    with open(path) as file:
        text = file.read()
    return ", ".join("%s %s" % (name, re.search(r'name = "%s"\nversion = "(.*)"' % name,
                                                text).group(1)) for name in ("rustls", "ring"))


def sizes(built):
    """Bytes of each client's library without symbols, and of all that comes with it."""
    sized = {}
    for name in CLIENTS:
        needed = needed_libraries(built.clients[name])
        own = [path for path in needed if OWN.get(name, "?") + ".so" in path]
        if not own:
            own = [built.clients[name]]
            needed += own
        sized[name] = {"own": sum(map(stripped_size, own)),
                       "all": sum(map(stripped_size, needed))}
    return sized


def needed_libraries(path):
    listed = subprocess.check_output(["ldd", path], text=True)
    found = re.findall(r"=> (/\S+)", listed)
    return [os.path.realpath(each) for each in found if not SYSTEM_LIBRARIES.search(each)]


def stripped_size(path):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["strip", "-o", file.name, path], check=True)
        return os.path.getsize(file.name)
