"""Copies of received images on a disk of the host that reads them: bounded, and those not used for longest go first.

A copy is used only after its bytes were compared with its digest, so it does not matter who was killed while writing
it, or what a power loss made of it. Any number of processes of one host share the folder; they agree by a lock file in
it and by the times of the files: what was handed out within the last hour is not deleted, for it may be read just now.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hounsfield.storage.durable import PART
from hounsfield.storage.spool import is_digest, is_whole, read_head
from hounsfield.storage.spool_files import SpoolFiles
from hounsfield.storage.spool_format import Head

IN_USE_SECONDS = 3600.0
"""A copy that was handed out so recently is left alone."""
KEPT_SECONDS = 86400.0
"""One that was not used for so long goes though there is room: its image may have been deleted by then."""
_LOCK = "lock"
_USED = "used"
_SUFFIX = ".dcm"
_ROOM_LEFT = 0.1
"""Of the whole: so much is made free at once."""


@dataclass(frozen=True, slots=True)
class _Copy:
    path: Path
    size: int
    used_at: float


class CachedFiles:
    """Files that are fetched once. Whatever goes wrong with the copies, the files behind them are read instead."""

    def __init__(
        self,
        files: SpoolFiles,
        folder: Path,
        most_bytes: int,
        *,
        in_use_seconds: float = IN_USE_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``in_use_seconds``: longer than anybody reads what was handed out; ``now`` as :func:`time.time`."""
        self._files = files
        self._folder = folder
        self._most_bytes = most_bytes
        self._in_use_seconds = in_use_seconds
        self._now = now

    def path(self, digest: str) -> Path:
        """Return the copy, made if there is room; otherwise the file itself."""
        if not is_digest(digest):
            return self._files.path(digest)
        copy = self._folder / digest[:2] / f"{digest}{_SUFFIX}"
        with suppress(OSError):  # its disk is full or gone: the spool is there
            if self._is_good(copy, digest):
                return copy
        origin = self._files.path(digest)
        with suppress(OSError):
            if self._fetch(origin, copy, digest):
                return copy
        return origin

    def head(self, digest: str) -> Head:
        """Read it from the copy, or as the files do."""
        return read_head(self.path(digest))

    def _is_good(self, copy: Path, digest: str) -> bool:
        try:
            with self._locked(fcntl.LOCK_SH):
                os.utime(copy, (self._now(), self._now()))
            content = copy.read_bytes()
        except FileNotFoundError:
            return False
        return is_whole(content, digest)  # if not, it is written anew over this one, which others may be doing too

    def _fetch(self, origin: Path, copy: Path, digest: str) -> bool:
        content = origin.read_bytes()
        part = copy.with_name(secrets.token_hex(16) + PART)
        if not is_whole(content, digest) or not self._reserve(part, len(content)):
            return False
        try:
            with part.open("r+b") as file:
                file.write(content)
            os.utime(part, (self._now(), self._now()))
            part.rename(copy)
        finally:
            part.unlink(missing_ok=True)
        return True

    def _reserve(self, part: Path, size: int) -> bool:
        """Make a file of this size, and room for it; False if there is not enough that nobody uses."""
        with self._locked(fcntl.LOCK_EX):
            used, counted_at = self._used()
            if used is None or used + size > self._most_bytes:
                used, counted_at = self._make_room(size), self._now()
            fits = used + size <= self._most_bytes
            (self._folder / _USED).write_text(f"{used + size * fits} {counted_at}", encoding="ascii")
            if fits:
                self._take(part, size)
            return fits

    def _take(self, part: Path, size: int) -> None:
        part.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.truncate(descriptor, size)  # whoever counts sees it
            os.utime(descriptor, (self._now(), self._now()))
        finally:
            os.close(descriptor)

    def _used(self) -> tuple[int | None, float]:
        """Return the bytes that were taken, and when that was counted; None where it is to be counted, once a day."""
        try:
            used, counted_at = (self._folder / _USED).read_text(encoding="ascii").split()
            return (int(used) if self._now() - float(counted_at) < KEPT_SECONDS else None), float(counted_at)
        except (OSError, ValueError):
            return None, 0.0

    def _make_room(self, size: int) -> int:
        """Delete what was not used for longest; return the bytes of what is left."""
        copies = sorted(self._copies(), key=lambda copy: copy.used_at)
        used = sum(copy.size for copy in copies)
        is_full = used + size > self._most_bytes
        wanted = min(self._most_bytes * (1 - _ROOM_LEFT), self._most_bytes - size) if is_full else used
        for copy in copies:
            unused = self._now() - copy.used_at
            if unused < self._in_use_seconds or (used <= wanted and unused < KEPT_SECONDS):
                break
            copy.path.unlink(missing_ok=True)
            used -= copy.size
        return used

    def _copies(self) -> Iterator[_Copy]:
        """Yield the copies and what is left of some that were never finished."""
        for path in self._folder.glob("*/*"):
            with suppress(FileNotFoundError):
                found = path.stat()
                yield _Copy(path, found.st_size, found.st_mtime)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)
