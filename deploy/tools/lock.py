"""Write constraints.txt: the exact version of everything the project installs, with all its extras but ``gpu``.

Run by ``make lock`` with the interpreter of the environment to be frozen; that environment was made without
constraints, with the newest versions pyproject.toml allows, and has passed the tests.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = "hounsfield"
EXTRAS = ("", "dev", "docs", "onnx", "postgres", "train")
BUILD_REQUIREMENTS = ("setuptools",)
HEADER = """\
# The lock: every version `make venv` installs, for Python 3.11 on x86-64 Linux. Written by `make lock`.
"""


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(project: str, extras: tuple[str, ...]) -> dict[str, str]:
    """Return name and version of everything ``project`` needs here, itself left out."""
    found: dict[str, str] = {}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    todo = [(project, extras), *((name, ("",)) for name in BUILD_REQUIREMENTS)]
    while todo:
        name, wanted = todo.pop()
        if (canonical(name), wanted) in seen:
            continue
        seen.add((canonical(name), wanted))
        installed = distribution(name)
        if canonical(name) != project:
            found[canonical(name)] = installed.version
        for line in installed.requires or ():
            requirement = Requirement(line)
            if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in wanted):
                continue
            todo.append((requirement.name, ("", *sorted(requirement.extras))))
    return found


def main() -> int:
    """Write the file beside pyproject.toml; return the exit status."""
    try:
        versions = closure(PROJECT, EXTRAS)
    except PackageNotFoundError as missing:
        print(f"{missing.name} is not installed here: pip install -e '.[dev,postgres,train]' first", file=sys.stderr)
        return 1
    lines = [f"{name}=={version.split('+')[0]}\n" for name, version in sorted(versions.items())]
    (Path(__file__).resolve().parents[2] / "constraints.txt").write_text(HEADER + "".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
