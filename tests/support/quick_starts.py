"""What is made once per process of tests and not again for each: an empty database, and the command line.

Both take longer than most of what is done with them.
"""

import functools
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import typer.testing
from sqlalchemy import Connection, inspect

from hounsfield.storage import schema
from hounsfield.storage.engine import default_url
from hounsfield.storage.transactions import Transactions, make_engine, parse_url

HEAD, run_migrations = schema.HEAD, schema.run_migrations
"""As the product has them."""


@contextmanager
def quick_starts() -> Iterator[None]:
    """Make new SQLite databases and the command line so, in this process and as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "run_migrations", _repeat)
        patch.setattr(typer.testing, "_get_command", functools.cache(typer.testing._get_command))
        yield


def _repeat(connection: Connection) -> None:
    """Make of an empty SQLite database what all migrations make of one; migrate any other."""
    is_new = connection.dialect.name == "sqlite" and not inspect(connection).get_table_names()
    if not is_new or schema.HEAD != HEAD:
        run_migrations(connection)
        return
    for statement in _statements():
        connection.exec_driver_sql(statement)


@functools.cache
def _statements() -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        transactions = Transactions(make_engine(parse_url(default_url(Path(folder)))))
        with transactions.write() as connection:
            run_migrations(connection)
        transactions.close()
        with closing(sqlite3.connect(Path(folder) / "hounsfield.db")) as made:
            return tuple(made.iterdump())[1:-1]  # the first begins a transaction, the last commits it
