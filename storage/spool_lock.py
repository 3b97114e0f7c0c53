"""Between who relies on a file of the spool being there and who takes files out of it again.

The same bytes may come again at any moment. Whoever files them finds the file of the first time, keeps that, records a
row and lets go of the second copy: were the first one deleted in between, an acknowledged image would be gone. So
filing and recording happen under a shared lock, forgetting rows and deleting their files under an exclusive one.
Reception takes it behind its answers, once for a batch. The system frees it when its holder dies.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hounsfield.storage.errors import SpoolError

LOCK = "removal.lock"

_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.01


@contextmanager
def files_stay(folder: Path) -> Iterator[None]:
    """While this lasts nobody takes a file out of the spool in ``folder``. Raise SpoolError if somebody goes on to."""
    with _locked(folder, fcntl.LOCK_SH):
        yield


@contextmanager
def files_may_go(folder: Path) -> Iterator[None]:
    """While this lasts nobody files and records. Raise SpoolError if that does not pause for seconds."""
    with _locked(folder, fcntl.LOCK_EX):
        yield


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
