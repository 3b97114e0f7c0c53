"""Check the built sdist and wheel in a clean environment: ``python deploy/tools/check_dist.py DIST_FOLDER``.

The environment holds what the wheel's own metadata asks for and nothing else: those distributions are hard-linked
from the environment this runs in (installing TensorFlow a second time costs a minute), then pip installs the wheel.
Both are built a second time, in other folders: they must come out byte for byte the same.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterable, Sequence
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path

import build_dist
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("daemon", "model", "storage")
NOT_PACKED = ("__pycache__", ".pyc", ".pyo")


class Broken(Exception):
    """A distribution is not what it must be; the text says how."""


def the_only(folder: Path, pattern: str) -> Path:
    """Return the one file that matches."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise Broken(f"{folder} holds {len(found)} files {pattern}, not one")
    return found[0]


def packed(wheel: Path) -> dict[str, str]:
    """Return path and SHA-256 of every file of the packages in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("hounsfield/") and not name.endswith("/")]
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def on_disk() -> dict[str, str]:
    """Return the same of the folders that git tracks, as they must appear in the wheel."""
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name and not name.endswith(NOT_PACKED)]
    return {f"hounsfield/{name}": hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in names}


def compare(what: str, found: dict[str, str], expected: dict[str, str]) -> None:
    """Raise :class:`Broken` naming the files that differ."""
    differing = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if differing:
        raise Broken(f"{what}: {len(differing)} files differ: {', '.join(differing[:10])}")


def wheel_from_sdist(sdist: Path, scratch: Path) -> Path:
    """Build a wheel from the unpacked sdist, as whoever installs from it, and return it."""
    unpacked = scratch / "sdist"
    unpacked.mkdir()
    run(["tar", "-xzf", sdist, "-C", unpacked], scratch)
    (source,) = unpacked.iterdir()
    run([sys.executable, source / "deploy" / "tools" / "build_dist.py", "--wheel", scratch / "rebuilt"], scratch)
    return the_only(scratch / "rebuilt", "*.whl")


def sdist_again(scratch: Path) -> Path:
    """Build the sdist from the checkout a second time and return it."""
    build_dist.export(build_dist.tracked(), scratch / "again")
    build_dist.sdist(scratch / "again", scratch / "second", build_dist.source_date())
    return the_only(scratch / "second", "*.tar.gz")


def same_bytes(what: str, found: Path, expected: Path) -> str:
    """Return the SHA-256 that both files have; raise :class:`Broken` if they differ."""
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (found, expected)]
    if digests[0] != digests[1]:
        raise Broken(f"{what} is not {expected.name} byte for byte: {digests[0]}, not {digests[1]}")
    return digests[0]


def needed(requirements: Iterable[str]) -> list[Distribution]:
    """Return the installed distributions that these requirements ask for, directly or not."""
    found: dict[str, Distribution] = {}
    todo = [(requirement, "") for requirement in requirements]
    seen: set[tuple[str, str]] = set()
    while todo:
        line, extra = todo.pop()
        requirement = Requirement(line)
        if (line, extra) in seen or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        seen.add((line, extra))
        installed = found.setdefault(requirement.name.lower(), distribution(requirement.name))
        todo += [(more, asked) for more in installed.requires or () for asked in ("", *requirement.extras)]
    return list(found.values())


def link(distributions: Iterable[Distribution], site_packages: Path) -> None:
    """Bring the files of distributions into another environment; console scripts stay behind."""
    for installed in distributions:
        for file in installed.files or ():
            if ".." in file.parts:
                continue
            target = site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            source = Path(str(file.locate()))
            if source.exists() and not target.exists():
                try:
                    os.link(source, target)
                except OSError:
                    shutil.copy2(source, target)


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a command in ``folder`` without anything of this environment; raise :class:`Broken` if it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOUNSFIELD_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=kept, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        words = " ".join(str(part) for part in command)
        raise Broken(f"{words} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def clean_environment(wheel: Path, folder: Path) -> Path:
    """Install the wheel into a new environment and return that environment's ``bin``."""
    venv.create(folder, with_pip=False)
    binaries = folder / "bin"
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        requirements = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
    site_packages = the_only(folder / "lib", "python3*") / "site-packages"
    link(needed(requirements), site_packages)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", binaries / "python"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], folder)
    run([*pip, "check"], folder)
    return binaries


def check(folder: Path) -> str:
    """Check the distributions in ``folder`` and return one line that says what was found good."""
    wheel, sdist = the_only(folder, "*.whl"), the_only(folder, "*.tar.gz")
    files = packed(wheel)
    compare("the wheel against the checkout", files, on_disk())
    for part in ("hounsfield/storage/migrations/versions/", "hounsfield/model/bundled/"):
        if not any(name.startswith(part) for name in files):
            raise Broken(f"the wheel has nothing under {part}")
    with tempfile.TemporaryDirectory(prefix="hounsfield-dist-") as name:
        scratch = Path(name)
        rebuilt = wheel_from_sdist(sdist, scratch)
        compare("the sdist's wheel against the wheel", packed(rebuilt), files)
        same_bytes("the sdist's wheel", rebuilt, wheel)
        same_bytes("a second sdist", sdist_again(scratch), sdist)
        binaries = clean_environment(wheel, scratch / "venv")
        version = run([binaries / "hounsfield", "--version"], scratch).strip()
        run([binaries / "hounsfield", "bundle", "selftest"], scratch)
    return (
        f"{wheel.name}: {len(files)} files as in the checkout, built twice with the same bytes, from the sdist too; "
        f"'{version}', self-test passed"
    )


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 0 good, 1 broken, 2 usage."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(check(Path(arguments[0]).resolve()))
    except (Broken, build_dist.Unbuilt) as broken:
        print(f"check_dist: {broken}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
