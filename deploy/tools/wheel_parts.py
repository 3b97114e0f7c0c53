"""What an installed binary wheel brings along: as looked up (deploy/release/licences.toml), and as it says itself.

A wheel may carry inventories of its own in ``*.dist-info/sboms`` (PEP 770), in CycloneDX JSON.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path, PurePath
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A library inside a wheel; ``licence`` is an SPDX expression or empty where the wheel does not say."""

    name: str
    version: str = ""
    licence: str = ""
    files: tuple[str, ...] = ()
    purl: str = ""


def looked_up(table: Mapping[str, Mapping[str, Any]]) -> tuple[Part, ...]:
    """Return the parts of one package's table ``[bundled.PACKAGE]``."""
    return tuple(
        Part(name=name, licence=entry["licence"], files=tuple(entry.get("files", ()))) for name, entry in table.items()
    )


def shared_libraries(wheel: Distribution) -> list[str]:
    """Return the names of the shared libraries that were put into the wheel's ``*.libs`` folder."""
    paths = (PurePath(file) for file in wheel.files or ())
    return sorted(path.name for path in paths if path.parent.name.endswith(".libs") and ".so" in path.name)


def unnamed(wheel: Distribution, parts: tuple[Part, ...]) -> list[str]:
    """Return the shared libraries that no part accounts for."""
    known = tuple(beginning for part in parts for beginning in part.files)
    return [name for name in shared_libraries(wheel) if not name.startswith(known or ("/",))]


def said_by_itself(wheel: Distribution) -> tuple[Part, ...]:
    """Return the components of the wheel's own inventories, those it calls optional and itself left out."""
    found = {part for inventory in _inventories(wheel) for part in _parts(inventory)}
    own = wheel.name.replace("-", "_").lower()
    kept = (part for part in found if part.name.replace("-", "_").lower() != own)
    return tuple(sorted(kept, key=lambda part: (part.name.lower(), part.version, part.purl)))


def _inventories(wheel: Distribution) -> Iterator[Mapping[str, Any]]:
    for file in wheel.files or ():
        if "sboms" in file.parts and file.suffix == ".json":
            yield json.loads(Path(str(file.locate())).read_text())


def _parts(inventory: Mapping[str, Any]) -> Iterator[Part]:
    for component in inventory.get("components", ()):
        if component.get("scope", "required") == "required":
            yield Part(
                name=component["name"],
                version=component.get("version") or "",
                licence=" AND ".join(_licences(component)),
                purl=(component.get("purl") or "").partition("?")[0],
            )


def _licences(component: Mapping[str, Any]) -> Iterator[str]:
    for entry in component.get("licenses", ()):
        named = entry.get("license", {})
        expression = entry.get("expression") or named.get("id") or named.get("name", "")
        if expression:
            yield f"({expression})" if " OR " in expression and len(component["licenses"]) > 1 else expression
