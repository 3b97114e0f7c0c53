"""Where the rows of a long past go: straight into SQLite or PostgreSQL, in large pieces and without indexes."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from hounsfield.storage.engine import open_database

CHUNK = 50_000
"""Rows in a transaction."""
EVENT_COLUMNS = ("id", "at", "series_id", "stage", "from_state", "to_state", "job_id", "kind", "attempt", "worker")
EVENT_COLUMNS += ("reason", "seconds", "detail")
LARGE = ("series", "job", "event")
"""Tables whose indexes are made when they are full: sorting once is faster than looking up each row."""

Row = dict[str, Any]
Values = tuple[Any, ...]


class Sink(Protocol):
    """Takes rows of a table in one transaction."""

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
        """Write them."""


@dataclass(slots=True)
class Rows:
    """Rows by table, written when there are enough of them."""

    sink: Sink
    waiting: dict[str, list[Values]] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"event": EVENT_COLUMNS})

    def add(self, table: str, row: Row) -> None:
        """Take a row; all of a table have the same columns."""
        columns = self.columns.setdefault(table, tuple(row))
        self.add_values(table, tuple(map(row.__getitem__, columns)))

    def add_values(self, table: str, values: Values) -> None:
        """Take a row of a table whose columns are known."""
        rows = self.waiting.setdefault(table, [])
        rows.append(values)
        if len(rows) >= CHUNK:
            self.flush(table)

    def flush(self, table: str) -> None:
        """Write the rows of a table in one transaction."""
        rows = self.waiting.pop(table, [])
        if rows:
            self.sink.write(table, self.columns[table], rows)

    def end(self) -> None:
        """Write what is left."""
        for table in list(self.waiting):
            self.flush(table)


@dataclass(frozen=True, slots=True)
class _Sqlite:
    connection: sqlite3.Connection

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
        marks = ", ".join("?" * len(columns))
        with self.connection:
            self.connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


@contextmanager
def sqlite_rows(home: Path) -> Iterator[Rows]:
    """Give rows to the embedded database of ``home``, which is made."""
    open_database(None, home).close()
    connection = sqlite3.connect(home / "hounsfield.db", isolation_level="DEFERRED")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -200000")
    if connection.execute("SELECT 1 FROM series LIMIT 1").fetchone():
        raise SystemExit(f"{home}: there are series already")
    names = ", ".join(f"'{table}'" for table in LARGE)
    kept = f"sql IS NOT NULL AND type = 'index' AND tbl_name IN ({names})"
    indexes = connection.execute(f"SELECT name, sql FROM sqlite_master WHERE {kept}").fetchall()
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    rows = Rows(_Sqlite(connection))
    yield rows
    rows.end()
    for _, statement in indexes:
        connection.execute(statement)
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


@dataclass(frozen=True, slots=True)
class _Postgresql:
    connection: psycopg.Connection[Any]

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self.connection.transaction(), self.connection.cursor().copy(copy) as into:
            for row in rows:
                into.write_row(row)


@contextmanager
def postgresql_rows(url: str) -> Iterator[Rows]:
    """Give rows to a database of PostgreSQL that has our tables; its superuser does it. It is analysed at the end."""
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False), autocommit=True) as there:
        there.execute("SET timezone = 'UTC'")
        there.execute("SET synchronous_commit = off")
        there.execute("SET maintenance_work_mem = '512MB'")
        there.execute("SET session_replication_role = replica")  # rows come before those that they refer to
        if there.execute("SELECT 1 FROM series LIMIT 1").fetchone():
            raise SystemExit("the database: there are series already")
        found = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s)"
            " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)"
        )
        indexes = there.execute(found, [list(LARGE)]).fetchall()
        for name, _ in indexes:
            there.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        rows = Rows(_Postgresql(there))
        yield rows
        rows.end()
        for _, statement in indexes:
            there.execute(statement)
        for table in (*LARGE, "result_set", "result_object"):
            there.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        there.execute("VACUUM (ANALYZE)")
