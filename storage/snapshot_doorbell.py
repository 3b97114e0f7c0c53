"""Notices writes to a PostgreSQL server for whoever only shows them: a question every tenth of a second."""

import threading

from sqlalchemy import text

from hounsfield.storage.doorbell import look_for_change
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.transactions import Transactions

_LOOK_SECONDS = 0.1
_SNAPSHOT = text("SELECT pg_current_snapshot()::text")


class SnapshotDoorbell:
    """Rings when a transaction that writes begins or ends, in this database or another one of the server.

    A snapshot names the transactions that are seen as done (PostgreSQL manual, 9.28.12); reading takes part in none.
    Roles that look for work do without: they would ask oftener than the work comes.
    """

    patience_seconds = 0.5

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._seen = ""
        self._count = 0

    def listen(self) -> int:
        """Return the count of changes seen, -1 where the server does not answer."""
        try:
            with self._transactions.read() as connection:
                snapshot = str(connection.execute(_SNAPSHOT).scalar_one())
        except DatabaseUnavailable:
            return -1
        if snapshot != self._seen:
            self._seen = snapshot
            self._count += 1
        return self._count

    def wait(self, mark: int, stop: threading.Event, seconds: float) -> None:
        """Return at the next change since ``mark``."""
        look_for_change(self.listen, mark, stop, seconds, _LOOK_SECONDS)
