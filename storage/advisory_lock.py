"""Locks that hosts share: advisory locks of their PostgreSQL (PostgreSQL manual, 13.3.5).

A lock lives as long as its connection. Who is cut off from the database loses it without a word, so each block asks at
its end whether it was held until then.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from hounsfield.storage.errors import StorageError
from hounsfield.storage.locks import LockKey
from hounsfield.storage.transactions import make_engine, parse_url

_WAIT = "5s"
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is raised."""

    error: type[StorageError]
    busy: str
    """The lock was not to be had."""
    lost: str
    """It was lost before the end of the block."""


class AdvisoryLock:
    """One lock; may be used by any number of threads."""

    def __init__(self, url: str, key: LockKey, words: Words) -> None:
        """Open nothing yet."""
        patience = _PATIENCE_SECONDS
        self._engine: Engine = make_engine(parse_url(url), patience_seconds=patience, answer_seconds=2 * patience)
        self._key = int(key)
        self._words = words

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def shared(self) -> AbstractContextManager[Callable[[], None]]:
        """Return a block that holds it with others. What it gives, and its end, raise when the lock is lost."""
        return self._held("pg_advisory_lock_shared", "pg_advisory_unlock_shared")

    def alone(self) -> AbstractContextManager[Callable[[], None]]:
        """Return a block that holds it alone. What it gives, and its end, raise when the lock is lost."""
        return self._held("pg_advisory_lock", "pg_advisory_unlock")

    @contextmanager
    def _held(self, lock: str, unlock: str) -> Iterator[Callable[[], None]]:
        connection = self._locked(lock)
        lost = self._words.lost
        try:
            yield lambda: self._ask(connection, "SELECT 1", lost)
            self._ask(connection, f"SELECT {unlock}({self._key})", lost)
        except BaseException:
            connection.invalidate()  # the lock goes with it
            raise
        finally:
            connection.close()

    def _locked(self, lock: str) -> Connection:
        busy = self._words.busy
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except SQLAlchemyError:
            raise self._words.error(busy) from None
        try:
            self._ask(connection, f"SET lock_timeout = '{_WAIT}'", busy)
            self._ask(connection, f"SELECT {lock}({self._key})", busy)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def _ask(self, connection: Connection, statement: str, otherwise: str) -> None:
        try:
            connection.execute(text(statement))
        except SQLAlchemyError:
            raise self._words.error(otherwise) from None
