#!/usr/bin/env python3
"""Checks a released libagw.so, or a program: does it run from glibc 2.17 on, or with musl, is it
well marked, does it tell nothing of the machine that built it?

    shared_object.py [--self-test] PLATFORM FILE EXPORTS [FORBIDDEN-PATH ...]

EXPORTS is - for a program. The self-test shows that a file which is wrong in each of these ways is
found out.
"""

import json
import re
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from elftools.elf.elffile import ELFFile

NEWEST_GLIBC = (2, 17)
NODELETE = 0x8
GLIBC = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6"}
# Of each platform: the processor, what the library may need, and the largest page: a kernel of
# 64 KiB pages does not load what is aligned to less.
PLATFORMS = {
    "linux-x86_64": ("EM_X86_64", GLIBC | {"ld-linux-x86-64.so.2"}, 0x1000),
    "linux-aarch64": ("EM_AARCH64", GLIBC | {"ld-linux-aarch64.so.1"}, 0x10000),
    "linux-musl-x86_64": ("EM_X86_64", {"libc.so"}, 0x1000),
}


def check(platform, path, exports, forbidden):
    """What is wrong, a line each."""
    processor, system, page = PLATFORMS[platform]
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        if elf["e_machine"] != processor:
            yield f"is for {elf['e_machine']}"
        aligned = min(one["p_align"] for one in elf.iter_segments("PT_LOAD"))
        if aligned < page:
            yield f"is aligned to {aligned:#x}"
        dynamic = list(elf.get_section_by_name(".dynamic").iter_tags())
        needed = {tag.needed for tag in dynamic if tag.entry.d_tag == "DT_NEEDED"}
        for more in sorted(needed - system):
            yield f"needs {more}"
        yield from newer(elf, musl=system == {"libc.so"})
        yield from of_a_program(elf) if exports is None else of_a_library(elf, dynamic, exports)
        packages = embedded(elf)
        if not {"agw-client", "rustls", "ring"} <= packages:
            yield f"names only {len(packages)} of its dependencies"
    content = path.read_bytes()
    for place in forbidden:
        if place.encode() in content:
            yield f"has the path {place} inside"


def of_a_library(elf, dynamic, exports):
    """What is wrong with what others find in it."""
    soname = [tag.soname for tag in dynamic if tag.entry.d_tag == "DT_SONAME"]
    if soname != ["libagw.so.1"]:
        yield f"SONAME is {soname}"
    flags = sum(tag.entry.d_val for tag in dynamic if tag.entry.d_tag == "DT_FLAGS_1")
    if not flags & NODELETE:
        yield "can be unloaded"
    symbols = elf.get_section_by_name(".dynsym").iter_symbols()
    found = {one.name for one in symbols if one.name and one.entry.st_shndx != "SHN_UNDEF"}
    if found != exports:
        yield f"exports {sorted(found ^ exports)} too much or too little"


def of_a_program(elf):
    """What makes it larger, or easier to attack, than it has to be."""
    if elf["e_type"] != "ET_DYN":
        yield "has a fixed place in memory"
    if elf.get_section_by_name(".symtab") or elf.get_section_by_name(".debug_info"):
        yield "is not stripped"


def newer(elf, musl):
    """What it needs that glibc 2.17, or musl, does not have."""
    section = elf.get_section_by_name(".gnu.version_r")
    versions = section.iter_versions() if section else ()
    for name in (part.name for _, parts in versions for part in parts):
        if musl or not name.startswith("GLIBC_"):
            yield f"needs a symbol of {name}"
        elif tuple(int(part) for part in name[6:].split(".")) > NEWEST_GLIBC:
            yield f"needs {name}"


def embedded(elf):
    """The packages that cargo-auditable wrote down."""
    section = elf.get_section_by_name(".dep-v0")
    if section is None:
        return set()
    return {one["name"] for one in json.loads(zlib.decompress(section.data()))["packages"]}


PLANTED = """
#include <pthread.h>
extern int elsewhere(void);
const char *agw_stray = "/planted/path";
int agw_more(void *f) { pthread_t t; return pthread_create(&t, 0, f, 0); }
int main(void) { return elsewhere() + agw_more(0); }
"""
EXPECTED = [r"needs libplanted\.so", r"names only 0", r"has the path /planted/path"]
OF_LIBRARY = [r"SONAME is", r"can be unloaded", r"exports \[.*agw_stray"]
OF_PROGRAM = [r"has a fixed place", r"is not stripped"]
OF_PLATFORM = {
    "linux-x86_64": [r"needs GLIBC_2\.3\d"],
    "linux-aarch64": [r"needs GLIBC_2\.3\d", r"is for EM_X86_64", r"is aligned to 0x1000"],
    "linux-musl-x86_64": [r"needs a symbol of GLIBC_2\.3\d", r"needs libc\.so\.6"],
}


def self_test(platform, exports):
    """Plants every fault into a file of its own. Gives the faults that were not found."""
    kind, expected = ["-shared"], OF_LIBRARY
    if exports is None:
        kind, expected = ["-no-pie"], OF_PROGRAM
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "libplain.so"
        other = Path(folder) / "libplanted.so"
        compile_shared = ["cc", "-shared", "-fPIC", "-O0", "-x", "c", "-o"]
        subprocess.run([*compile_shared, other, "-"], input=b"int elsewhere(void){return 0;}",
                       check=True)
        compile_plain = ["cc", *kind, "-fPIC", "-O0", "-x", "c", "-o", library, "-"]
        subprocess.run([*compile_plain, f"-L{folder}", "-Wl,--no-as-needed", "-lplanted",
                        "-Wl,-soname,libplain.so"], input=PLANTED.encode(), check=True)
        found = "\n".join(check(platform, library, exports, ["/planted/path"]))
    return [fault for fault in EXPECTED + expected + OF_PLATFORM[platform]
            if not re.search(fault, found)]


def main():
    arguments = [one for one in sys.argv[1:] if one != "--self-test"]
    platform, file, names, *forbidden = arguments
    exports = None if names == "-" else set(Path(names).read_text(encoding="ascii").split())
    if "--self-test" in sys.argv:
        found = self_test(platform, exports)
        wrong = [f"the self-test for {platform} misses {fault}" for fault in found]
    else:
        wrong = list(check(platform, Path(file), exports, forbidden))
    for line in wrong:
        print(f"shared_object: {file} {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
