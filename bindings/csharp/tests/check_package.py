#!/usr/bin/env python3
"""Reads Agw.csproj and Agw.Client.targets, for want of a .NET SDK: are they well-formed, do the
files they name exist, is the version the library's, does the NuGet layout fit together? Then it is
shown that changed copies are refused.

    check_package.py CARGO-TOML FOLDER
"""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

TARGETS = "Agw.Client.targets"
FRAMEWORK = "'$(TargetFrameworkIdentifier)' == '.NETFramework'"


def packed(project):
    """What goes where in the package."""
    found = (one for one in project.iter("None") if one.get("Pack") == "true")
    return {one.get("Include"): one.get("PackagePath") for one in found}


def check(version, folder, project_text, targets_text):
    """What is wrong, a line each."""
    project, targets = ElementTree.fromstring(project_text), ElementTree.fromstring(targets_text)
    places = packed(project)
    for include in [one.get("Include") for one in project.iter("Compile")] + list(places):
        if not include.startswith("$(") and not list(folder.glob(include)):
            yield f"Agw.csproj names {include}, which is not there"
    for wanted, found in (
        (version, project.findtext(".//Version")),
        ("netstandard2.0;net462", project.findtext(".//TargetFrameworks")),
        ("7.0", project.findtext(".//LangVersion")),
        ("Agw.Net", project.findtext(".//AssemblyName")),
        ("runtimes/%(RecursiveDir)%(Filename)%(Extension)", places.get("$(AgwRuntimes)/**/*.*")),
        (f"build/{project.findtext('.//PackageId')}.targets", f"build/{TARGETS}"),
        ("build;buildTransitive", places.get(f"build/{TARGETS}")),
    ):
        if wanted != found:
            yield f"Agw.csproj has {found} instead of {wanted}"
    for part in targets:
        if FRAMEWORK not in part.get("Condition", ""):
            yield f"{TARGETS}: {part.tag} is not for .NET Framework alone"
    if r"..\runtimes\$(AgwNativeRid)\native\agw.dll" not in targets.findtext(".//AgwNativeFile"):
        yield f"{TARGETS} looks for agw.dll elsewhere than the package has it"


CHANGES = (
    ('Include="src/*.cs"', 'Include="source/*.cs"'),
    ("<Version>", "<Version>9."),
    ("netstandard2.0;net462", "netstandard2.0"),
    ('PackagePath="runtimes/', 'PackagePath="runtime/'),
    ("<PackageId>Agw.Client<", "<PackageId>Agw<"),
    ("build;buildTransitive", "build"),
    ("$(AgwNativeRid)\\native", "$(AgwNativeRid)"),
    ("""'.NETFramework' And Exists(""", """'.NETStandard' And Exists("""),
)


def unnoticed(version, folder, *texts):
    """The changes of either file that go unnoticed."""
    for old, new in CHANGES:
        changed = [text.replace(old, new) for text in texts]
        if changed == list(texts):
            yield f"there is no {old!r} to change"
        elif not list(check(version, folder, *changed)):
            yield f"unnoticed: {old!r} -> {new!r}"


def main():
    cargo, folder = (Path(argument) for argument in sys.argv[1:])
    version = re.search(r'^version = "(.*)"', cargo.read_text(encoding="utf-8"), re.M)[1]
    files = folder / "Agw.csproj", folder / "build" / TARGETS
    texts = [file.read_text(encoding="utf-8") for file in files]
    wrong = list(check(version, folder, *texts)) or list(unnoticed(version, folder, *texts))
    for line in wrong:
        print(f"check_package: {line}", file=sys.stderr)
    if not wrong:
        print(f"check_package: all fits together; {len(CHANGES)} changes are refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
