"""Packages for the package managers of Linux, by nfpm: a library, and what programs are compiled
with. The library is that of the archives, in the place where the distribution looks for it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Whose library, for whom, the architecture as nfpm calls it, where libraries are below /usr there.
# For Alpine's apk it has to be one for musl.
PACKAGES = (
    ("linux-x86_64", "deb", "amd64", "lib/x86_64-linux-gnu"),
    ("linux-x86_64", "rpm", "amd64", "lib64"),
    ("linux-aarch64", "deb", "arm64", "lib/aarch64-linux-gnu"),
    ("linux-aarch64", "rpm", "arm64", "lib64"),
    ("linux-musl-x86_64", "apk", "amd64", "lib"),
)
# What a package manager calls things: the development package, its version in a dependency, what
# the library needs, and by which other name programs ask for the library.
MANAGERS = {
    "deb": ("libagw-dev", " (= {version}-1)", ["libc6 (>= 2.17)"], []),
    "rpm": ("libagw-devel", " = {version}-1", ["libc.so.6(GLIBC_2.17)(64bit)", "/sbin/ldconfig"],
            ["libagw.so.1()(64bit)"]),
    "apk": ("libagw-dev", "={version}-r1", ["musl"], ["so:libagw.so.1={version}"]),
}
RUNTIME = "libagw1"
# Debian and Alpine see by themselves that there is a library; elsewhere it is said to them.
SCRIPT = "#!/bin/sh\n/sbin/ldconfig\n"
DESCRIPTION = "Rejects an agent conference call on an agent gateway"
COPYRIGHT = """agw {version}: MIT OR Apache-2.0, in full in LICENSE-MIT and LICENSE-APACHE.
What is linked in, and its licences, are in the folder licences.
"""


def files(folder, place, date):
    """Every file below a folder as nfpm is told of it; `place` is where they are installed."""
    for path in sorted(folder.rglob("*")):
        entry = {"dst": f"{place}/{path.relative_to(folder).as_posix()}"}
        mode = 0o755 if ".so." in path.name else 0o644
        info = {"mode": mode, "owner": "root", "group": "root", "mtime": date}
        if path.is_symlink():
            yield {**entry, "src": str(path.readlink()), "type": "symlink",
                   "file_info": {"mtime": date}}
        elif path.is_file():
            yield {**entry, "src": str(path), "file_info": info}


def page():
    """The home page, which whoever publishes fills in."""
    manifest = (Path(__file__).parents[2] / "Cargo.toml").read_text(encoding="utf-8")
    said = re.search(r'^homepage = "(.*)"', manifest, re.M)
    return said[1] if said else ""


def described(name, manager, architecture, version, date):
    """What is the same in both packages."""
    script = {"postinstall": "ldconfig.sh", "postremove": "ldconfig.sh"}
    return {
        "name": name, "arch": architecture, "platform": "linux", "version": version,
        "release": "1", "mtime": date, "license": "MIT OR Apache-2.0",
        "homepage": page(), "maintainer": "Agw.Client <agw-client@invalid>",
        "description": DESCRIPTION,
        "section": "libs" if name == RUNTIME else "libdevel", "priority": "optional",
        "rpm": {"buildhost": "localhost", "group": "System Environment/Libraries"},
        "deb": {"triggers": {"activate_noawait": ["ldconfig"]}} if name == RUNTIME else {},
        "scripts": script if manager == "rpm" and name == RUNTIME else {},
    }


def split(tree, libraries, version):
    """Takes the library itself out of the tree that `make install` made, into one of its own."""
    alone = tree.with_name("runtime")
    (alone / libraries).mkdir(parents=True)
    for name in (f"libagw.so.{version}", f"libagw.so.{version.split('.', maxsplit=1)[0]}"):
        (tree / libraries / name).rename(alone / libraries / name)
    return alone


def documents(root, licences, folders, version):
    """Into the tree of each package, below share/doc."""
    for name, tree in folders.items():
        folder = tree / "share/doc" / name
        folder.mkdir(parents=True)
        (folder / "copyright").write_text(COPYRIGHT.format(version=version), encoding="utf-8")
        for file in ("LICENSE-MIT", "LICENSE-APACHE", "README.md", "CHANGELOG.md", "SECURITY.md"):
            shutil.copyfile(root / file, folder / file)
        shutil.copytree(licences, folder / "licences")
        if name != RUNTIME:
            shutil.copytree(root / "bindings/c/examples", folder / "examples")


def write(root, built, licences, work, output, version, epoch):
    """Every package. `built` and `licences` have a folder for each platform."""
    date = subprocess.check_output(["date", "-u", "-d", f"@{epoch}", "+%FT%TZ"], text=True).strip()
    for platform, manager, architecture, libraries in PACKAGES:
        if platform not in built:
            continue  # with QUICK=1
        development, same, needs, provides = MANAGERS[manager]
        folder = work / f"{manager}-{platform}"
        subprocess.run(["make", "--no-print-directory", "-s", "install", "PREFIX=/usr",
                        f"BUILT={built[platform]}", f"LIBDIR=/usr/{libraries}",
                        f"DESTDIR={folder}"], cwd=root, check=True)
        (folder / "ldconfig.sh").write_text(SCRIPT, encoding="utf-8")
        folders = {RUNTIME: split(folder / "usr", libraries, version), development: folder / "usr"}
        documents(root, licences[platform], folders, version)
        depends = {RUNTIME: needs, development: [RUNTIME + same.format(version=version)]}
        for name, tree in folders.items():
            config = described(name, manager, architecture, version, date)
            offered = [one.format(version=version) for one in provides if name == RUNTIME]
            config |= {"depends": depends[name], "provides": offered,
                       "contents": list(files(tree, "/usr", date))}
            # A text in JSON is one in YAML.
            (folder / "nfpm.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
            subprocess.run([Path(sys.executable).with_name("nfpm"), "package", "-p", manager,
                            "-f", "nfpm.json", "-t", str(output)], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL)
