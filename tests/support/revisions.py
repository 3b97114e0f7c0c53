"""Databases at any revision of the schema, with data in them, and what they hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.engine import Inspector

from hounsfield.storage import schema
from hounsfield.storage.transactions import make_engine, parse_url

T = TypeVar("T")
Contents = dict[str, list[dict[str, Any]]]
"""Rows by table, as the driver gives them."""

WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")


def migrations(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def revisions() -> list[str]:
    """Return all revisions, the first one first."""
    return [script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()][::-1]


def on(url: str, look: Callable[[Connection], T]) -> T:
    """Return what ``look`` finds in one transaction."""
    engine = make_engine(parse_url(url))
    try:
        with engine.begin() as connection:
            return look(connection)
    finally:
        engine.dispose()


def downgrade(url: str, revision: str) -> None:
    on(url, lambda connection: command.downgrade(migrations(connection), revision))


def upgrade_to(url: str, revision: str) -> None:
    """Upgrade as a program would whose newest schema this is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "HEAD", revision)
        schema.upgrade(url)


def contents(connection: Connection) -> Contents:
    """Return every row of ours."""
    names = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
    found = {name: connection.exec_driver_sql(f'SELECT * FROM "{name}"').mappings() for name in names}
    return {name: [dict(row) for row in rows] for name, rows in found.items()}


def kept(now: Contents, before: Contents) -> bool:
    """Whether all that was there ``before`` is there, whatever was added since."""
    return all(_rows(now[name], rows[0]) == _rows(rows, rows[0]) for name, rows in before.items() if rows)


def _rows(rows: list[dict[str, Any]], like: dict[str, Any]) -> list[str]:
    return sorted(repr([row[column] for column in sorted(like)]) for row in rows)


def shape(connection: Connection) -> dict[str, object]:
    """Return tables with columns, indexes and foreign keys, whatever their order."""
    found: Inspector = inspect(connection)
    columns, indexes, keys = found.get_multi_columns(), found.get_multi_indexes(), found.get_multi_foreign_keys()
    return {
        str(name): (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in columns[schema_name, name]),
            sorted((str(one["name"]), tuple(one["column_names"]), one["unique"]) for one in indexes[schema_name, name]),
            sorted((one["constrained_columns"], one["referred_table"]) for one in keys[schema_name, name]),
        )
        for schema_name, name in columns
    }


def revision_of(connection: Connection) -> str | None:
    return schema.current_revision(connection)


def damages(connection: Connection) -> list[object]:
    """Return what SQLite finds wrong with its file; PostgreSQL does not let it come so far."""
    if connection.dialect.name != "sqlite":
        return []
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [*broken, *(row for row in connection.exec_driver_sql("PRAGMA integrity_check").all() if row[0] != "ok")]


@contextmanager
def before_each_write(act: Callable[[Connection, int], object]) -> Iterator[list[str]]:
    """Call with the connection and the number of a statement that changes anything, before it; yield the statements."""
    written: list[str] = []

    def look(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith(WRITES):
            written.append(statement)
            act(connection, len(written))

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield written
    finally:
        event.remove(Engine, "before_cursor_execute", look)
