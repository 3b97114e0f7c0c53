"""Back to the schema of an older program, with every row: for who has to take a new version out again.

Restoring the copy that an upgrade leaves would lose what was decided, sent and proven since. So the migrations are run
backwards instead, in one transaction that counts the rows before and after: it is done and all are there, or nothing
is changed.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from hounsfield.storage import schema, upkeep
from hounsfield.storage.errors import SchemaError
from hounsfield.storage.events import append_events
from hounsfield.storage.locks import LockKey, hold_until_commit
from hounsfield.storage.operation_log import event_of
from hounsfield.storage.operations import Operation
from hounsfield.storage.transactions import Transactions

OLDEST = "0006"
"""The schema of the release before. Older ones have no place for alarms, accounts and events of the service."""
_ONLY_NEWER = frozenset({"site_fact", "spool_writer", "turn"})
"""Tables that only newer programs read, and fill again by themselves: what the spool is known by (which stands in the
spool too), who writes to it now, and the turns of waiting jobs."""
_LOCK_WAIT = "15s"


def go_back(url: str, revision: str, note: Operation) -> Path | None:
    """Bring the database back to ``revision``, after ``note`` was written into the event log.

    Return the copy that was made of a SQLite database beside it, None for a server. Raise SchemaError for a schema that
    cannot be gone back to, or where a row would be lost; DatabaseUnavailable where a SQLite file is in use by any
    process, or the server's tables are locked by others.
    """
    path = schema.sqlite_path(url)
    with nullcontext() if path is None else schema.one_at_a_time(path):  # a service that starts now waits here
        current = schema.check(url)[0]
        _refuse(current, revision)
        copy = None
        if path is not None:
            with upkeep.opened_alone(path):
                pass  # nobody else has it open
            copy = path.with_name(f"{path.name}.backup-{current}")
            schema.copy_sqlite(path, copy)
        with schema.engine_of(url) as engine, Transactions(engine).write() as connection:
            _go_back(connection, revision, note)
    return copy


def _refuse(current: str | None, revision: str) -> None:
    """Raise SchemaError unless there is a way from one to the other."""
    if current is None:
        raise SchemaError("there is no database to go back with")
    schema.refuse_newer(current)
    known = [OLDEST, *(step.revision for step in schema.steps_from(OLDEST))]
    if revision not in known[:-1] or revision > current:
        below = [name for name in known if name < current]
        allowed = f"allowed are {', '.join(below)}" if below else "there is no older one to go back to"
        raise SchemaError(
            f"the database is at schema {current} and cannot go back to {revision}: {allowed}. Older ones have no place"
            " for what is in it; a backup that was made before its upgrade is put in place with `hounsfield db restore`"
            " of the program that made it"
        )
    if revision == current:
        raise SchemaError(f"the database is at schema {current} already")


def _go_back(connection: Connection, revision: str, note: Operation) -> None:
    from alembic import command

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
    hold_until_commit(connection, LockKey.SCHEMA)
    append_events(connection, [event_of(note)])
    before = _rows(connection)
    command.downgrade(schema.migrations_of(connection), revision)
    _refuse_loss(before, _rows(connection))
    if schema.current_revision(connection) != revision:
        raise SchemaError(f"the database did not come to schema {revision}; nothing was changed")


def _rows(connection: Connection) -> dict[str, int]:
    """Return how many rows every table has that older programs read."""
    names = set(inspect(connection).get_table_names()) - _ONLY_NEWER
    quote = connection.dialect.identifier_preparer.quote
    return {
        name: connection.execute(text(f"SELECT count(*) FROM {quote(name)}")).scalar_one()  # noqa: S608 - our own names
        for name in sorted(names)
    }


def _refuse_loss(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    lost = {name: rows - after.get(name, 0) for name, rows in before.items() if rows != after.get(name, 0)}
    if lost:
        told = ", ".join(f"{rows:,} of {name}" for name, rows in lost.items())
        raise SchemaError(f"rows would be lost on the way back ({told}); nothing was changed")
