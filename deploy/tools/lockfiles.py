"""The lock with hashes: one file per extra in deploy/requirements, in the form ``pip install --require-hashes`` reads.

``base.txt`` is what the wheel itself needs; the file of an extra holds only what the extra adds to it; ``build.txt`` is
what builds the wheel. No file names an index: where the bytes come from does not matter when their hash is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
FOLDER = ROOT / "deploy" / "requirements"
BASE = "base"
BUILD = "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One distribution at one version, with the digests (``sha256:...``) of every file of that release."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " \\\n    ".join((f"{self.name}=={self.version}", *(f"--hash={digest}" for digest in self.hashes)))


def parse(text: str) -> dict[str, Pin]:
    """Return the pins of a file in pip's format, by name; raise ``ValueError`` for anything but ``name==version``."""
    pins: dict[str, Pin] = {}
    for line in text.replace("\\\n", " ").splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        name, found, version = words[0].partition("==")
        hashes = [word.removeprefix("--hash=") for word in words[1:]]
        if not found or not all(digest.startswith("sha256:") for digest in hashes):
            raise ValueError(f"not a pin with SHA-256 hashes: {line.strip()[:100]}")
        name = canonicalize_name(name)
        pins[name] = Pin(name=name, version=version, hashes=tuple(sorted(hashes)))
    return pins


def render(header: str, pins: Iterable[Pin]) -> str:
    """Return the text of a file: the header as comments, then the pins by name."""
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + "".join(f"{pin}\n" for pin in sorted(pins, key=lambda pin: pin.name))


def groups(folder: Path = FOLDER) -> dict[str, dict[str, Pin]]:
    """Return the pins of every file in the folder, by the file's name: ``base``, ``build`` and the extras."""
    return {file.stem: parse(file.read_text()) for file in sorted(folder.glob("*.txt"))}


def union(locked: Mapping[str, Mapping[str, Pin]]) -> dict[str, Pin]:
    """Return all pins; raise ``ValueError`` if two groups disagree about one."""
    merged: dict[str, Pin] = {}
    for group, pins in locked.items():
        for name, pin in pins.items():
            if merged.setdefault(name, pin) != pin:
                raise ValueError(f"{group} pins another {name} than the others: {pin.version}, {merged[name].version}")
    return merged
