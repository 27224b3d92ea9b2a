#!/usr/bin/env python3
"""Holds the built agw.dll and the files and programs beside it to what is promised of them.

    check_dll.py [--self-test] FOLDER ...

FOLDER ends in x64 or x86, and is what tests/windows/build.sh made. With --self-test it is shown
that DLLs with a fault are refused: they are compiled on the spot.
"""

import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPORTS = (ROOT / "tests/c/exports.txt").read_text(encoding="ascii").split()
CARGO = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
VERSION = re.search(r'^version = "(.*)"', CARGO, re.M)[1]

# Per width: mingw's prefix, the machine in a DLL's head, what stands before a C name.
WIDTHS = {
    "x64": ("x86_64-w64-mingw32-", b"PE\0\0\x64\x86", ""),
    "x86": ("i686-w64-mingw32-", b"PE\0\0\x4c\x01", "_"),
}
IMPORTS = """advapi32.dll bcrypt.dll crypt32.dll kernel32.dll msvcrt.dll ntdll.dll
    ws2_32.dll""".split()
# What programs may import besides: all of it is part of Windows 7.
OF_PROGRAMS = ["userenv.dll"]
PROGRAMS = ["agw-check.exe", "agw-simulator.exe"]
# No machine has these unless somebody puts them there. msvcrt.dll is a part of Windows.
RUN_TIMES = re.compile(r"libgcc|libwinpthread|libstdc|vcruntime|msvcp|msvcr\d|ucrt|api-ms-", re.I)
PATHS = re.compile(rb"(?:/(?:usr|root|home|tmp)/|[A-Z]:\\)[\w./\\-]{4,}")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def names_of(pattern, text):
    return sorted(re.findall(pattern, text, re.M))


def differing(what, found, wanted):
    """Both ways round, a line each."""
    for name in sorted(set(found) - set(wanted)):
        yield f"{what}: {name} is there and not in the list"
    for name in sorted(set(wanted) - set(found)):
        yield f"{what}: {name} is in the list and not there"


def check_version(dll):
    """The resource holds the numbers in its fixed part, and the text beside its key."""
    major, minor, patch = map(int, VERSION.split("-")[0].split("."))
    fixed = struct.pack("<4H", minor, major, 0, patch)
    if b"\xbd\x04\xef\xfe\x00\x00\x01\x00" + 2 * fixed not in dll:
        yield "version information: FILEVERSION and PRODUCTVERSION are not there"
    for key, value in (("FileVersion", VERSION), ("ProductVersion", VERSION),
                       ("OriginalFilename", "agw.dll")):
        texts = [re.escape(f"{text}\0".encode("utf-16-le")) for text in (key, value)]
        if not re.search(rb"(?:\0\0)?".join(texts), dll):
            yield f"version information: {key} is not {value}"


def check(path, width):
    """A DLL, or a program, which needs what the DLL needs, and nothing else."""
    tools, machine, _ = WIDTHS[width]
    content = path.read_bytes()
    if machine not in content[:1024]:
        yield f"not of {width}"
        return
    text = output(tools + "objdump", "-p", path)
    imports = [name.lower() for name in names_of(r"^\tDLL Name: (\S+)$", text)]
    if path.suffix == ".dll":
        yield from differing("exports", names_of(r"^\t\[ *\d+\] (\S+)$", text), EXPORTS)
        yield from differing("imports", imports, IMPORTS)
        yield from check_version(content)
    else:
        for name in sorted(set(imports) - {*IMPORTS, *OF_PROGRAMS}):
            yield f"imports: {name} is not in the list"
        if "no symbols" not in output(tools + "objdump", "-t", path):
            yield "not stripped"
    for name in filter(RUN_TIMES.search, imports):
        yield f"imports: {name} is a compiler's run time"
    for mark in ["DYNAMIC_BASE", "NX_COMPAT"] + ["HIGH_ENTROPY_VA"] * (width == "x64"):
        if mark not in text:
            yield f"not marked {mark}"
    for found in sorted(set(PATHS.findall(content))):
        yield f"holds a path of the build machine: {found.decode('ascii', 'replace')}"


def check_libraries(folder, width):
    """What a program is linked with."""
    tools, _, underscore = WIDTHS[width]
    for library in ("libagw.dll.a", "agw.lib"):
        text = output(tools + "nm", "--defined-only", folder / library)
        found = names_of(rf" I __imp_{underscore}(\S+)$", text)
        yield from differing(library, found, EXPORTS)
    static = output(tools + "nm", "--defined-only", "--extern-only", folder / "libagw.a")
    wanted = [underscore + name for name in EXPORTS]
    yield from differing("libagw.a", names_of(r" [A-Za-z] (\S+)$", static), wanted)
    if "LINK_ONCE" in output(tools + "objdump", "-h", folder / "libagw.a"):
        yield "libagw.a: a section that gives way to another library's of the same name"
    lines = (folder / "agw.def").read_text(encoding="ascii").split()
    if lines != ["LIBRARY", "agw.dll", "EXPORTS", *EXPORTS]:
        yield "agw.def: not the functions of the contract"


def compiled(folder, width, text, *options):
    """A DLL, or a program where there is a main."""
    is_program = "main(" in text
    dll = folder / ("fault.exe" if is_program else "fault.dll")
    compiler = WIDTHS[width][0] + "gcc"
    source = folder / "fault.c"
    source.write_text(text, encoding="ascii")
    kind = [] if is_program else ["-shared"]
    subprocess.run([compiler, *kind, "-o", dll, source, *options], check=True)
    return dll


def self_test():
    """Each fault must bring its own complaint; what has none must bring none of these."""
    good = "".join(f"__declspec(dllexport) int {name}(void) {{ return 0; }}\n" for name in EXPORTS)
    pop = "__declspec(dllexport) int __stdcall agw_more(int a) { return a; }\n"
    shared = ("-shared-libgcc", "-Wl,--no-as-needed", "-lgcc_s", "-Wl,--as-needed")
    faults = (
        ("exports: agw_more", "x64", good + pop, ()),
        ("exports: agw_more@4", "x86", good + pop, ()),
        ("exports: agw_free is in the list", "x64", good.replace("agw_free", "agw_fre"), ()),
        ("imports: user32.dll", "x64", good + "int __stdcall GetDoubleClickTime(void);\n"
         "int f(void) { return GetDoubleClickTime(); }\n", ("-luser32",)),
        ("imports: libgcc_s_seh-1.dll is a compiler's", "x64",
         good + "__int128 f(__int128 a, __int128 b) { return a / b; }\n", shared),
        ("imports: bcrypt.dll is in the list and not there", "x86", good, ()),
        ("not marked DYNAMIC_BASE", "x64", good, ("-Wl,--disable-dynamicbase",)),
        ("not of x86", "x86", None, ()),
        ("version information: FileVersion", "x86", good, ()),
        ("holds a path", "x64", good + 'char p[] = "/usr/src/agw/src/lib.rs";\n', ()),
        ("imports: user32.dll is not in the list", "x64",
         "int __stdcall GetCaretBlinkTime(void);\nint main(void) { return GetCaretBlinkTime(); }\n",
         ("-luser32",)),
        ("not stripped", "x86", "int main(void) { return 0; }\n", ()),
        ("not marked DYNAMIC_BASE", "x86", "int main(void) { return 0; }\n",
         ("-Wl,--disable-dynamicbase",)),
    )
    with tempfile.TemporaryDirectory() as folder:
        for wanted, width, text, options in faults:
            build = "x64" if text is None else width
            dll = compiled(Path(folder), build, text or good, *options)
            complaints = list(check(dll, width))
            if not any(line.startswith(wanted) for line in complaints):
                yield f"not seen: {wanted}; only {complaints}"


def main():
    arguments = sys.argv[1:]
    wrong = []
    if arguments[0] == "--self-test":
        wrong = list(self_test())
        arguments = arguments[1:]
    for folder in map(Path, arguments):
        width = folder.name
        found = [*check_libraries(folder, width)]
        for name in ("agw.dll", *PROGRAMS):
            found += [f"{name}: {line}" for line in check(folder / name, width)]
        wrong += [f"{width}: {line}" for line in found]
    for line in wrong:
        print(f"check_dll: {line}", file=sys.stderr)
    if not wrong:
        print(f"check_dll: {len(arguments)} folders as promised")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
