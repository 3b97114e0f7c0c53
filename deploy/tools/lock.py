"""Write constraints.txt and deploy/requirements/*.txt: versions and hashes of all that the project and its extras need.

Run by ``make lock`` with the interpreter of the environment to be frozen: one that was made without constraints, with
the newest versions pyproject.toml allows, and has passed the tests. Its versions are kept; what it does not hold (the
extra ``gpu``) keeps its place in the lock, or is taken as new as the bounds allow. uv asks the configured index for the
hashes of every file of a release, so that the lock also serves other machines than this one.
"""

import os
import platform
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from lockfiles import BASE, BUILD, CONSTRAINTS, FOLDER, ROOT, Pin, parse, render, union
from packaging.utils import canonicalize_name

PROJECT = "hounsfield"
# What deploy/tools/build-wheel.sh builds with.
BUILDERS = ("build", "setuptools", "wheel")
TARGET = ("--python-version", platform.python_version(), "--python-platform", "x86_64-manylinux_2_28")
# What installs is there before anything is installed.
UNLOCKED = ("--no-emit-package", "pip")
MADE_FOR = "for Python 3.11 on x86-64 Linux. Written by `make lock`."


class Unresolved(Exception):
    """The requirements could not be resolved; the text says why."""


def installed() -> dict[str, Pin]:
    """Return what this environment holds, the project itself left out."""
    found = (Pin(name=canonicalize_name(here.name), version=here.version.partition("+")[0]) for here in distributions())
    return {pin.name: pin for pin in found if pin.name != PROJECT}


def resolve(
    requirements: Iterable[str], kept: Mapping[str, Pin], *, preferred: Iterable[Pin] = (), hashes: bool = False
) -> dict[str, Pin]:
    """Return all that the requirements need: at the versions of ``kept``, then of ``preferred`` if they fit."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    with tempfile.TemporaryDirectory(prefix="hounsfield-lock-") as name:
        wanted, constraints, found = (Path(name, file) for file in ("wanted.in", "kept.txt", "found.txt"))
        wanted.write_text("\n".join(requirements))
        constraints.write_text(render("", map(_bare, kept.values())))
        found.write_text(render("", map(_bare, preferred)))  # uv prefers what the file it writes held before
        command += [*TARGET, *UNLOCKED, "--constraint", str(constraints), "--output-file", str(found), str(wanted)]
        command += ["--generate-hashes"] if hashes else []
        environment = os.environ | {"UV_NO_CONFIG": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise Unresolved(done.stderr.strip()[-2000:] or f"uv ended with {done.returncode}")
        return parse(found.read_text())


def _bare(pin: Pin) -> Pin:
    return Pin(name=pin.name, version=pin.version)


def locked(project: Mapping[str, Any], before: Iterable[Pin] = ()) -> dict[str, dict[str, Pin]]:
    """Return the pins of each group: the base, what builds, and what each extra adds to the base."""
    base: list[str] = project["dependencies"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    everything = [*base, *BUILDERS, *(line for lines in extras.values() for line in lines)]
    pins = resolve(everything, installed(), preferred=before, hashes=True)
    names = {extra: set(resolve([*base, *lines], pins)) for extra, lines in extras.items()}
    core = set(resolve(base, pins))
    wanted = {BASE: core, BUILD: set(resolve(BUILDERS, pins))}
    wanted |= {extra: found - core for extra, found in names.items()}
    return {group: {name: pins[name] for name in found} for group, found in wanted.items()}


def header(group: str) -> str:
    """Return what stands at the top of a group's file."""
    what = {
        BASE: "All that the wheel needs, with hashes,",
        BUILD: "What builds the wheel, with hashes,",
    }.get(group, f"What the extra {group} adds to base.txt, with hashes,")
    return f"{what}\n{MADE_FOR}"


def main() -> int:
    """Write the files; return the exit status."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    try:
        found = locked(project, parse(CONSTRAINTS.read_text()).values())
        pins = union(found)
    except (Unresolved, ValueError) as error:
        print(f"lock: {error}", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for group, of_group in found.items():
        (FOLDER / f"{group}.txt").write_text(render(header(group), of_group.values()))
    CONSTRAINTS.write_text(
        render(f"The lock: every version of the project and its extras, {MADE_FOR}", map(_bare, pins.values()))
    )
    print(f"{len(pins)} versions, {sum(len(pin.hashes) for pin in pins.values())} hashes in {len(found)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
