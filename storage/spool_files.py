"""How received images are read: the narrow side of the spool, which an object store could serve as well as a folder.

Who reads knows from the database that an image is there, and by which digest. On a folder of several hosts it may be
there and not be seen yet: clients of NFS go by what they last knew of a folder for up to a minute (``acdirmax``,
nfs(5)), also by its not having had a name. So a file that is missing is looked for again before it counts as missing.
"""

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from hounsfield.storage.spool_format import Head

VISIBLE_SECONDS = 65.0
"""For so long a file of a shared spool that should be there is looked for; ``acdirmax`` is 60 s."""
_AGAIN_SECONDS = 600.0
"""So long after a file stayed missing the next ones are not waited for: a lost disk must not hold up every image."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0


class SpoolFiles(Protocol):
    """Received images, by their digest. Both methods raise SpoolError for what is no digest."""

    def path(self, digest: str) -> Path:
        """Return a file of this host from which the image can be read now; where it is missing there is none."""

    def head(self, digest: str) -> Head:
        """Return what stands before its data set; raise SpoolError if it is missing or not ours."""


class PatientFiles:
    """Files of a folder that another host may have written a moment ago."""

    def __init__(
        self,
        files: SpoolFiles,
        *,
        seconds: float = VISIBLE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._files = files
        self._seconds = seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._until: float | None = None
        """When the wait for files that are missing now ends, or ended."""

    def path(self, digest: str) -> Path:
        """Wait until it is seen, if it needs to be."""
        path = self._files.path(digest)
        if not self._is_seen(path):
            self._look_again(path)
        return path

    def head(self, digest: str) -> Head:
        """Wait likewise."""
        self.path(digest)
        return self._files.head(digest)

    def _look_again(self, path: Path) -> None:
        now = self._monotonic()
        if self._until is None or now >= self._until + _AGAIN_SECONDS:
            self._until = now + self._seconds
        pause = _FIRST_PAUSE
        while self._monotonic() < self._until:
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            _ask_for_folder(path.parent)
            if self._is_seen(path):
                return

    @staticmethod
    def _is_seen(path: Path) -> bool:
        """Open it: that asks the server, and gets rid of a handle that has become stale."""
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ESTALE)  # what else is wrong finds out who reads it
        return True


def _ask_for_folder(folder: Path) -> None:
    """Open it and look at it: a client of NFS asks the server whether its names have changed."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fstat(descriptor)
        finally:
            os.close(descriptor)
