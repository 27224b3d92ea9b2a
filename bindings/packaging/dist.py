#!/usr/bin/env python3
"""Puts what is released into target/dist: archives for C programmers and the support desk, Python
wheels and sdist, the NuGet package, .deb, .rpm and .apk, SBOM and checksums. Libraries and programs
are those of `make linux` and `make windows`.

The same sources give the same bytes, in whatever folder and at whatever time. SOURCE_DATE_EPOCH is
the date in the packages; without it, that of the last commit.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import archive
import crates
import nuget
import system
from platforms import PLATFORMS, PROGRAMS

ROOT = crates.ROOT
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
MANIFEST = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
VERSION = re.search(r'^version = "(.*)"', MANIFEST, re.M)[1]
# Where the licences of what else is linked in are on the machine that builds.
SYSROOT = subprocess.run(["rustc", "--print", "sysroot"], check=True, stdout=subprocess.PIPE,
                         encoding="utf-8").stdout.strip()
RUST_STD = Path(SYSROOT, "share/doc/rust/COPYRIGHT-library.html")
MINGW = Path("/usr/share/doc/mingw-w64-common/copyright")


def epoch():
    """The date of everything."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    command = ["git", "log", "-1", "--format=%ct"]
    return int(given or subprocess.check_output(command, cwd=ROOT))


def put(source, place):
    """A copy of a file, in a folder that may not be there yet."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def filled(template, place, values):
    """A template of bindings/c with @NAMES@ filled in."""
    text = (ROOT / "bindings/c" / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


# pkg-config finds the rest of the tree from where agw.pc is.
RELOCATABLE = "${pcfiledir}/../.."


def linux_tree(folder, built):
    """What `make install` installs, with paths that hold wherever it is unpacked."""
    subprocess.run(["make", "--no-print-directory", "-s", "install", f"BUILT={built}",
                    f"PREFIX={folder}", "DESTDIR="], cwd=ROOT, check=True)
    pc = folder / "lib/pkgconfig/agw.pc"
    text = pc.read_text(encoding="utf-8").replace(f"prefix={folder}\n", f"prefix={RELOCATABLE}\n")
    pc.write_text(text, encoding="utf-8")


def windows_tree(folder, built, platform):
    """The same for Windows: the DLL in bin, import libraries for MinGW and MSVC in lib."""
    put(built / "agw.dll", folder / "bin/agw.dll")
    for file in ("libagw.dll.a", "agw.lib", "agw.def"):
        put(built / file, folder / "lib" / file)
    put(ROOT / "include/agw.h", folder / "include/agw.h")
    put(ROOT / "bindings/cpp/agw.hpp", folder / "include/agw.hpp")
    values = {"PREFIX": RELOCATABLE, "LIB": "lib", "VERSION": VERSION,
              "MAJOR": VERSION.split(".")[0], "PRIVATE": "", "PLATFORM": platform.name,
              "POINTER": str(platform.pointer)}
    filled("agw.pc.in", folder / "lib/pkgconfig/agw.pc", values)
    cmake = folder / "lib/cmake/agw"
    filled("cmake/agw-config-windows.cmake.in", cmake / "agw-config.cmake", values)
    filled("cmake/agw-config-version.cmake.in", cmake / "agw-config-version.cmake", values)


def documents(folder, licences):
    """What stands beside the library in every archive."""
    for file in ("README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE-MIT", "LICENSE-APACHE"):
        put(ROOT / file, folder / file)
    for path in (ROOT / "bindings/c/examples").glob("*.c"):
        put(path, folder / "examples" / path.name)
    for path in (*ROOT.glob("bindings/**/README.md"), *ROOT.glob("bindings/pascal/**/*.pas")):
        put(path, folder / path.relative_to(ROOT))
    shutil.copytree(licences, folder / "licences")


def programs(folder, platform):
    """What a support desk and a developer start."""
    for name in map(platform.program, PROGRAMS):
        put(TARGET / platform.folder / name, folder / "bin" / name)
        (folder / "bin" / name).chmod(0o755)


def licence_folder(folder, platform, parts=crates.LIBRARY, what="The library agw"):
    """The licences of all that is linked into some parts of what a platform has."""
    put(RUST_STD, folder / "rust-standard-library.html")
    text = crates.licences(crates.Crates([platform], parts), what)
    (folder / "crates.txt").write_text(text, encoding="utf-8")
    if platform.windows:
        put(MINGW, folder / "mingw-w64.txt")
    return folder


def archives(work, output, date):
    """One archive for each platform, everything in a folder of the archive's name."""
    for platform in PLATFORMS:
        top = f"agw-{VERSION}-{platform.name}"
        folder = work / platform.name / top
        folder.mkdir(parents=True)
        licences = work / "all-licences" / platform.name
        documents(folder, licence_folder(licences, platform, crates.ALL, "This archive"))
        programs(folder, platform)
        if platform.windows:
            windows_tree(folder, TARGET / platform.folder, platform)
            archive.zip_file(folder.parent, output / f"{top}.zip", date)
        else:
            linux_tree(folder, TARGET / platform.folder)
            archive.tar_gz(folder.parent, output / f"{top}.tar.gz", date)


def build(kind, source, folder, **variables):
    """A Python package, which comes into the folder."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, kind, source]
    subprocess.run(command, env={**os.environ, **variables}, check=True, stdout=subprocess.DEVNULL)


def python_packages(work, output, licences):
    """The sdist, and from it a wheel for each platform; for each a wheel of the simulator, too."""
    made = work / "python"
    build("--sdist", ROOT / "bindings/python", made)
    (sdist,) = made.glob("*.tar.gz")
    shutil.unpack_archive(sdist, work / "sdist", filter="data")
    (source,) = (work / "sdist").iterdir()
    for platform in PLATFORMS:
        built = TARGET / platform.folder
        build("--wheel", source, made, AGW_WHEEL_LIBRARY=str(built / platform.library),
              AGW_WHEEL_PLATFORM=platform.wheel,
              AGW_WHEEL_LICENCES=str(licences[platform.name]))
        program_licences = licence_folder(work / "licences-simulator" / platform.name, platform,
                                          crates.SIMULATOR, "The program agw-simulator")
        build("--wheel", ROOT / "bindings/simulator", made,
              AGW_WHEEL_SIMULATOR=str(built / platform.program("agw-simulator")),
              AGW_WHEEL_PLATFORM=platform.wheel, AGW_WHEEL_LICENCES=str(program_licences))
    for path in made.iterdir():
        put(path, output / path.name)


def nuget_package(work, output, licences, date):
    """The assembly, and a library for each platform."""
    parts = {f"runtimes/{one.nuget}/native/{one.library}": TARGET / one.folder / one.library
             for one in PLATFORMS}
    for name, folder in licences.items():
        parts.update({f"licences/{name}/{path.name}": path for path in folder.iterdir()})
    for name in ("MIT", "APACHE"):
        parts[f"LICENSE-{name}.txt"] = ROOT / f"LICENSE-{name}"
    nuget.write(parts, work / "nuget", output, date)


def main():
    """Everything anew."""
    date = epoch()
    os.environ["SOURCE_DATE_EPOCH"] = str(date)
    os.umask(0o022)
    work, output = TARGET / "packaging-work", TARGET / "dist"
    for folder in (work, output):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    licences = {one.name: licence_folder(work / "licences" / one.name, one) for one in PLATFORMS}
    archives(work, output, date)
    python_packages(work, output, licences)
    nuget_package(work, output, licences, date)
    built = {one.name: TARGET / one.folder for one in PLATFORMS}
    system.write(ROOT, built, licences, work / "system", output, VERSION, date)
    sbom = output / f"agw-{VERSION}.cdx.json"
    sbom.write_text(crates.sbom(crates.Crates(PLATFORMS, crates.ALL), date), encoding="utf-8")
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
            for path in sorted(output.iterdir()))
    (output / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    print(f"dist: {len(list(output.iterdir()))} files in {output.relative_to(TARGET.parent)}")


if __name__ == "__main__":
    main()
