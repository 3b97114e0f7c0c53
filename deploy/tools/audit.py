"""Ask whether a locked version has a known vulnerability: ``python deploy/tools/audit.py [options of pip-audit]``.

Exit status: 0 none is known, 1 some are, 2 the advisory source could not be asked, so that nothing is known. The source
is pip-audit's: the package index by default, ``--vulnerability-service osv`` for another. What is locked is asked for,
not what is installed here.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockfiles import FOLDER

PIP_AUDIT = (sys.executable, "-m", "pip_audit")
OPTIONS = ("--format", "json", "--progress-spinner", "off", "--disable-pip", "--require-hashes")
SECONDS = 600.0


class Unanswered(Exception):
    """The advisory source gave no answer; the text says why, as far as pip-audit does."""


def ask(files: Sequence[Path], program: Sequence[str] = PIP_AUDIT, seconds: float = SECONDS) -> list[Mapping[str, Any]]:
    """Return pip-audit's word on each locked package; raise :class:`Unanswered`."""
    named = [word for file in files for word in ("--requirement", str(file))]
    command = [*program, *OPTIONS, *named]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise Unanswered(f"no answer within {seconds:.0f} s") from None
    try:
        found: list[Mapping[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = done.stderr.strip().splitlines()
        raise Unanswered(said[-1] if said else f"pip-audit ended with {done.returncode}") from None
    if all("skip_reason" in package for package in found):
        raise Unanswered("it knows none of the packages; a mirror of an index may hold no advisories")
    return found


def known(packages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each known vulnerability: package, identifiers, and the versions that mend it."""
    for package in packages:
        for found in package.get("vulns", ()):
            names = ", ".join([found["id"], *found.get("aliases", ())])
            mended = ", ".join(found.get("fix_versions", ())) or "no version yet"
            yield f"{package['name']} {package['version']}: {names}; mended in {mended}"


def main(arguments: Sequence[str], program: Sequence[str] = PIP_AUDIT) -> int:
    """Print what is known; return the exit status."""
    files = sorted(FOLDER.glob("*.txt"))
    try:
        packages = ask(files, (*program, *arguments))
    except Unanswered as unanswered:
        print(f"audit: the advisory source was not reached, nothing is known: {unanswered}", file=sys.stderr)
        return 2
    unasked = [package["name"] for package in packages if "skip_reason" in package]
    lines = list(known(packages))
    print("\n".join([*lines, f"{len(packages) - len(unasked)} packages asked for, {len(lines)} known vulnerabilities"]))
    if unasked:
        print(f"audit: no answer about {', '.join(unasked)}", file=sys.stderr)
        return 2 if not lines else 1
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
