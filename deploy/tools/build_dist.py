"""Build sdist and wheel; the same checkout gives the same bytes: ``python deploy/tools/build_dist.py DIST_FOLDER``.

What git tracks is copied into a new folder with modes of its own and built there, with the locked setuptools and the
time of the newest commit: what else lies in the checkout, the umask, the clock and the folder's name leave no trace.
``SOURCE_DATE_EPOCH`` (seconds since 1970) overrides the time; outside git it has to be set.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A file of a zip archive cannot be older than 1980 (APPNOTE 4.4.6).
EARLIEST = 315532800


class Unbuilt(Exception):
    """The build failed; the text says why."""


def source_date(environment: Mapping[str, str] = os.environ) -> int:
    """Return the time that stands in everything built, in seconds since 1970; raise :class:`Unbuilt` without one."""
    said = environment.get("SOURCE_DATE_EPOCH")
    if said is None:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        said = done.stdout.strip()
    if not said.isdecimal() or int(said) < EARLIEST:
        raise Unbuilt("no commit to take the time from: set SOURCE_DATE_EPOCH to seconds since 1970, 1980 or later")
    return int(said)


def export(target: Path) -> None:
    """Copy what git tracks, as it lies in the checkout, into a new folder; only the owner's execute bit is kept."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unbuilt(f"not a git checkout: {done.stderr.strip()}")
    for name in filter(None, done.stdout.split("\0")):
        source, copy = ROOT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            copy.symlink_to(source.readlink())
        elif source.exists():
            shutil.copyfile(source, copy)
            copy.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def build(source: Path, out: Path, epoch: int, kinds: tuple[str, ...] = ("--sdist", "--wheel")) -> None:
    """Build an unpacked source tree with the setuptools of this environment; raise :class:`Unbuilt` if it fails."""
    command = [sys.executable, "-m", "build", *kinds, "--no-isolation", "--outdir", str(out), str(source)]
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


def main(arguments: list[str]) -> int:
    """Build into the folder; return the exit status: 0 good, 1 broken, 2 usage."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(arguments[0]).resolve()
    try:
        epoch = source_date()
        with tempfile.TemporaryDirectory(prefix="hounsfield-build-") as name:
            export(Path(name))
            build(Path(name), out, epoch)
        for sdist in out.glob("*.tar.gz"):
            normalise(sdist, epoch)
    except Unbuilt as error:
        print(f"build_dist: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
