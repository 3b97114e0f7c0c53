"""Offices that one process in the whole service holds at a time, however many hosts it has.

On PostgreSQL an office is an advisory lock of a session (PostgreSQL manual, 13.3.5) on a connection of its own: it
ends with the connection, so whoever is killed has left. Who can no longer reach the server leaves by itself after
:data:`ASK_SECONDS` + :data:`ANSWER_SECONDS`, well before the server gives the lock to another
(:data:`~hounsfield.storage.server_connections.SILENCE_SECONDS`). Only a step that was begun before may still run
then: what it writes has to be guarded by the version or the fence of what it writes to.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from hounsfield.storage.locks import LockKey
from hounsfield.storage.schema import sqlite_path
from hounsfield.storage.transactions import make_engine, parse_url

ASK_SECONDS = 0.5
"""How old the server's last word may be for the holder."""
TRY_SECONDS = 1.0
"""How often others try to take the office."""
ANSWER_SECONDS = 3.0
"""How long the server may take to say it."""

ASSEMBLER, ALARM_MESSENGER = LockKey.ASSEMBLER, LockKey.ALARM_MESSENGER
"""The offices."""

_TAKE = text("SELECT pg_try_advisory_lock(:key), pg_backend_pid()")
_GIVE_UP = text("SELECT pg_advisory_unlock_all()")
_WHO = text("SELECT pg_backend_pid()")


class Office(Protocol):
    """Used by one thread."""

    def is_held(self) -> bool:
        """Whether this process holds the office now; takes it where it is free. Raises nothing."""

    def leave(self) -> None:
        """Let others have it."""


class SoleOffice:
    """Of a service on one machine: always held. SQLite lets only one machine in."""

    def is_held(self) -> bool:
        """Return True."""
        return True

    def leave(self) -> None:
        """Do nothing."""


class LockedOffice:
    """An advisory lock."""

    def __init__(self, engine: Engine, key: LockKey, elapsed: Callable[[], float]) -> None:
        """``elapsed`` returns seconds that go on while the machine sleeps."""
        self._engine = engine
        self._key = int(key)
        self._elapsed = elapsed
        self._connection: Connection | None = None
        self._server_process = 0
        """The session that got the lock; 0 while there is none."""
        self._ask_at = elapsed()

    def is_held(self) -> bool:
        """Ask the server, unless it was asked a moment ago."""
        now = self._elapsed()
        if now >= self._ask_at:
            try:
                self._ask()
            except SQLAlchemyError:
                self._hang_up()
            self._ask_at = now + (ASK_SECONDS if self._server_process else TRY_SECONDS)
        return self._server_process != 0

    def _ask(self) -> None:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if self._server_process:
            # A pooler between us and the server may give us another session, which holds nothing.
            if self._connection.execute(_WHO).scalar_one() != self._server_process:
                self._hang_up()
            return
        is_taken, session = self._connection.execute(_TAKE, {"key": self._key}).one()
        self._server_process = session if is_taken else 0

    def leave(self) -> None:
        """Give the office up, and close the connection."""
        if self._connection is not None and self._server_process:
            with suppress(SQLAlchemyError):
                self._connection.execute(_GIVE_UP)
        self._hang_up()

    def _hang_up(self) -> None:
        """Close the connection: the session ends with it, and with the session its lock."""
        connection, self._connection, self._server_process = self._connection, None, 0
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
            with suppress(SQLAlchemyError):
                connection.close()


def open_office(url: str, key: LockKey, elapsed: Callable[[], float]) -> Office:
    """Return the office of a service; nothing is asked yet."""
    if sqlite_path(url) is not None:
        return SoleOffice()
    engine = make_engine(parse_url(url), patience_seconds=ANSWER_SECONDS, answer_seconds=ANSWER_SECONDS)
    return LockedOffice(engine, key, elapsed)
