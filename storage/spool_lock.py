"""Between who relies on a file of the spool being there and who takes files out of it again.

The same bytes may come again at any moment. Whoever files them finds the file of the first time, keeps that, records a
row and lets go of the second copy: were the first one deleted in between, an acknowledged image would be gone. So
filing and recording happen under a shared lock, forgetting rows and deleting their files under an exclusive one.
Reception takes it behind its answers, once for a batch. The system frees it when its holder dies.

This one is a lock of the operating system: for hosts that share an embedded database, which is one. Several hosts lock
in the database that they share: :mod:`hounsfield.storage.database_lock`.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from hounsfield.storage.errors import SpoolError

LOCK = "removal.lock"

_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.01


class SpoolLock(Protocol):
    """Who files and who deletes; both raise SpoolError, also at the end of a block where the lock was lost in it."""

    can_be_lost: bool
    """Whether its holder may lose it and live: then nothing that cannot be undone is done before it is asked."""

    def files_stay(self) -> AbstractContextManager[object]:
        """While this lasts nobody takes a file out of the spool."""

    def files_may_go(self) -> AbstractContextManager[Callable[[], None]]:
        """While this lasts nobody files and records. What it gives raises SpoolError once the lock is lost."""


class FolderLock:
    """A lock file in the spool's folder."""

    can_be_lost = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def files_stay(self) -> Iterator[None]:
        """See :class:`SpoolLock`. Raise SpoolError if somebody goes on to take files out."""
        with _locked(self._folder, fcntl.LOCK_SH):
            yield

    @contextmanager
    def files_may_go(self) -> Iterator[Callable[[], None]]:
        """See :class:`SpoolLock`. Raise SpoolError if filing does not pause for seconds."""
        with _locked(self._folder, fcntl.LOCK_EX):
            yield lambda: None


def let_others_in() -> None:
    """Pause for as long as somebody may need who waits for the lock: it is not handed on in order."""
    time.sleep(3 * _PAUSE_SECONDS)


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SpoolError(f"the spool cannot be locked ({error.strerror}): check storage.spool") from error
    try:
        _lock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise SpoolError("the spool is locked by another process that files or deletes images") from None
        except OSError as error:
            raise SpoolError(f"the spool cannot be locked ({error.strerror}): check storage.spool") from error
        time.sleep(_PAUSE_SECONDS)
