"""The bundles that were installed: ``bundles/NAME/VERSION-SHA8/`` below ``storage.home``, read-only, never changed."""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from hounsfield.daemon.errors import DaemonError
from hounsfield.model.bundle import Bundle, open_bundle
from hounsfield.model.errors import BundleError
from hounsfield.model.manifest import MANIFEST_NAME
from hounsfield.storage.durable import sync_path

_PLACE = re.compile(r"(?P<version>[0-9][0-9A-Za-z.+-]*)-(?P<digest>[0-9a-f]{8})")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_INCOMING, _LEAVING = ".incoming-", ".leaving-"


class InstallRefused(DaemonError):
    """A bundle cannot be installed, chosen or removed."""

    remedy = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one version lies, as its folder is named; whether it is whole shows when it is opened."""

    name: str
    version: str
    digest: str
    """The first 8 digits of its sha256."""
    folder: Path


class InstalledBundles:
    """The folder of installed bundles. It need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def places(self) -> list[Place]:
        """Return all that is installed, by name and version. Reads names only."""
        found = []
        for folder in self.folder.glob("*/*/"):
            match = _PLACE.fullmatch(folder.name)
            if match and _NAME.fullmatch(folder.parent.name) and (folder / MANIFEST_NAME).is_file():
                found.append(Place(folder.parent.name, match["version"], match["digest"], folder))
        return sorted(found, key=lambda place: (place.name, place.version))

    def find(self, name: str, version: str) -> Place | None:
        """Return where a version lies; there is only one of each."""
        return next((one for one in self.places() if (one.name, one.version) == (name, version)), None)

    def place_of(self, name: str, version: str, sha256: str) -> Path:
        """Return the folder that a version has, or would have."""
        return self.folder / name / f"{version}-{sha256[:8]}"

    def exact(self, sha256: str) -> Bundle | None:
        """Open the bundle with this digest, verified now; None where there is none.

        Raises BundleError where its files are no longer those that were installed.
        """
        for place in self.places():
            if place.digest == sha256[:8]:
                bundle = open_bundle(place.folder)
                if bundle.sha256 != sha256:
                    raise BundleError(f"{place.folder}: was changed: it is no longer the bundle that was installed")
                return bundle
        return None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep others from installing or removing meanwhile; what they left half way goes."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / ".lock").open("w") as lock:
            flock(lock, LOCK_EX)
            self._clear()
            try:
                yield
            finally:
                self._clear()

    def _clear(self) -> None:
        for left in self.folder.iterdir():
            if left.name.startswith((_INCOMING, _LEAVING)):
                _delete(left)

    def staging(self) -> Path:
        """Return a fresh folder in which a bundle can be put together. Only inside :meth:`changing`."""
        folder = self.folder / (_INCOMING + secrets.token_hex(8))
        folder.mkdir(mode=0o700)
        return folder

    def add(self, staged: Bundle) -> Bundle:
        """Put a staged bundle in its place, read-only and durably. Only inside :meth:`changing`.

        Raises InstallRefused for a version that is there with other content, and where a person has put something.
        """
        name, version = staged.manifest.name, staged.manifest.version
        present = self.find(name, version)
        if present is not None:
            return self._same(present, staged)
        parent = self.folder / name
        if (parent / MANIFEST_NAME).exists():
            raise InstallRefused(
                f"{parent}: holds a bundle that was put there by hand", "move it away and configure it there as before"
            )
        parent.mkdir(exist_ok=True, mode=0o700)
        target = self.place_of(name, version, staged.sha256)
        _sync(staged.folder)
        staged.folder.rename(target)
        for folder in (parent, self.folder):
            sync_path(folder)
        _make_read_only(target)
        return open_bundle(target)

    @staticmethod
    def _same(present: Place, staged: Bundle) -> Bundle:
        if present.digest != staged.sha256[:8]:
            raise InstallRefused(
                f"{staged.label} is installed already, with other content",
                "give the new one another version in its manifest.toml: results name their model by it",
            )
        try:
            return open_bundle(present.folder)
        except BundleError as error:
            raise InstallRefused(
                f"{staged.label} is installed already, but it was changed since ({error})",
                f"remove it with `hounsfield bundle remove {present.name} {present.version}` and install it again",
            ) from error

    def remove(self, place: Place) -> None:
        """Remove a version. Only inside :meth:`changing`."""
        gone = self.folder / (_LEAVING + secrets.token_hex(8))
        place.folder.chmod(0o700)  # a folder that changes its parent must be ours to write
        place.folder.rename(gone)
        _delete(gone)
        if not any(place.folder.parent.iterdir()):
            place.folder.parent.rmdir()


def _make_read_only(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)


def _delete(folder: Path) -> None:
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        path.chmod(0o700)
    shutil.rmtree(folder)


def _sync(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        sync_path(path)
