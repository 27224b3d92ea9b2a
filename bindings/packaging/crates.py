"""The crates that are inside what is released, what they are licensed under, and the SBOM."""

import datetime
import json
import re
import subprocess
import uuid
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from platforms import PROGRAMS

ROOT = Path(__file__).resolve().parent.parent.parent
LICENCE_FILES = re.compile(r"(?i)(licen[cs]e|copying|copyright|notice|unlicense)")
# What is released, and the package that it is made of; in the SBOM a property `agw:` and that name
# says for which platforms a crate is inside.
LIBRARY = {"library": "agw-client"}
SIMULATOR = {"agw-simulator": "agw-simulator"}
ALL = {**LIBRARY, **{name: name for name in PROGRAMS}}


class Crates:
    """What is linked into some of what is released, for some of the platforms."""

    def __init__(self, platforms, parts):
        self.packages, self.edges, self.places = {}, {}, {}
        for platform in platforms:
            self._add(platform.name, platform.target, parts)

    def _add(self, platform, target, parts):
        command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform"]
        run = subprocess.run([*command, target], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        metadata = json.loads(run.stdout)
        packages = {one["id"]: one for one in metadata["packages"]}
        nodes = {one["id"]: one["deps"] for one in metadata["resolve"]["nodes"]}
        self.root = metadata["resolve"]["root"]
        own = {packages[one]["name"]: one for one in metadata["workspace_members"]}
        for part, name in parts.items():
            pending = [own[name]]
            while pending:
                one = pending.pop()
                if (part, platform) in self.places.setdefault(one, []):
                    continue
                self.places[one].append((part, platform))
                self.packages[one] = packages[one]
                used = {dep["pkg"] for dep in nodes[one] if linked(dep, packages)}
                self.edges.setdefault(one, set()).update(used)
                pending.extend(used)

    def sorted(self):
        """The packages by name and version, agw itself left out."""
        others = (one for one in self.packages.values() if one["id"] != self.root)
        return sorted(others, key=lambda one: (one["name"], one["version"]))


def is_own(package):
    """One of this project."""
    return package["source"] is None


def linked(dependency, packages):
    """Neither for building or testing only, nor a macro, which runs in the compiler; but build.rs
    takes tables from one."""
    normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
    normal = normal or packages[dependency["pkg"]]["name"] == "encoding_rs"
    kinds = {kind for part in packages[dependency["pkg"]]["targets"] for kind in part["kind"]}
    return normal and "proc-macro" not in kinds


def expression(package):
    """Its licence in SPDX; an older crate has a slash for OR."""
    return package["license"].replace("/", " OR ")


def texts_of(package):
    """The licence files that it brings; without one Apache-2.0, which is the same for all."""
    folder = Path(package["manifest_path"]).parent
    found = sorted(path for path in folder.iterdir() if LICENCE_FILES.match(path.name))
    if not found and "Apache-2.0" in expression(package).split(" OR "):
        return [ROOT / "LICENSE-APACHE"]
    if not found:
        raise SystemExit(f"licences: {package['name']} brings no licence text")
    return found


def licences(crates, what):
    """The text for the packages: every crate, its licence, and all the texts, each once."""
    lines = [f"{what} contains these Rust crates.", ""]
    texts = {}
    for package in crates.sorted():
        if is_own(package):
            continue
        title = f"{package['name']} {package['version']}"
        lines.append(f"    {title}: {expression(package)}")
        for path in texts_of(package):
            text = path.read_text(encoding="utf-8").replace("\r\n", "\n").strip()
            texts.setdefault(text, []).append(f"{title} ({path.name})")
    for text, owners in texts.items():
        lines += ["", "-" * 78, *(f"{owner}:" for owner in owners), "", text]
    return "\n".join(lines) + "\n"


def component(package):
    """A package as the SBOM has it."""
    url = PackageURL("cargo", None, package["name"], package["version"])
    references = []
    if package["repository"]:
        references = [ExternalReference(type=ExternalReferenceType.VCS,
                                        url=XsUri(package["repository"]))]
    return Component(
        type=ComponentType.LIBRARY, name=package["name"], version=package["version"], purl=url,
        bom_ref=url.to_string(), description=(package["description"] or "").strip(),
        licenses=[LicenseFactory().make_with_expression(expression(package))],
        external_references=references)


def checksums():
    """From Cargo.lock: the SHA-256 of each crate as it was downloaded."""
    found = {}
    for part in (ROOT / "Cargo.lock").read_text(encoding="utf-8").split("[[package]]"):
        fields = dict(re.findall(r'^(name|version|checksum) = "(.*)"$', part, re.M))
        if "checksum" in fields:
            found[fields["name"], fields["version"]] = fields["checksum"]
    return found


def sbom(crates, epoch):
    """The CycloneDX document, the same for the same crates and the same time."""
    bom = Bom()
    known = checksums()
    root = component(crates.packages[crates.root])
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    parts = {crates.root: root}
    for package in crates.sorted():
        part = parts[package["id"]] = component(package)
        if not is_own(package):
            checksum = known[package["name"], package["version"]]
            part.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=checksum))
        for place, platform in crates.places[package["id"]]:
            part.properties.add(Property(name=f"agw:{place}", value=platform))
        bom.components.add(part)
    for one, part in parts.items():
        bom.register_dependency(part, [parts[other] for other in crates.edges[one]])
    names = " ".join(part.bom_ref.value for part in parts.values())
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{epoch} {' '.join(sorted(names.split()))}")
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
