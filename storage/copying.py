"""Moving a site from SQLite to PostgreSQL: every row under its key, checked row by row, whole or not at all.

All of it is one transaction of the target. Whenever it is killed, the target is as empty as it was and the copy begins
anew; nobody can start a service on a part of it. The source is kept from everybody else meanwhile, and only read.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from sqlite3 import Connection as Sqlite
from typing import Any

from sqlalchemy import URL, Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from hounsfield.storage import copy_table, schema, upkeep
from hounsfield.storage.errors import DatabaseUnavailable, SchemaError, StorageError
from hounsfield.storage.events import append_events
from hounsfield.storage.operation_log import event_of
from hounsfield.storage.operations import Action, Operation
from hounsfield.storage.states import Stage
from hounsfield.storage.tables import event, metadata
from hounsfield.storage.transactions import make_engine, parse_url

Progress = Callable[[str, int, int], object]
"""Takes what is being done, how much of it is done, and how much there is."""

_SETTINGS = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL lock_timeout = '15s'",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL maintenance_work_mem = '256MB'",
)
_TABLES = metadata.sorted_tables
"""What others refer to first."""
_INDEXES = """
SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
FROM pg_index i
WHERE i.indrelid = ANY (CAST(:tables AS regclass[])) AND NOT EXISTS (
    SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')
)"""
_REFERENCES = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE contype = 'f' AND conrelid = ANY (CAST(:tables AS regclass[]))"""
_NEW_TARGET = "give a new database that `hounsfield db upgrade` has prepared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was moved."""

    rows: dict[str, int]
    """By table."""
    copy_seconds: float
    check_seconds: float


def copy_site(source: str, target: str, *, now: datetime, person: str, progress: Progress = lambda *_: None) -> Copied:
    """Copy the SQLite database of a URL into an empty PostgreSQL database, and compare each row with its original.

    ``now`` and ``person`` stand in the event that the target's log says so with. Raise StorageError where the URLs are
    not of these engines, the target is not empty, or a row does not fit or differs; SchemaError where one of the two is
    not at the needed schema; DatabaseUnavailable where any process has the source open, or the target fails. The target
    is as it was then.
    """
    path = _source_file(source)
    engine = _target_engine(target)
    try:
        with upkeep.opened_alone(path) as original, _transaction(engine) as connection:
            _require_source(original)
            _require_target(connection)
            counts = _counted(original)
            began = time.monotonic()
            _move(original, connection, sum(counts.values()), progress)
            moved = time.monotonic()
            _check(original, connection, sum(counts.values()), progress)
            _note(connection, counts, now, person)
            return Copied(rows=counts, copy_seconds=moved - began, check_seconds=time.monotonic() - moved)
    finally:
        engine.dispose()


def _source_file(source: str) -> Path:
    url = _parsed(source)
    if url is None or url.get_backend_name() != "sqlite":
        raise StorageError("the source is no SQLite database, sqlite:///PATH; for PostgreSQL there is pg_dump")
    path = Path(url.database or "")
    if not path.exists():
        raise StorageError("there is no database at the source")
    return path


def _target_engine(target: str) -> Engine:
    url = _parsed(target)
    if url is None or url.get_backend_name() != "postgresql":
        raise StorageError("the target is no PostgreSQL database, postgresql://HOST/NAME")
    return make_engine(url)


def _parsed(url: str) -> URL | None:
    try:
        return parse_url(url)
    except StorageError:  # it speaks of storage.database_url, which these need not be
        return None


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            for statement in _SETTINGS:
                connection.exec_driver_sql(statement)
            yield connection
    except DBAPIError as error:
        raise _unavailable(error.orig) from None
    except engine.dialect.loaded_dbapi.Error as error:
        raise _unavailable(error) from None


def _unavailable(error: Any) -> DatabaseUnavailable:
    code = getattr(error, "sqlstate", None) or "no code"
    # The driver's own text may quote values of the row, so it does not travel along.
    return DatabaseUnavailable(f"the target refused the copy ({type(error).__name__}, {code}); it is as it was")


def _require_source(original: Sqlite) -> None:
    if original.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        raise SchemaError("the source is no job database")
    (revision,) = original.execute("SELECT version_num FROM alembic_version").fetchone() or (None,)
    _require_head("source", revision)


def _require_target(connection: Connection) -> None:
    _require_head("target", schema.current_revision(connection))
    connection.exec_driver_sql(f"LOCK TABLE {_names()} IN ACCESS EXCLUSIVE MODE")
    filled = [table.name for table in _TABLES if connection.execute(select(1).select_from(table).limit(1)).first()]
    if not filled:
        return
    copied = select(event.c.at).where(event.c.stage == Stage.OPERATE, event.c.to_state == Action.COPIED)
    at = connection.execute(copied.order_by(event.c.id.desc()).limit(1)).scalar_one_or_none()
    if at is not None:
        raise StorageError(
            f"the target holds a finished copy already, of {at:%Y-%m-%d %H:%M} UTC: name it in storage.database_url and"
            f" start the service, or {_NEW_TARGET}"
        )
    raise StorageError(f"the target is not empty (table {filled[0]} has rows): {_NEW_TARGET}")


def _require_head(which: str, revision: str | None) -> None:
    if revision == schema.HEAD:
        return
    try:
        schema.refuse_newer(revision)
    except SchemaError as error:
        raise SchemaError(f"{which}: {error}") from None
    raise SchemaError(
        f"the {which} is at schema {revision or 'none'}, this program needs {schema.HEAD}: run `hounsfield db upgrade`"
        " with storage.database_url naming it"
    )


def _counted(original: Sqlite) -> dict[str, int]:
    counting = {table.name: f'SELECT count(*) FROM "{table.name}"' for table in _TABLES}  # noqa: S608 - our names
    return {name: int(original.execute(query).fetchone()[0]) for name, query in counting.items()}


def _move(original: Sqlite, connection: Connection, total: int, progress: Progress) -> None:
    with _without_indexes(connection, progress):
        done = _Done(partial(progress, "copied"), total)
        for table in _TABLES:
            copy_table.write(connection, table, copy_table.read_source(original, table), done)
    _set_sequences(original, connection)
    connection.exec_driver_sql(f"ANALYZE {_names()}")


@contextmanager
def _without_indexes(connection: Connection, progress: Progress) -> Iterator[None]:
    """Leave indexes and foreign keys out, and make them again: sorting once is faster than looking up each row."""
    tables = {"tables": "{" + _names() + "}"}
    indexes = connection.execute(text(_INDEXES), tables).all()
    references = connection.execute(text(_REFERENCES), tables).all()
    for drop, _ in (*references, *indexes):
        connection.exec_driver_sql(drop)
    yield
    made = (*indexes, *references)
    for number, (_, make) in enumerate(made, start=1):
        connection.exec_driver_sql(make)
        progress("indexes", number, len(made))


def _set_sequences(original: Sqlite, connection: Connection) -> None:
    """Let new rows be numbered behind every number that was ever given, also behind those of removed rows."""
    given = dict(original.execute("SELECT name, seq FROM sqlite_sequence"))
    for table in _TABLES:
        numbered = table.autoincrement_column
        if numbered is None:
            continue
        newest = connection.execute(select(func.max(numbered))).scalar_one()
        last = max(newest or 0, given.get(table.name, 0))
        sequence = func.pg_get_serial_sequence(f'"{table.name}"', numbered.name)
        connection.execute(select(func.setval(sequence, max(last, 1), last > 0)))


def _check(original: Sqlite, connection: Connection, total: int, progress: Progress) -> None:
    done = _Done(partial(progress, "checked"), total)
    for table in _TABLES:
        with (
            closing(copy_table.read_source(original, table)) as source,
            closing(copy_table.read_target(connection, table)) as target,
        ):
            copy_table.compare(table, source, target, done)


def _note(connection: Connection, counts: dict[str, int], now: datetime, person: str) -> None:
    detail = {"series": counts["series"], "jobs": counts["job"], "rows": sum(counts.values()), "schema": schema.HEAD}
    copied = Operation(at=now, action=Action.COPIED, person=person, origin="command line", detail=detail)
    append_events(connection, [event_of(copied)])


def _names() -> str:
    return ", ".join(f'"{table.name}"' for table in _TABLES)


class _Done:
    """Counts rows and tells of it."""

    def __init__(self, tell: Callable[[int, int], object], total: int) -> None:
        self._tell = tell
        self._total = total
        self._done = 0

    def __call__(self, more: int) -> None:
        self._done += more
        self._tell(self._done, self._total)
