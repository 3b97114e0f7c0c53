"""Write the bill of materials of the wheel in CycloneDX JSON: ``python deploy/tools/sbom.py DIST_FOLDER``.

It names what the base installation needs (scope "required") and what each serving extra adds (scope "optional"), with
the digests of the lock, the licences of docs/licences.md and the libraries inside binary wheels. The same checkout
gives the same bytes: the time is SOURCE_DATE_EPOCH or that of the newest commit, the serial number follows from the
content. The wheel's own digest is in it where the folder holds the wheel.
"""

import hashlib
import sys
import tomllib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import licences
import wheel_parts
from build_dist import Unbuilt, source_date
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from lockfiles import BASE, ROOT, Pin, groups
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from wheel_parts import Part


class Invalid(Exception):
    """What was made is no valid CycloneDX; the text says why."""


def root(project: Mapping[str, Any], wheel: Path | None) -> Component:
    """Return the component that all is about: the wheel."""
    name, version = project["name"], project["version"]
    hashes = [_sha256(hashlib.sha256(wheel.read_bytes()).hexdigest())] if wheel else []
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=name,
        purl=PackageURL("pypi", None, name, version),
        description=project["description"],
        licenses=[_licence(project["license"])],
        hashes=hashes,
    )


def package(pin: Pin, group: str, rules: licences.Rules) -> Component:
    """Return the component of a locked package, with the parts inside its wheel as components of its own."""
    purl = PackageURL("pypi", None, pin.name, pin.version)
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=pin.name,
        purl=purl,
        scope=ComponentScope.REQUIRED if group == BASE else ComponentScope.OPTIONAL,
        licenses=[_licence(licences.licence_of(pin.name, rules))],
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(purl.to_string()),
                comment="the digests of every file of this release",
                hashes=[_sha256(digest.removeprefix("sha256:")) for digest in pin.hashes],
            )
        ],
        components=[_inside(pin.name, part) for part in parts_of(pin.name, rules)],
        properties=[] if group == BASE else [Property(name="hounsfield:extra", value=group)],
    )


def parts_of(name: str, rules: licences.Rules) -> Iterator[Part]:
    """Yield what is known to lie inside a package's wheel; nothing of its own where it is not installed here."""
    known = rules.bundled.get(name, ())
    yield from known
    try:
        own = wheel_parts.said_by_itself(distribution(name))
    except PackageNotFoundError:
        return
    names = {part.name.lower() for part in known}
    yield from (part for part in own if part.name.lower() not in names)


def _inside(package_name: str, part: Part) -> Component:
    return Component(
        name=part.name,
        version=part.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package_name}#{part.purl or part.name}",
        purl=PackageURL.from_string(part.purl) if part.purl else None,
        licenses=[_licence(part.licence)] if part.licence else [],
    )


@cache
def _licence(expression: str) -> License:
    return LicenseFactory().make_from_string(expression)  # reads through the list of SPDX


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def needs(project: Mapping[str, Any], serving: Iterable[str]) -> dict[str, set[str]]:
    """Return what the project with these extras needs directly, and what each of those needs, by their metadata."""
    extras = [extra for extra in serving if extra != BASE]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    found: dict[str, set[str]] = {}
    asked: dict[str, set[str]] = {project["name"]: {""}}
    todo = [project["name"]]
    while todo:
        name = todo.pop()
        active = list(_active(lines if name == project["name"] else _required(name), asked[name]))
        found[name] = {canonicalize_name(one.name) for one in active}
        for one in active:
            known = asked.get(canonicalize_name(one.name), set())
            if not {"", *one.extras} <= known:
                asked[canonicalize_name(one.name)] = {"", *one.extras} | known
                todo.append(canonicalize_name(one.name))
    return found


def _required(name: str) -> list[str]:
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        return []


def _active(lines: Iterable[str], extras: Iterable[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, lines):
        if not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def bill(project: Mapping[str, Any], rules: licences.Rules, epoch: int, wheel: Path | None = None) -> Bom:
    """Return the bill of materials."""
    locked = groups()
    about = root(project, wheel)
    components = {
        name: package(pin, group, rules) for group in rules.serving for name, pin in sorted(locked[group].items())
    }
    bom = Bom(components=components.values())
    bom.metadata.component = about
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    for name, needed in needs(project, rules.serving).items():
        present = [components[other] for other in sorted(needed) if other in components]
        bom.register_dependency(components.get(name, about), present)
    return bom


def text(bom: Bom) -> str:
    """Return the CycloneDX 1.6 JSON, with a serial number that follows from the rest."""
    bom.serial_number = uuid.UUID(int=0)
    digest = hashlib.sha256(JsonV1Dot6(bom).output_as_string().encode()).hexdigest()
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, digest)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def validate(written: str) -> None:
    """Raise :class:`Invalid` if the text breaks the schema of CycloneDX 1.6."""
    from cyclonedx.validation.json import JsonStrictValidator  # a second, which most tests of this need not wait

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    if error is not None:
        raise Invalid(str(error)[:2000])


def main(arguments: list[str]) -> int:
    """Write the file into the folder; return the exit status: 0 good, 1 broken, 2 usage."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stem = f"{project['name']}-{project['version']}"
    wheel = next(folder.glob(f"{stem}-*.whl"), None)
    try:
        written = text(bill(project, licences.load(licences.RULES.read_text()), source_date(), wheel))
        validate(written)
    except (Invalid, Unbuilt, licences.Unknown) as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}.cdx.json").write_text(written)
    print(f"{folder / stem}.cdx.json, valid CycloneDX 1.6{'' if wheel else ', without the digest of a wheel'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
