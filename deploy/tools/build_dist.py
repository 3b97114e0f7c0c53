"""Build sdist and wheel; the same sources give the same bytes: ``python deploy/tools/build_dist.py [--wheel] FOLDER``.

What git tracks is copied into a new folder with modes of its own and built there with the setuptools of this
environment, which the lock names: what else lies in the checkout, the umask, the clock and the folder's name leave no
trace. The wheel says 1980 of every file, so that nothing but a source changes it. The sdist has the time of the newest
commit, or ``SOURCE_DATE_EPOCH`` (seconds since 1970).

With ``--wheel`` no git is needed: in an unpacked sdist, or in the context of an image, all that lies there is taken.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A file of a zip archive cannot be older than 1980 (APPNOTE 4.4.6).
EARLIEST = 315532800
# What a wheel is made of.
SOURCES = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "daemon", "storage", "model")


class Unbuilt(Exception):
    """The build failed; the text says why."""


def source_date(environment: Mapping[str, str] = os.environ) -> int:
    """Return the time of a release, in seconds since 1970; raise :class:`Unbuilt` if there is none."""
    said = environment.get("SOURCE_DATE_EPOCH")
    if said is None:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        said = done.stdout.strip()
    if not said.isdecimal() or int(said) < EARLIEST:
        raise Unbuilt("no commit to take the time from: set SOURCE_DATE_EPOCH to seconds since 1970, 1980 or later")
    return int(said)


def tracked() -> list[str]:
    """Return the files that git tracks; raise :class:`Unbuilt` where this is no checkout, whoever owns it."""
    if not (ROOT / ".git").exists():
        raise Unbuilt(f"{ROOT} is no git checkout")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unbuilt("git is not installed") from error
    if done.returncode != 0:
        raise Unbuilt(f"git: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name]


def lying_here() -> list[str]:
    """Return the files that a wheel is made of, where git cannot tell them."""
    found = [file for name in SOURCES for file in (ROOT / name, *(ROOT / name).rglob("*")) if file.is_file()]
    return [file.relative_to(ROOT).as_posix() for file in found if file.suffix != ".pyc"]


def export(names: Iterable[str], target: Path) -> None:
    """Copy files, as they lie here, into a new folder; only the owner's execute bit is kept."""
    for name in names:
        source, copy = ROOT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            copy.symlink_to(source.readlink())
        elif source.exists():
            shutil.copyfile(source, copy)
            copy.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def wheel(source: Path, out: Path) -> None:
    """Build the wheel of an unpacked source tree; raise :class:`Unbuilt` if it fails."""
    _build("--wheel", source, out, EARLIEST)


def sdist(source: Path, out: Path, epoch: int) -> None:
    """Build the sdist of an unpacked source tree; raise :class:`Unbuilt` if it fails."""
    _build("--sdist", source, out, epoch)
    for file in out.glob("*.tar.gz"):
        normalise(file, epoch)


def _build(kind: str, source: Path, out: Path, epoch: int) -> None:
    command = [sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", str(out), str(source)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        command, env=environment, umask=0o022, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise Unbuilt(f"the build ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def normalise(sdist: Path, epoch: int) -> None:
    """Write a .tar.gz anew: members by name, of nobody in particular, all of one time."""
    packed = BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = epoch
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch) as compressed:
        compressed.write(packed.getvalue())


def release(out: Path) -> None:
    """Build sdist and wheel of a checkout; raise :class:`Unbuilt` if it cannot be done."""
    names, epoch = tracked(), source_date()
    with tempfile.TemporaryDirectory(prefix="hounsfield-build-") as name:
        export(names, Path(name))
        sdist(Path(name), out, epoch)
        wheel(Path(name), out)


def wheel_of_what_is_here(out: Path) -> None:
    """Build the wheel alone, with git or without; raise :class:`Unbuilt` if it fails."""
    try:
        names = tracked()
    except Unbuilt:
        names = lying_here()
    with tempfile.TemporaryDirectory(prefix="hounsfield-build-") as name:
        export(names, Path(name))
        wheel(Path(name), out)


def main(arguments: list[str]) -> int:
    """Build into the folder; return the exit status: 0 good, 1 broken, 2 usage."""
    match arguments:
        case ["--wheel", folder]:
            built = wheel_of_what_is_here
        case [folder] if not folder.startswith("-"):
            built = release
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    try:
        built(Path(folder).resolve())
    except Unbuilt as error:
        print(f"build_dist: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
