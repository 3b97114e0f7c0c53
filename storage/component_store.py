"""Processes on SQL."""

from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import delete, select, update

from hounsfield.storage.components import Component, Facts
from hounsfield.storage.statements import insert_into
from hounsfield.storage.tables import component as table
from hounsfield.storage.transactions import Transactions

_FIELDS = tuple(field.name for field in fields(Component))


class SqlComponentStore:
    """See :class:`~hounsfield.storage.components.ComponentStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @classmethod
    def open(cls, url: str, patience_seconds: float) -> "SqlComponentStore":
        """Return the store over connections of its own, which wait no longer than that; none is opened yet.

        It makes no database: until there is one every method raises DatabaseUnavailable.
        """
        return cls(Transactions.of_its_own(url, patience_seconds))

    def close(self) -> None:
        """Close the connections."""
        self._transactions.close()

    def started(self, component: Component) -> int:
        """Write a process that begins."""
        values = asdict(component) | {"facts": dict(component.facts), "starts": 1}
        with self._transactions.write() as connection:
            statement = insert_into(connection, table).values(values)
            again = {**values, "starts": table.c.starts + 1}
            statement = statement.on_conflict_do_update(index_elements=["name"], set_=again).returning(table.c.starts)
            return int(connection.execute(statement).scalar_one())

    def seen(self, name: str, pid: int, now: datetime, facts: Facts) -> bool:
        """Note that it lives."""
        statement = update(table).where(table.c.name == name, table.c.pid == pid)
        with self._transactions.write() as connection:
            return connection.execute(statement.values(seen_at=now, facts=dict(facts))).rowcount == 1

    def all(self) -> list[Component]:
        """Return every process."""
        with self._transactions.read() as connection:
            rows = connection.execute(select(table).order_by(table.c.name)).all()
        return [Component(**{name: getattr(row, name) for name in _FIELDS}) for row in rows]

    def forget(self, before: datetime) -> int:
        """Remove those not seen since."""
        with self._transactions.write() as connection:
            return connection.execute(delete(table).where(table.c.seen_at < before)).rowcount
