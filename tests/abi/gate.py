"""Holds the shared library to the ABI of version 1.0.0, by its own debug info.

    gate.py LIBRARY           compares with the baseline and with the header, and proves that both
                              comparisons fail when they should
    gate.py --renew LIBRARY   writes the baseline anew, after an addition that is meant

The library must have its debug info: cargo build --profile abi. What reads debug info is Debian's
abigail-tools: abidw writes it down as XML, abidiff compares.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BASELINE = ROOT / "tests/abi/1.0.0.abi"
HEADER = ROOT / "include/agw.h"
CHANGED, INCOMPATIBLE = 4, 8  # bits of abidiff's exit code; any other is an error of abidiff's

# What C and Rust call the same thing.
NAMES = {
    "int": "int32", "i32": "int32", "unsigned int": "uint32", "u32": "uint32",
    "long int": "int64", "i64": "int64",
    "char": "char", "i8": "char", "void": "void", "c_void": "void",
}


def written_down(library):
    """What abidw reads out of a library."""
    command = ["abidw", "--no-show-locs", "--no-corpus-path", "--no-comp-dir-path",
               "--no-elf-needed", str(library)]
    return ElementTree.fromstring(subprocess.check_output(command))


def by_id(root):
    return {element.get("id"): element for element in root.iter() if element.get("id")}


def functions(root):
    return [one for one in root.iter("function-decl") if one.get("elf-symbol-id")]


# --- The baseline ------------------------------------------------------------------------------


def reachable(root):
    """The exported functions, and the types that their signatures and those types are made of."""
    types, found = by_id(root), {}
    new = {one: one for one in functions(root)}
    while new:
        found.update(new)
        ids = {part.get("type-id") for one in new for part in one.iter()}
        new = {types[i]: types[i] for i in ids if i in types and types[i] not in found}
    return found


def pruned(element, wanted):
    """Takes out whatever neither is wanted nor holds it; true if something is left."""
    if element in wanted or element.tag in ("elf-function-symbols", "elf-symbol"):
        return True
    for child in list(element):
        if not pruned(child, wanted):
            element.remove(child)
    return len(element) > 0


def baseline_of(library):
    root = written_down(library)
    pruned(root, reachable(root))
    for element in root.iter():
        for place in ("filepath", "line", "column"):
            element.attrib.pop(place, None)
    for number, unit in enumerate(root.findall("abi-instr")):
        unit.set("path", str(number))  # not where it was built, but each its own
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def compare_with(baseline, library):
    """What abidiff has against a library; nothing if it is as the baseline says."""
    done = subprocess.run(["abidiff", "--no-show-locs", str(baseline), str(library)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode not in (0, CHANGED, CHANGED | INCOMPATIBLE):
        sys.exit("abi: abidiff ended with %d\n%s" % (done.returncode, done.stdout))
    if done.returncode == 0:
        return []
    kind = "incompatible" if done.returncode & INCOMPATIBLE else "changed"
    return [kind + ", says abidiff:", done.stdout]


# --- The header --------------------------------------------------------------------------------


class Layout:
    """Functions and structs as lines that are the same for C and Rust. Rust's debug info does not
    know const, so neither do these; the header is generated from the Rust sources anyway."""

    def __init__(self, root):
        self.types = by_id(root)
        self.lines = set()
        for one in functions(root):
            self.lines.add(one.get("name") + self.signature(one))

    def signature(self, function):
        parameters = [self.name(one) for one in function.findall("parameter")]
        return "(%s) -> %s" % (", ".join(parameters), self.name(function.find("return")))

    def name(self, user):
        """Names the type that an element has."""
        of = self.types[user.get("type-id")]
        if of.tag in ("typedef-decl", "qualified-type-def"):
            return self.name(of)
        if of.tag == "pointer-type-def":
            return "pointer to " + self.name(of)
        if of.tag == "array-type-def":
            return "%s[%s]" % (self.name(of), of.find("subrange").get("length"))
        if of.tag == "function-type":
            return "function" + self.signature(of)
        if of.tag == "class-decl":
            return self.structure(of)
        return NAMES[of.get("name")]

    def structure(self, of):
        if of.get("name").startswith("Option<"):  # a pointer that may be NULL
            return self.name(of.find("member-type/class-decl[@name='Some']/data-member/var-decl"))
        self.lines.add("%s: %s bits" % (of.get("name"), of.get("size-in-bits", "unknown")))
        for member in of.findall("data-member"):
            variable = member.find("var-decl")
            self.lines.add("%s.%s: %s at bit %s" % (
                of.get("name"), variable.get("name"), self.name(variable),
                member.get("layout-offset-in-bits")))
        return of.get("name")


def compiled(header, folder):
    """A library with the functions that a header declares, as gcc -g understands it."""
    prototypes = re.findall(r"^AGW_API\s([^;]+);", header, re.MULTILINE)
    bodies = "".join("%s { return 0; }\n" % prototype for prototype in prototypes)
    library = pathlib.Path(folder) / "header.so"
    subprocess.run(["gcc", "-std=c99", "-w", "-g", "-shared", "-fPIC", "-x", "c", "-o", library,
                    "-"], input=header + bodies, text=True, check=True)
    return library


def differences(header, layout):
    """What a compiler reads in the header and not in the library, and the other way round."""
    with tempfile.TemporaryDirectory() as folder:
        said = Layout(written_down(compiled(header, folder))).lines
    return (["only in the header: " + line for line in sorted(said - layout.lines)]
            + ["only in the library: " + line for line in sorted(layout.lines - said)])


# --- Proof that the gates close ----------------------------------------------------------------

# A name, what to replace, by what. A baseline with one of these is what a library is to it that was
# changed the other way round.
PLANTED_IN_BASELINE = [
    ("another order", r'"http_status"(.*?)"os_error"', r'"os_error"\1"http_status"'),
    ("another size", r'(name="agw_client_options" size-in-bits=)"\d+"', r'\1"768"'),
    ("another signature", r'(name="agw_cancel" mangled.*?<parameter type-id=")[^"]*'
     r'(".*name="agw_version" mangled.*?<return type-id="([^"]*))', r"\1\3\2"),
    ("one removed", r'(<elf-symbol name=")agw_cancel(".*?/>)', r"\1agw_cancel\2\1agw_gone\2"),
    ("one more", r'<elf-symbol name="agw_version_num".*?/>|<function-decl name="agw_version_num".*?'
     "</function-decl>", ""),
]
PLANTED_IN_HEADER = [
    ("another order", r"(    int32_t os_error;)(.*?)(    uint32_t flags;)", r"\3\2\1"),
    ("another size", r"char detail\[512\]", "char detail[520]"),
    ("another type", r"int32_t tls_trust", "uint32_t tls_trust"),
    ("another callback", r"\(int32_t level, const char \*message", "(int32_t level, void *message"),
    ("another parameter", r"agw_cancel\(agw_client \*client\)", "agw_cancel(agw_result *client)"),
    ("another return type", r"uint32_t (AGW_CALL agw_version_num)", r"const char *\1"),
    ("one removed", r"AGW_API agw_status AGW_CALL agw_free\([^;]*;", ""),
    ("one more", r"(AGW_API agw_status AGW_CALL agw_)free(\([^;]*;)", r"\1free\2\n\1more\2"),
]


def planted(changes, text):
    """The text with each of the changes."""
    for what, pattern, instead in changes:
        changed = re.sub(pattern, instead, text, flags=re.DOTALL)
        if changed == text:
            sys.exit("abi: %s cannot be planted" % what)
        yield what, changed


def prove(library, layout, header):
    """Counts the planted changes that were seen; stops at one that was not."""
    for what, changed in planted(PLANTED_IN_BASELINE, BASELINE.read_text(encoding="utf-8")):
        with tempfile.NamedTemporaryFile("w", suffix=".abi") as file:
            file.write(changed)
            file.flush()
            if not compare_with(file.name, library):
                sys.exit("abi: abidiff does not see %s" % what)
    for what, changed in planted(PLANTED_IN_HEADER, header):
        without_checks = re.sub(r"^typedef char agw_check[^;]*;", "", changed, flags=re.MULTILINE)
        if not differences(without_checks, layout):
            sys.exit("abi: %s in the header is not seen" % what)
    return len(PLANTED_IN_BASELINE) + len(PLANTED_IN_HEADER)


def main(arguments):
    renew = arguments[:1] == ["--renew"]
    library = arguments[-1] if arguments else sys.exit(__doc__)
    if renew:
        BASELINE.write_text(baseline_of(library), encoding="utf-8")
    header = HEADER.read_text(encoding="utf-8")
    layout = Layout(written_down(library))
    wrong = compare_with(BASELINE, library) + differences(header, layout)
    if wrong:
        sys.exit("abi: not what it was\n" + "\n".join(wrong))
    planted = prove(library, layout, header)
    print("abi: %d functions and types' fields as in the baseline and in the header; "
          "%d planted changes seen" % (len(layout.lines), planted))


if __name__ == "__main__":
    main(sys.argv[1:])
