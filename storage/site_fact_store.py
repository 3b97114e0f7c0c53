"""Facts of the site on SQL."""

from datetime import datetime

from sqlalchemy import delete, insert, select

from hounsfield.storage.statements import insert_unless_there
from hounsfield.storage.tables import site_fact as table
from hounsfield.storage.transactions import Transactions


class SqlSiteFacts:
    """See :class:`~hounsfield.storage.site_facts.SiteFacts`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def get(self, name: str) -> str | None:
        """Look."""
        with self._transactions.read() as connection:
            value: str | None = connection.execute(
                select(table.c.value).where(table.c.name == name)
            ).scalar_one_or_none()
        return value

    def keep(self, name: str, value: str, now: datetime) -> str:
        """Write once."""
        with self._transactions.write() as connection:
            insert_unless_there(connection, table, {"name": name, "value": value, "set_at": now})
            kept: str = connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one()
        return kept

    def replace(self, name: str, value: str, now: datetime) -> None:
        """Write anew."""
        with self._transactions.write() as connection:
            connection.execute(delete(table).where(table.c.name == name))
            connection.execute(insert(table).values(name=name, value=value, set_at=now))
