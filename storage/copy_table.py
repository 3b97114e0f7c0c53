"""One table on its way from SQLite to PostgreSQL: written in chunks by COPY, and compared again row by row.

A row is the tuple that SQLite's driver gives: whole numbers, floats, text; times as text in UTC, truth as 0 and 1, JSON
as text. PostgreSQL reads it in this form (the session is in UTC) and gives it back in this form, so that equal tuples
are equal rows. What both may write differently, JSON and times without fractions, is compared by its meaning.
"""

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice, zip_longest
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Connection, Double, Integer, LargeBinary, String, Table

from hounsfield.storage.errors import StorageError
from hounsfield.storage.tables import UtcDateTime

CHUNK = 10_000
"""Rows that are in memory at once, and between two reports of progress."""

Row = tuple[Any, ...]
Done = Callable[[int], object]
"""Takes how many more rows are done."""

_FORMS: Sequence[tuple[type, str, str]] = (
    # Type of the column, how PostgreSQL gives it in SQLite's form, and as what the driver reads that.
    (UtcDateTime, "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')", "text"),
    (JSON, "{}::text", "text"),
    (Boolean, "{}::int", "int4"),
    (BigInteger, "{}", "int8"),
    (Integer, "{}", "int4"),
    (Double, "{}", "float8"),
    (String, "{}", "text"),
    (LargeBinary, "{}", "bytea"),
)


class RowRefused(StorageError):
    """PostgreSQL does not take a row of the source."""


class RowsDiffer(StorageError):
    """A row of the target is not that of the source. Nothing of the copy is kept."""


def read_source(connection: Any, table: Table) -> Generator[Row, None, None]:
    """Yield the rows of SQLite in the order of their key."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    order = ", ".join(f'"{column.name}"' for column in table.primary_key)
    yield from connection.execute(f'SELECT {names} FROM "{table.name}" ORDER BY {order}')  # noqa: S608 - our names


def read_target(connection: Connection, table: Table) -> Generator[Row, None, None]:
    """Yield the rows of PostgreSQL in SQLite's form and order. The connection takes nothing else meanwhile."""
    forms = [_form(column) for column in table.columns]
    shown = ", ".join(form.format(f'"{column.name}"') for column, (form, _) in zip(table.columns, forms, strict=True))
    # SQLite sorts text by its bytes.
    order = ", ".join(
        f'"{column.name}"' + (' COLLATE "C"' if isinstance(column.type, String) else "") for column in table.primary_key
    )
    query = f'COPY (SELECT {shown} FROM "{table.name}" ORDER BY {order}) TO STDOUT'  # noqa: S608 - our names
    with driver_of(connection).cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types([type_name for _, type_name in forms])
        yield from copy.rows()


def driver_of(connection: Connection) -> Any:
    """Return psycopg's connection below ours."""
    return connection.connection.driver_connection


def _form(column: Column[Any]) -> tuple[str, str]:
    for kind, form, type_name in _FORMS:
        if isinstance(column.type, kind):
            return form, type_name
    raise StorageError(f"{column} has a type that cannot be copied yet")


def write(connection: Connection, table: Table, rows: Iterator[Row], done: Done) -> int:
    """Write rows in chunks and return how many. Raise RowRefused, naming the first that PostgreSQL does not take."""
    total = 0
    while chunk := list(islice(rows, CHUNK)):
        _put(connection, table, chunk, total)
        total += len(chunk)
        done(len(chunk))
    return total


def _put(connection: Connection, table: Table, rows: Sequence[Row], before: int) -> None:
    error = _refusal(connection, table, rows)
    if error is None:
        return
    if len(rows) == 1:
        where = place(table, rows[0], before + 1)
        raise RowRefused(f"PostgreSQL does not take a row of the source: table {where} ({error})")
    half = len(rows) // 2
    _put(connection, table, rows[:half], before)
    _put(connection, table, rows[half:], before + half)


def _refusal(connection: Connection, table: Table, rows: Sequence[Row]) -> str | None:
    """Write rows or none of them; return why not, in the driver's words that hold no value."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    driver, driver_errors = driver_of(connection), connection.dialect.loaded_dbapi
    try:
        with (
            connection.begin_nested(),
            driver.cursor() as cursor,
            cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy,
        ):
            for row in rows:
                copy.write_row(row)
    except (driver_errors.DataError, driver_errors.IntegrityError) as error:
        return _words(error, table)
    return None


def _words(error: Any, table: Table) -> str:
    # The words of the driver and of the server may quote the value.
    found = re.search(r"^COPY \S+, \S+ \d+, \S+ (\w+):", error.diag.context or "", re.MULTILINE)
    column = found[1] if found and found[1] in table.columns else None
    return f"column {column}: {type(error).__name__}" if column else type(error).__name__


def compare(table: Table, source: Iterable[Row], target: Iterable[Row], done: Done) -> int:
    """Compare rows that come in the order of their key; return how many. Raise RowsDiffer at the first difference."""
    number = 0
    for number, (ours, theirs) in enumerate(zip_longest(source, target), start=1):
        if ours != theirs:
            _compare_row(table, ours, theirs, number)
        if number % CHUNK == 0:
            done(CHUNK)
    done(number % CHUNK)
    return number


def _compare_row(table: Table, ours: Row | None, theirs: Row | None, number: int) -> None:
    if ours is None or theirs is None:
        where = place(table, ours or theirs or (), number)
        raise RowsDiffer(f"table {where} is only in the {'target' if ours is None else 'source'}")
    for column, one, other in zip(table.columns, ours, theirs, strict=True):
        if one != other and not _same(column, one, other):
            raise RowsDiffer(f"table {place(table, ours, number)}: {column.name} differs")


def place(table: Table, row: Row, number: int) -> str:
    """Return table and key of a row; for parts of a key that are text, and may be UIDs, its place in their order."""
    values = dict(zip((column.name for column in table.columns), row, strict=True))
    key = {column.name: values[column.name] for column in table.primary_key}
    numbers = [f"{name} {value}" for name, value in key.items() if isinstance(value, int)]
    if len(numbers) < len(key):
        numbers.append(f"row {number} in the order of its key")
    return f"{table.name}, {', '.join(numbers)}"


def _same(column: Column[Any], one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    if isinstance(column.type, JSON):
        return bool(_meaning(one) == _meaning(other))
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    return False


def _meaning(document: str) -> Any:
    # Numbers as decimals: PostgreSQL keeps every digit, but writes 1e3 as 1000. Beside a word, so that 1 is not true.
    return json.loads(document, parse_float=_number, parse_int=_number)


def _number(digits: str) -> tuple[str, Decimal]:
    return "number", Decimal(digits)
