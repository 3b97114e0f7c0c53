"""The lock of the spool for several hosts: an advisory lock of the PostgreSQL that they share.

Who loses it is told at the end of the block: what was filed meanwhile is filed again, what was taken out is put back.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from hounsfield.storage.advisory_lock import AdvisoryLock, Words
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.locks import LockKey

_WORDS = Words(
    error=SpoolError,
    busy="the spool is locked by another process that files or deletes images, or its database cannot be reached",
    lost="the database that the spool is locked in has gone away meanwhile; trying again",
)


class DatabaseLock:
    """See :class:`~hounsfield.storage.spool_lock.SpoolLock`. May be used by any number of threads."""

    can_be_lost = True

    def __init__(self, url: str) -> None:
        self._lock = AdvisoryLock(url, LockKey.SPOOL, _WORDS)

    def close(self) -> None:
        """Close the connections."""
        self._lock.close()

    def files_stay(self) -> AbstractContextManager[object]:
        """Hold it with others."""
        return self._lock.shared()

    def files_may_go(self) -> AbstractContextManager[Callable[[], None]]:
        """Hold it alone."""
        return self._lock.alone()
