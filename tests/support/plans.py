"""How a database answers the statements of a block: the plans, a line for each table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import event as library_event

from hounsfield.storage.engine import Database


@contextmanager
def plans_of(database: Database) -> Iterator[list[str]]:
    """Collect the plans of the statements of the block that read."""
    lines: list[str] = []
    asking = False

    def explain(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        nonlocal asking
        if not asking and statement.startswith(("SELECT", "WITH")):
            asking = True
            lines.extend(_plan(connection, statement, parameters))
            asking = False

    with database.transactions.read() as connection:
        engine = connection.engine
    library_event.listen(engine, "before_cursor_execute", explain)
    try:
        yield lines
    finally:
        library_event.remove(engine, "before_cursor_execute", explain)


def _plan(connection: Connection, statement: str, parameters: Any) -> list[str]:
    if connection.dialect.name == "postgresql":
        return [row[0].strip() for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
