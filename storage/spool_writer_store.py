"""Writers of the spool on SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from hounsfield.storage.spool_writers import SpoolWriter
from hounsfield.storage.tables import spool_writer as table
from hounsfield.storage.transactions import Transactions


class SqlSpoolWriters:
    """See :class:`~hounsfield.storage.spool_writers.SpoolWriters`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @classmethod
    def open(cls, url: str, patience_seconds: float) -> "SqlSpoolWriters":
        """Return the store over connections of its own, which wait no longer than that; none is opened yet."""
        return cls(Transactions.of_its_own(url, patience_seconds))

    def close(self) -> None:
        """Close the connections."""
        self._transactions.close()

    def opened(self, name: str, machine: str, now: datetime) -> None:
        """Write one that begins."""
        with self._transactions.write() as connection:
            connection.execute(insert(table).values(name=name, machine=machine, seen_at=now))

    def seen(self, name: str, now: datetime) -> bool:
        """Note that it lives."""
        statement = update(table).where(table.c.name == name, table.c.taken_by.is_(None)).values(seen_at=now)
        with self._transactions.write() as connection:
            return connection.execute(statement).rowcount == 1

    def take(self, name: str, by: str, now: datetime, *, unseen_since: datetime | None) -> bool:
        """Take over."""
        statement = update(table).where(table.c.name == name).values(taken_by=by, seen_at=now)
        if unseen_since is not None:
            statement = statement.where(table.c.seen_at < unseen_since)
        with self._transactions.write() as connection:
            return connection.execute(statement).rowcount == 1

    def ended(self, names: Sequence[str]) -> None:
        """Forget."""
        with self._transactions.write() as connection:
            connection.execute(delete(table).where(table.c.name.in_(names)))

    def all(self) -> list[SpoolWriter]:
        """Return all."""
        with self._transactions.read() as connection:
            rows = connection.execute(select(table).order_by(table.c.name)).all()
        return [
            SpoolWriter(name=row.name, machine=row.machine, seen_at=row.seen_at, taken_by=row.taken_by) for row in rows
        ]
