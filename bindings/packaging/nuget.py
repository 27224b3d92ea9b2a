"""Writes the NuGet package: there is no .NET SDK that could be asked to. The assembly is compiled
with Mono, the rest is read from Agw.csproj, which says the same to an SDK."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import archive

# The folder, its name in the nuspec, and what the assembly says that it is for.
FRAMEWORKS = (("netstandard2.0", ".NETStandard2.0", ".NETStandard,Version=v2.0"),
              ("net462", ".NETFramework4.6.2", ".NETFramework,Version=v4.6.2"))
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
NUSPEC = "http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def assembly_info(project, framework):
    """What an SDK generates: names and versions in the assembly itself."""
    product, version = (project.findtext(f".//{name}") for name in ("PackageId", "Version"))
    said = {"AssemblyTitle": project.findtext(".//AssemblyName"), "AssemblyProduct": product,
            "AssemblyCompany": product, "AssemblyDescription": project.findtext(".//Description"),
            "AssemblyVersion": f"{version}.0", "AssemblyFileVersion": f"{version}.0",
            "AssemblyInformationalVersion": version}
    lines = [f'[assembly: System.Reflection.{name}("{text}")]\n' for name, text in said.items()]
    target = "System.Runtime.Versioning.TargetFramework"
    return "".join(lines) + f'[assembly: {target}("{framework}")]\n'


def compiled(source, folder, project, framework):
    """Compiles the assembly and its documentation."""
    folder.mkdir(parents=True)
    name = project.findtext(".//AssemblyName")
    info = folder / "AssemblyInfo.cs"
    info.write_text(assembly_info(project, framework), encoding="utf-8")
    sources = [*sorted(str(path) for path in (source / "src").glob("*.cs")), str(info)]
    command = ["mcs", "-langversion:7", "-warnaserror+", "-warn:4", "-unsafe", "-optimize+",
               "-target:library", f"-doc:{folder / name}.xml", f"-out:{folder / name}.dll"]
    subprocess.run([*command, *sources], check=True)
    return [folder / f"{name}.dll", folder / f"{name}.xml"]


def nuspec(project):
    """What the package is, in the order of the schema."""
    def said(name):
        return escape(project.findtext(f".//{name}"))

    page = project.findtext(".//PackageProjectUrl")
    url = f"    <projectUrl>{escape(page)}</projectUrl>\n" if page else ""
    groups = "".join(f'      <group targetFramework="{name}" />\n' for _, name, _ in FRAMEWORKS)
    return f"""{HEAD}<package xmlns="{NUSPEC}">
  <metadata>
    <id>{said("PackageId")}</id>
    <version>{said("Version")}</version>
    <authors>{said("PackageId")}</authors>
    <license type="expression">{said("PackageLicenseExpression")}</license>
{url}    <readme>{said("PackageReadmeFile")}</readme>
    <description>{said("Description")}</description>
    <tags>{said("PackageTags").replace(";", " ")}</tags>
    <dependencies>
{groups}    </dependencies>
  </metadata>
</package>
"""


def content_types(folder):
    """Every part has a type, by what its name ends in."""
    known = {"rels": "application/vnd.openxmlformats-package.relationships+xml"}
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    ends = {name.rsplit(".", 1)[-1] for name in names}
    types = {end: known.get(end, "application/octet") for end in sorted(ends)}
    lines = (f'  <Default Extension="{end}" ContentType="{kind}" />\n'
             for end, kind in types.items())
    return f'{HEAD}<Types xmlns="{TYPES}">\n{"".join(lines)}</Types>\n'


def relations(package):
    """Where a reader of the package starts."""
    kind = "http://schemas.microsoft.com/packaging/2010/07/manifest"
    return (f'{HEAD}<Relationships xmlns="{RELATIONS}">\n'
            f'  <Relationship Type="{kind}" Target="/{package}.nuspec" Id="manifest" />\n'
            "</Relationships>\n")


def write(parts, folder, output, epoch):
    """Puts together a package. `parts` are further files: the name inside, and where it is."""
    source = Path(__file__).resolve().parent.parent / "csharp"
    project = ElementTree.parse(source / "Agw.csproj").getroot()
    package = project.findtext(".//PackageId")
    parts = dict(parts)
    for name, _, framework in FRAMEWORKS:
        for path in compiled(source, folder / "assembly" / name, project, framework):
            parts[f"lib/{name}/{path.name}"] = path
    for place in ("build", "buildTransitive"):
        parts[f"{place}/{package}.targets"] = source / "build" / f"{package}.targets"
    parts["README.md"] = source / "README.md"
    image = folder / "image"
    for name, path in parts.items():
        (image / name).parent.mkdir(parents=True, exist_ok=True)
        (image / name).write_bytes(path.read_bytes())
    (image / f"{package}.nuspec").write_text(nuspec(project), encoding="utf-8")
    (image / "_rels").mkdir()
    (image / "_rels" / ".rels").write_text(relations(package), encoding="utf-8")
    types = content_types(image)
    (image / "[Content_Types].xml").write_text(types, encoding="utf-8")
    name = f"{package}.{project.findtext('.//Version')}.nupkg"
    archive.zip_file(image, output / name, epoch, ("[Content_Types].xml", "_rels/.rels"))
