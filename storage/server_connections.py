"""Connections to a PostgreSQL server that may fall silent: a cable, a switch or the server's host can end without a
word, and TCP alone notices after a quarter of an hour.

Each side finds out by itself. The system asks for signs of life (keepalives) and gives up what is not acknowledged;
the server does the same, so that the locks of a host that is gone are free within :data:`SILENCE_SECONDS`. And because
a proxy or a frozen server acknowledges for ever, no answer may take longer than a deadline of ours.
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.abc import PQGen

SILENCE_SECONDS = 10
"""How long a side that is out of reach is waited for by the other."""
_IDLE_SECONDS, _BETWEEN_SECONDS, _PROBES = 4, 2, 3  # 4 + 3 * 2 = SILENCE_SECONDS
CONNECT_SECONDS = 5
"""How long a server, and each of its standbys, may take to accept a connection."""
PING_SECONDS = 2.0
"""How long one that was connected may take to say that it is there, before it is asked for anything."""
_OF_CLIENT = {
    "keepalives": 1,
    "keepalives_idle": _IDLE_SECONDS,
    "keepalives_interval": _BETWEEN_SECONDS,
    "keepalives_count": _PROBES,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
}
_OF_SERVER = {
    "tcp_keepalives_idle": _IDLE_SECONDS,
    "tcp_keepalives_interval": _BETWEEN_SECONDS,
    "tcp_keepalives_count": _PROBES,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connection waits. Seconds."""

    lock: float
    """For what another transaction holds."""
    answer: float
    """For the answer to a statement, after which the connection counts as lost."""


def watch(engine: Engine, patience: Patience | None) -> None:
    """Make the engine's connections notice what is gone. Without a patience (migrations) answers may take any time."""
    event.listen(engine, "do_connect", partial(_connect, patience))
    event.listen(engine, "checkout", _ping)


def _connect(
    patience: Patience | None, _dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]
) -> Any:
    # What the URL says of it goes before.
    wanted = {**_OF_CLIENT, **parameters}
    wanted["options"] = f"{_options(patience)} {parameters.get('options', '')}".strip()
    return _deadline_class(None if patience is None else patience.answer).connect(*arguments, **wanted)


def _ping(connection: Any, _record: Any, _proxy: Any) -> None:
    # Not the library's own ping: that would wait as long as for an answer.
    if not connection.is_there():
        raise InvalidatePoolError("the server was gone")


def _options(patience: Patience | None) -> str:
    settings = dict(_OF_SERVER)
    if patience is not None:
        # The server gives up first: it says why, and the connection can go on.
        milliseconds = round(patience.answer * 900)
        settings["lock_timeout"] = min(round(patience.lock * 1000), milliseconds)
        settings["statement_timeout"] = milliseconds
        settings["idle_in_transaction_session_timeout"] = 2 * milliseconds
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


@cache
def _deadline_class(seconds: float | None) -> "type[Connection[Any]]":
    from psycopg import Connection, Error, OperationalError
    from psycopg.errors import _WaitTimeout

    class DeadlineConnection(Connection[Any]):
        """Is closed when an answer does not come in time: nobody knows what the server made of the statement."""

        _seconds = seconds

        def wait(self, gen: "PQGen[Any]", interval: float = 0.1, timeout: float | None = None) -> Any:
            if timeout is not None or self._seconds is None:
                return super().wait(gen, interval, timeout)
            try:
                return super().wait(gen, interval, self._seconds)
            except _WaitTimeout:
                self.pgconn.finish()
                raise OperationalError("the server does not answer") from None

        def is_there(self) -> bool:
            """Ask the server for nothing; no transaction begins."""
            before, self._seconds = self._seconds, PING_SECONDS
            try:
                self.autocommit = True
                self.execute("")
                self.autocommit = False
            except Error:
                self.close()
                return False
            finally:
                self._seconds = before
            return True

    return DeadlineConnection
