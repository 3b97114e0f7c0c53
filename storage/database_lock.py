"""The lock of the spool for several hosts: an advisory lock of the PostgreSQL that they share.

It lives as long as its connection. Who is cut off from the database loses it without a word, so each block asks at its
end whether it was held until then: what was filed meanwhile is filed again, what was taken out is put back.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from hounsfield.storage.errors import SpoolError
from hounsfield.storage.transactions import make_engine, parse_url

_KEY = 0x484F5550
_WAIT = "5s"
_PATIENCE_SECONDS = 5.0
_LOST = "the database that the spool is locked in has gone away meanwhile; trying again"
_BUSY = "the spool is locked by another process that files or deletes images, or its database cannot be reached"


class DatabaseLock:
    """See :class:`~hounsfield.storage.spool_lock.SpoolLock`. May be used by any number of threads."""

    can_be_lost = True

    def __init__(self, url: str) -> None:
        self._engine: Engine = make_engine(parse_url(url), patience_seconds=_PATIENCE_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def files_stay(self) -> Iterator[None]:
        """Hold it with others."""
        with self._held("pg_advisory_lock_shared", "pg_advisory_unlock_shared") as check:
            yield
            check()

    def files_may_go(self) -> AbstractContextManager[Callable[[], None]]:
        """Hold it alone."""
        return self._held("pg_advisory_lock", "pg_advisory_unlock")

    @contextmanager
    def _held(self, lock: str, unlock: str) -> Iterator[Callable[[], None]]:
        connection = self._locked(lock)
        try:
            yield lambda: _ask(connection, "SELECT 1", _LOST)
            _ask(connection, f"SELECT {unlock}({_KEY})", _LOST)
        except BaseException:
            connection.invalidate()  # the lock goes with it
            raise
        finally:
            connection.close()

    def _locked(self, lock: str) -> Connection:
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except SQLAlchemyError:
            raise SpoolError(_BUSY) from None
        try:
            _ask(connection, f"SET lock_timeout = '{_WAIT}'", _BUSY)
            _ask(connection, f"SELECT {lock}({_KEY})", _BUSY)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection


def _ask(connection: Connection, statement: str, otherwise: str) -> None:
    try:
        connection.execute(text(statement))
    except SQLAlchemyError:
        raise SpoolError(otherwise) from None
