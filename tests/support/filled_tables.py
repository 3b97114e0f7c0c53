"""A site with something in every table, also in tables that nobody has thought of when this was written."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    insert,
    select,
)
from support import joblog

from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.tables import UtcDateTime, metadata

ODD_TEXT = ("plain", 'tab\t, line\n, \\N, \\., "quoted", ,', "Grüße, 患者, \U0001f9e0 ", "")
ODD_JSON: tuple[object, ...] = (
    {"b": 1, "aa": [True, 1, 1.0, -0.0, None], "text": 'tab\t \\ " Ü \U0001f9e0'},
    [1e-300, 0.1, 1.5e10, 123456789012345678901234567890, 1e22],
    {"": {"nested": [[], {}, "", "\x7f"]}},
    "NaN",
)
ODD_NUMBERS = (0.1, -0.0, 1.7976931348623157e308, 5e-324)
MOMENTS = tuple(
    datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC) + timedelta(hours=n, microseconds=n) for n in range(4)
)


def fill_site(home: Path) -> None:
    """Write a story through the stores into an embedded database, and rows into each table that it leaves empty."""
    joblog.fill(home)
    database = open_database(None, home)
    try:
        fill_empty_tables(database)
    finally:
        database.close()


def fill_empty_tables(database: Database) -> None:
    """Write four rows with odd values into every table that has none."""
    with database.transactions.write() as connection:
        for table in empty_tables(connection):
            connection.execute(insert(table), [_row(connection, table, number) for number in range(4)])


def empty_tables(connection: Connection) -> list[Table]:
    """Return the tables without rows, what others refer to first."""
    return [table for table in metadata.sorted_tables if not connection.scalar(select(func.count()).select_from(table))]


def _row(connection: Connection, table: Table, number: int) -> dict[str, Any]:
    return {column.name: value for column in table.columns for value in _values(connection, column, number)}


def _values(connection: Connection, column: Column[Any], number: int) -> Iterator[Any]:
    """Yield a value, or none for a key that the database counts."""
    if column is column.table.autoincrement_column:
        return
    if column.foreign_keys:
        (reference,) = column.foreign_keys
        ids = connection.scalars(select(reference.column).order_by(reference.column)).all()
        yield ids[number % len(ids)] if column.nullable or not column.primary_key else ids[min(number, len(ids) - 1)]
    elif column.nullable and number == 1:
        yield None
    else:
        yield _value(column, number)


def _value(column: Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return MOMENTS[number]
    if isinstance(kind, JSON):
        return ODD_JSON[number]
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Double):
        return ODD_NUMBERS[number]
    if isinstance(kind, Integer):
        return number if column.primary_key else 2**31 - 1 - number
    if isinstance(kind, LargeBinary):
        return bytes(range(256)) + bytes([number])
    assert isinstance(kind, String), column
    text = f"{number} {ODD_TEXT[number]}" if column.primary_key or column.unique else ODD_TEXT[number]
    return text[: kind.length]
