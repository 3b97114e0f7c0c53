"""How statements are written that both engines take in the same form."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

_CHUNK = 500
"""Values in one statement."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield ``values`` in pieces that fit into one statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def insert_into(connection: Connection, table: Table) -> Any:
    """Return an INSERT that can say what happens where its row is there already (``on_conflict_do_...``).

    Both engines have it, and SQLAlchemy has it by engine.
    """
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def insert_unless_there(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless a unique key is taken, also by a transaction that runs beside this one; whether it was."""
    statement = insert_into(connection, table).values(values).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key)).first() is not None
