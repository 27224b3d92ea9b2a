#!/usr/bin/env python3
"""Holds the packages in target/dist to what is promised of them: the files, NuGet's structure, the
wheels' tags, what .deb, .rpm and .apk depend on, the SBOM and the checksums.

    contents.py [--self-test] TARGET

TARGET has dist, and the folders of the libraries. The self-test shows for each check that
packages with a fault are refused.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
VERSION = re.search(r'^version = "(.*)"', MANIFEST, re.M)[1]
# Of each platform: its library, NuGet's name, the wheel's tag.
PLATFORMS = {
    "linux-x86_64": ("linux/libagw.so", "linux-x64",
                     "manylinux_2_17_x86_64.manylinux2014_x86_64"),
    "linux-aarch64": ("linux-aarch64/libagw.so", "linux-arm64",
                      "manylinux_2_17_aarch64.manylinux2014_aarch64"),
    "linux-musl-x86_64": ("linux-musl-x86_64/libagw.so", "linux-musl-x64",
                          "musllinux_1_2_x86_64"),
    "windows-x64": ("windows/x64/agw.dll", "win-x64", "win_amd64"),
    "windows-x86": ("windows/x86/agw.dll", "win-x86", "win32"),
}
# What is not made in the short form, by words that stand in all that is said of it.
LEFT_OUT = "aarch64|arm64|musl|apk" if os.environ.get("QUICK") else "(?!)"
PLATFORMS = {name: row for name, row in PLATFORMS.items() if not re.search(LEFT_OUT, name)}
PROGRAMS = ("agw-check", "agw-simulator")
# Macros, and what only they use: they run in the compiler, but cargo-auditable lists these all the
# same, as their packages have tests, too.
MACROS = {"asn1-rs-impl", "displaydoc", "rustversion", "proc-macro2", "quote", "syn",
          "unicode-ident"}
# What build.rs takes tables from: these are inside.
TABLES = {"encoding_rs"}

EVERYWHERE = """README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE
    licences/crates.txt licences/rust-standard-library.html include/agw.h include/agw.hpp
    lib/pkgconfig/agw.pc lib/cmake/agw/agw-config.cmake lib/cmake/agw/agw-config-version.cmake
    examples/reject.c examples/gui.c examples/server.c examples/shift.c bindings/README.md
    bindings/pascal/agw.pas bindings/pascal/examples/reject.pas
    bindings/pascal/examples/shift.pas""".split() + [
        f"bindings/{name}/README.md" for name in (
            "c check cpp csharp other packaging pascal python simulator").split()]
WINDOWS = """bin/agw.dll bin/agw-check.exe bin/agw-simulator.exe lib/libagw.dll.a lib/agw.lib
    lib/agw.def licences/mingw-w64.txt""".split()
LINUX = f"""bin/agw-check bin/agw-simulator lib/libagw.so lib/libagw.so.1 lib/libagw.so.{VERSION}
    lib/libagw.a""".split()
NUGET = """[Content_Types].xml _rels/.rels Agw.Client.nuspec README.md build/Agw.Client.targets
    buildTransitive/Agw.Client.targets lib/netstandard2.0/Agw.Net.dll
    lib/netstandard2.0/Agw.Net.xml lib/net462/Agw.Net.dll lib/net462/Agw.Net.xml
    LICENSE-MIT.txt LICENSE-APACHE.txt""".split()
NATIVE = {f"runtimes/{rid}/native/{library.rsplit('/', 1)[1]}": library
          for library, rid, _ in PLATFORMS.values()}
def system_packages():
    """The packages for package managers: the platform of the library, where the libraries are, and
    what the package manager is to read in it: name, version, architecture, what it depends on; for
    Alpine's what it provides, too."""
    last = f"{VERSION}-1"
    for platform, debian, other in (("linux-x86_64", "amd64", "x86_64"),
                                    ("linux-aarch64", "arm64", "aarch64")):
        place = f"lib/{other}-linux-gnu"
        yield (f"libagw1_{last}_{debian}.deb", platform, place,
               ["libagw1", last, debian, "libc6 (>= 2.17)"])
        yield (f"libagw-dev_{last}_{debian}.deb", platform, place,
               ["libagw-dev", last, debian, f"libagw1 (= {last})"])
        yield (f"libagw1-{last}.{other}.rpm", platform, "lib64",
               ["libagw1", last, other, "/sbin/ldconfig libc.so.6(GLIBC_2.17)(64bit)"])
        yield (f"libagw-devel-{last}.{other}.rpm", platform, "lib64",
               ["libagw-devel", last, other, f"libagw1 = {last}"])
    last = f"{VERSION}-r1"
    yield (f"libagw1_{last}_x86_64.apk", "linux-musl-x86_64", "lib",
           ["libagw1", last, "x86_64", "musl", f"so:libagw.so.1={VERSION}"])
    yield (f"libagw-dev_{last}_x86_64.apk", "linux-musl-x86_64", "lib",
           ["libagw-dev", last, "x86_64", f"libagw1={last}", ""])


SYSTEMS = [row for row in system_packages() if not re.search(LEFT_OUT, row[0])]
DOCUMENTS = """copyright README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE
    licences/crates.txt licences/rust-standard-library.html""".split()
EXAMPLES = [name for name in EVERYWHERE if name.startswith("examples/")]
HEADERS = ["usr/include/agw.h", "usr/include/agw.hpp"]
DEVELOPMENT = """libagw.so libagw.a pkgconfig/agw.pc cmake/agw/agw-config.cmake
    cmake/agw/agw-config-version.cmake""".split()


def licences(platform):
    """Of what is linked into a platform's library."""
    mingw = ["mingw-w64.txt"] if platform.startswith("windows") else []
    return ["crates.txt", "rust-standard-library.html", *mingw]


def differing(what, found, wanted):
    """Both ways round, a line each."""
    for name in sorted(set(wanted) - set(found)):
        yield f"{what} lacks {name}"
    for name in sorted(set(found) - set(wanted)):
        yield f"{what} has {name}, too"


def zipped(path):
    """The names in a zip, and what is in each; backslashes and doubles would show."""
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def tarred(path):
    """The same for a tar; a link has what it leads to."""
    with tarfile.open(path) as archive:
        return [(one.name, archive.extractfile(one).read()) for one in archive if not one.isdir()]


def parts(platform):
    """What is built for a platform: what the SBOM calls it, and where it is."""
    library = Path(PLATFORMS[platform][0])
    yield "library", library
    for name in PROGRAMS:
        yield name, library.with_name(f"{name}.exe" if library.suffix == ".dll" else name)


def archives(dist, target):
    """The archives for C programmers."""
    for platform in PLATFORMS:
        windows = platform.startswith("windows")
        path = dist / f"agw-{VERSION}-{platform}.{'zip' if windows else 'tar.gz'}"
        top = f"agw-{VERSION}-{platform}"
        found = zipped(path) if windows else tarred(path)
        wanted = [f"{top}/{name}" for name in EVERYWHERE + (WINDOWS if windows else LINUX)]
        yield from differing(path.name, [name for name, _ in found], wanted)
        content = dict(found)
        listed = content.get(f"{top}/licences/crates.txt", b"").decode()
        for part, file in parts(platform):
            folder = "lib" if file.suffix == ".so" else "bin"
            if content.get(f"{top}/{folder}/{file.name}") != (target / file).read_bytes():
                yield f"{path.name} has another {part}"
            for crate in embedded(target / file, platform):
                if not crate.startswith("agw-") and f" {crate.replace('@', ' ')}: " not in listed:
                    yield f"{path.name} has no licence of {crate}, which is in {part}"
        yield from (f"{path.name}: {name} cannot be started" for name in unstartable(path))
        yield from (f"{path.name}: {name} is empty" for name, content in found if not content)


def unstartable(path):
    """Programs in a tar without the permission; zip has none."""
    if path.suffix == ".gz":
        with tarfile.open(path) as archive:
            yield from (one.name for one in archive
                        if one.name.endswith(PROGRAMS) and not one.mode & 0o100)


def wheels(dist, target):
    """Their tags, and the library or the simulator inside."""
    for platform, (library, _, tag) in PLATFORMS.items():
        yield from wheel(dist, target, platform, tag, "agw_client", "agw", Path(library))
        program = dict(parts(platform))["agw-simulator"]
        yield from wheel(dist, target, platform, tag, "agw_simulator", "agw_simulator", program)
        path = dist / f"agw_simulator-{VERSION}-py3-none-{tag}.whl"
        with zipfile.ZipFile(path) as archive:
            modes = [one.external_attr >> 16 for one in archive.infolist()
                     if one.filename == f"agw_simulator/{program.name}"]
        if any(mode & 0o111 != 0o111 for mode in modes):
            yield f"{path.name}: its program is not to be run"


def wheel(dist, target, platform, tag, name, package, library):
    """One of them."""
    path = dist / f"{name}-{VERSION}-py3-none-{tag}.whl"
    found = dict(zipped(path))
    lines = found[f"{name}-{VERSION}.dist-info/WHEEL"].decode().splitlines()
    tags = [line[5:] for line in lines if line.startswith("Tag: ")]
    yield from differing(path.name, tags, [f"py3-none-{one}" for one in tag.split(".")])
    if "Root-Is-Purelib: false" not in lines:
        yield f"{path.name} claims to fit any platform"
    if found.get(f"{package}/{library.name}") != (target / library).read_bytes():
        yield f"{path.name} has another {library.name}"
    texts = f"{package}/licences/"
    inside = [one for one in found if one.startswith(texts) and found[one]]
    wanted = [f"{texts}{one}" for one in licences(platform)]
    yield from differing(path.name, inside, wanted)


def nuget(dist, target):
    """What learn.microsoft.com/nuget and the Open Packaging Conventions say of a package."""
    path = dist / f"Agw.Client.{VERSION}.nupkg"
    parts = zipped(path)
    names, found = [name for name, _ in parts], dict(parts)
    texts = [f"licences/{platform}/{one}" for platform in PLATFORMS for one in licences(platform)]
    yield from differing(path.name, names, [*NUGET, *NATIVE, *texts])
    if len(names) != len({name.lower() for name in names}):
        yield f"{path.name} has a name twice"
    for name, library in NATIVE.items():
        if found.get(name) != (target / library).read_bytes():
            yield f"{path.name} has another library as {name}"
    types = ElementTree.fromstring(found.get("[Content_Types].xml", b"<none/>"))
    known = {one.get("Extension", "").lower() for one in types if one.get("ContentType")}
    # A reader of the Open Packaging Conventions refuses the whole package for it.
    if "" in known:
        yield f"{path.name}: a content type for no extension"
    ends = {name.rsplit(".", 1)[-1].lower() for name in names if name != "[Content_Types].xml"}
    yield from (f"{path.name}: *.{end} has no content type" for end in sorted(ends - known))
    relations = ElementTree.fromstring(found.get("_rels/.rels", b"<none/>"))
    starts = [one.get("Target") for one in relations if one.get("Type", "").endswith("/manifest")]
    if starts != ["/Agw.Client.nuspec"]:
        yield f"{path.name}: the relations lead to {starts}"
    yield from nuspec(path.name, found.get("Agw.Client.nuspec", b"<none/>"), found)


def nuspec(package, text, found):
    """What every package must say of itself, and whether it is so."""
    metadata = ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", text)).find("metadata")
    if metadata is None:
        yield f"{package}: the nuspec has no metadata"
        return
    wanted = {"id": "Agw.Client", "version": VERSION, "license": "MIT OR Apache-2.0"}
    for name, value in wanted.items():
        if metadata.findtext(name) != value:
            yield f"{package}: {name} is {metadata.findtext(name)}"
    for name in ("authors", "description"):
        if not metadata.findtext(name):
            yield f"{package}: no {name}"
    if metadata.findtext("readme") not in found:
        yield f"{package}: the readme is not there"
    groups = [one.get("targetFramework") for one in metadata.iterfind("dependencies/group")]
    frameworks = [".NETStandard2.0", ".NETFramework4.6.2"]
    yield from differing(f"{package}: dependencies", groups, frameworks)


def told(*command, **options):
    """What a program prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout


def of_debian(path):
    """The tar in a .deb, and what the package manager reads of it."""
    form = "--showformat=${Package}\n${Version}\n${Architecture}\n${Depends}"
    said = told("dpkg-deb", "-W", form, path).decode().split("\n")
    return told("dpkg-deb", "--fsys-tarfile", path), said


def of_rpm(path):
    """The same of an .rpm."""
    tar = told("rpm2archive", "-", input=path.read_bytes())
    form = "%{NAME}\n%{VERSION}-%{RELEASE}\n%{ARCH}\n"
    said = told("rpm", "-qp", "--nosignature", "--queryformat", form, path).decode().split()
    needs = told("rpm", "-qpR", "--nosignature", path).decode().splitlines()
    return tar, [*said, " ".join(sorted(one for one in needs if not one.startswith("rpmlib(")))]


def members(packed):
    """Of each gzip in a file the bytes themselves, and what they unpack to."""
    while packed:
        one = zlib.decompressobj(wbits=31)
        content = one.decompress(packed)
        yield packed[:len(packed) - len(one.unused_data)], content
        packed = one.unused_data


def of_alpine(path):
    """The same of an .apk, two gzips without a signature: what is said of the files, with the hash
    that apk compares, then the files."""
    (_, control), (packed, files) = members(path.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(control)) as archive:
        lines = archive.extractfile(".PKGINFO").read().decode().splitlines()
    pairs = [line.split(" = ", 1) for line in lines if " = " in line]
    said = [" ".join(value for name, value in pairs if name == wanted)
            for wanted in ("pkgname", "pkgver", "arch", "depend", "provides")]
    hashed = ["datahash", hashlib.sha256(packed).hexdigest()] in pairs
    return files, said if hashed else [*said, "of other files"]


READERS = {".deb": of_debian, ".rpm": of_rpm, ".apk": of_alpine}


def unpacked(path):
    """What is in a package: name and content, and what the package manager reads of it."""
    tar, said = READERS[path.suffix](path)
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        files = {one.name.removeprefix("./"): archive.extractfile(one).read() if one.isreg()
                 else one.linkname.encode() for one in archive if not one.isdir()}
    return files, said


def systems(dist, target):
    """The packages for package managers."""
    for file, platform, libraries, wanted in SYSTEMS:
        name = wanted[0]
        found, said = unpacked(dist / file)
        if said != wanted:
            yield f"{file} says that it is {said}"
        soname = f"usr/{libraries}/libagw.so.1"
        texts = DOCUMENTS + ([] if name == "libagw1" else EXAMPLES)
        paths = [f"usr/share/doc/{name}/{text}" for text in texts]
        if name == "libagw1":
            paths += [soname, f"usr/{libraries}/libagw.so.{VERSION}"]
            if found.get(f"usr/{libraries}/libagw.so.{VERSION}") != (
                    target / PLATFORMS[platform][0]).read_bytes():
                yield f"{file} has another library"
        else:
            paths += HEADERS + [f"usr/{libraries}/{one}" for one in DEVELOPMENT]
        yield from differing(file, found, paths)


def embedded(library, platform):
    """What cargo-auditable wrote into a library: the crates that are inside."""
    objcopy = "aarch64-linux-gnu-objcopy" if platform == "linux-aarch64" else "objcopy"
    with tempfile.TemporaryDirectory() as folder:
        section = Path(folder) / "section"
        dump = [objcopy, "--dump-section", f".dep-v0={section}"]
        subprocess.run([*dump, library, Path(folder) / "copy"], check=True, capture_output=True)
        if not section.exists():
            return set()
        packages = json.loads(zlib.decompressobj().decompress(section.read_bytes()))["packages"]
    inside = (one for one in packages
              if one.get("kind", "runtime") == "runtime" or one["name"] in TABLES)
    names = {f"{one['name']}@{one['version']}" for one in inside if one["name"] not in MACROS}
    return names - {f"agw-client@{VERSION}"}


def sbom(dist, target):
    """It keeps to the schema, and names what the libraries themselves say is inside."""
    path = dist / f"agw-{VERSION}.cdx.json"
    text = path.read_text(encoding="utf-8")
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        yield f"{path.name} is no CycloneDX: {wrong}"
    components = json.loads(text)["components"]
    for platform in PLATFORMS:
        for part, file in parts(platform):
            place = {"name": f"agw:{part}", "value": platform}
            wanted = {f"{one['name']}@{one['version']}" for one in components
                      if place in one["properties"]}
            inside = embedded(target / file, platform)
            yield from differing(f"{path.name} for {part} {platform}", wanted, inside)
    for one in components:
        own = one["name"].startswith("agw-")
        if not one.get("licenses") or not (own or one.get("hashes")):
            yield f"{path.name}: {one['name']} has no licence or no hash"


def sums(dist, _target):
    """Of every file, and right."""
    lines = (dist / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    listed = {line[66:]: line[:64] for line in lines}
    names = [path.name for path in dist.iterdir() if path.name != "SHA256SUMS"]
    yield from differing("SHA256SUMS", listed, names)
    for name in names:
        if listed.get(name) != hashlib.sha256((dist / name).read_bytes()).hexdigest():
            yield f"SHA256SUMS is wrong for {name}"


def rewritten(path, change):
    """Packs a zip anew, each file as `change` has it; None leaves it out."""
    parts = zipped(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts:
            changed = change(name, content)
            if changed is not None:
                archive.writestr(name, changed)


def repacked(file, old, new):
    """What packs a .deb anew with another text in a file of it."""
    def change(path):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "-R", path, f"{folder}/all"], check=True)
            place = Path(folder, "all", file)
            place.write_bytes(place.read_bytes().replace(old, new))
            command = ["dpkg-deb", "--root-owner-group", "-b", f"{folder}/all", path]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return change


def respun(old, new):
    """The same for an .apk, where both texts are of one length; its hash stays what it was."""
    def change(path):
        parts = [content.replace(old, new) for _, content in members(path.read_bytes())]
        path.write_bytes(b"".join(gzip.compress(part) for part in parts))
    return change


def without(end):
    return lambda name, content: None if name.endswith(end) else content


def replaced(old, new):
    return lambda _, content: content.replace(old, new)


# The check, the package, what is done to it or stands in its place, what must be said then.
FAULTS = (
    (archives, "agw-*-windows-x86.zip", without("agw.lib"), "lacks .*agw.lib"),
    (archives, "agw-*-windows-x64.zip", replaced(b"This program", b"That program"), "another lib"),
    (archives, "agw-*-windows-x64.zip", replaced(b"This prog", b"That prog"), "another agw-check"),
    (archives, "agw-*-windows-x64.zip", without("simulator.exe"), "lacks .*/agw-simulator.exe"),
    (archives, "agw-*-windows-x64.zip", replaced(b" lexopt ", b" lexipt "), "no licence of lexopt"),
    (wheels, "agw_client-*-win32.whl", replaced(b"none-win32", b"none-any"), "lacks py3-none-w"),
    (wheels, "agw_client-*manylinux2014_x86_64.whl", without("libagw.so"), "another libagw.so"),
    (wheels, "agw_simulator-*2014_x86_64.whl", without("agw-simulator"), "another agw-sim"),
    (wheels, "agw_simulator-*-win32.whl", without("crates.txt"), "lacks agw_simulator/licences/"),
    (wheels, "agw_client-*_aarch64.whl", replaced(b"4_aarch64", b"4_x86_64"), "lacks .*4_aarch64"),
    (wheels, "agw_client-*-musllinux*.whl", without("libagw.so"), "another libagw.so"),
    (wheels, "agw_simulator-*-win_amd64.whl", lambda _, content: content, "not to be run"),
    (nuget, "*.nupkg", without("net462/Agw.Net.dll"), "lacks lib/net462/Agw.Net.dll"),
    (nuget, "*.nupkg", without("win-x86/native/agw.dll"), "library as runtimes/win-x86"),
    (nuget, "*.nupkg", without("linux-arm64/native/libagw.so"), "lacks runtimes/linux-arm64"),
    (nuget, "*.nupkg", without("linux-musl-x64/native/libagw.so"), "library as .*-musl-x64"),
    (nuget, "*.nupkg", without("linux-aarch64/crates.txt"), "lacks licences/linux-aarch64"),
    (nuget, "*.nupkg", replaced(b'"targets"', b'"target"'), r"\*.targets has no content type"),
    (nuget, "*.nupkg", replaced(b'"targets"', b'""'), "a content type for no extension"),
    (nuget, "*.nupkg", without("x64/mingw-w64.txt"), "lacks licences/windows-x64/mingw"),
    (wheels, "agw_client-*-win32.whl", without("mingw-w64.txt"), "lacks agw/licences/mingw"),
    (nuget, "*.nupkg", replaced(b"/Agw.Client.", b"/agw.client."), "relations lead to"),
    (nuget, "*.nupkg", replaced(b"<authors>Agw.Client<", b"<authors><"), "no authors"),
    (sbom, "agw-*.cdx.json", (b'"name": "ring"', b'"name": "rang"'), "lacks ring@"),
    (sbom, "agw-*.cdx.json", (b'"library"', b'"libary"'), "no CycloneDX"),
    (systems, "libagw1_*_amd64.deb", repacked("DEBIAN/control", b"2.17", b"2.34"), "that it is"),
    (systems, "libagw1_*_amd64.deb", repacked(f"usr/lib/x86_64-linux-gnu/libagw.so.{VERSION}",
                                              b"agw", b"AGW"), "another library"),
    (systems, "libagw-devel-*.x86_64.rpm", "libagw1-*.x86_64.rpm", "lacks usr/include/agw.h"),
    (systems, "libagw1-*.x86_64.rpm", "libagw-devel-*.x86_64.rpm", "lacks usr/lib64/libagw.so.1"),
    (systems, "libagw1_*_arm64.deb", "libagw1_*_amd64.deb", "lacks usr/lib/aarch64-linux-gnu/"),
    (systems, "libagw1-*.aarch64.rpm", "libagw1-*.x86_64.rpm", "aarch64.rpm has another library"),
    (systems, "libagw1_*.apk", respun(b"depend = musl", b"depend = must"), "'must'"),
    (systems, "libagw1_*.apk", respun(b"= so:libagw.so.1", b"= so:libagw.so.2"), "so:libagw.so.2"),
    (systems, "libagw1_*.apk", respun(b"\x7fELF", b"\x7fELK"), "of other files(.|\n)*another lib"),
    (systems, "libagw-dev_*.apk", "libagw1_*.apk", "lacks usr/lib/libagw.a"),
    (sbom, "agw-*.cdx.json", (b'"linux-aarch64"', b'"linux"'), "for library linux-aarch64 lacks"),
    (sbom, "agw-*.cdx.json", (b'"linux-musl-', b'"linux-'), "for library linux-musl-x86_64 lacks"),
    (sbom, "agw-*.cdx.json", (b'"agw:agw-check"', b'"agw:library"'), "for agw-check .* lacks lex"),
    (archives, "agw-*-linux-aarch64.tar.gz", "agw-*-linux-x86_64.tar.gz", "lacks .*-aarch64/"),
    (sums, "agw-*.tar.gz", (b"\x08", b"\x09"), "wrong for agw"),
)
FAULTS = [row for row in FAULTS if not re.search(LEFT_OUT, f"{row[1:]}")]


def self_test(target):
    """Plants each fault into a copy. Gives those that are not found."""
    for check, pattern, change, expected in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            dist = Path(folder) / "dist"
            shutil.copytree(target / "dist", dist)
            path = next(dist.glob(pattern))
            if isinstance(change, str):
                shutil.copyfile(next(dist.glob(change)), path)
            elif isinstance(change, tuple):
                path.write_bytes(path.read_bytes().replace(*change))
            elif check is systems:
                change(path)
            else:
                rewritten(path, change)
            found = "\n".join(check(dist, target))
            if not re.search(expected, found):
                yield f"{check.__name__} does not find {expected!r} in {path.name}: {found}"


def main():
    target = Path(sys.argv[-1])
    if "--self-test" in sys.argv:
        wrong = list(self_test(target))
        said = f"{len(FAULTS)} planted faults are found"
    else:
        checks = (archives, wheels, nuget, systems, sbom, sums)
        wrong = [line for check in checks for line in check(target / "dist", target)]
        said = "files, wheels, NuGet package, system packages, SBOM and checksums are as promised"
    for line in wrong:
        print(f"contents: {line}", file=sys.stderr)
    if not wrong:
        print(f"contents: {said}, of " + " ".join(PLATFORMS))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
