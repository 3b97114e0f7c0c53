"""The clock of the database server: what hosts whose own clocks differ have in common."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import Connection, text

from hounsfield.storage.transactions import Transactions, make_engine, parse_url

Stopwatch = Callable[[], float]
"""Returns seconds that only grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The server's time, and when on a stopwatch it was asked for and answered: it was read in between."""

    at: datetime
    before: float
    after: float


class ServerClock:
    """Reads the clock of a PostgreSQL server, over a connection of its own that waits for nobody else."""

    def __init__(self, url: str, patience_seconds: float) -> None:
        """Open nothing yet."""
        self._url = url
        self._patience = patience_seconds

    @cached_property
    def _transactions(self) -> Transactions:
        return Transactions(make_engine(parse_url(self._url), patience_seconds=self._patience))

    def read(self, stopwatch: Stopwatch) -> Reading:
        """Read it once. Raise DatabaseUnavailable."""
        with self._transactions.read() as connection:
            return read_clock(connection, stopwatch)


def read_clock(connection: Connection, stopwatch: Stopwatch = time.monotonic) -> Reading:
    """Read the server's clock; of an embedded database, which has none, that of this machine."""
    before = stopwatch()
    if connection.dialect.name == "postgresql":
        moment = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    else:
        moment = datetime.now(UTC)
    return Reading(at=moment.astimezone(UTC), before=before, after=stopwatch())
