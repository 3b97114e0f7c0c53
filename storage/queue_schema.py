"""The tables of the queue in our database: made and brought up to date with ours, checked at every start."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from hounsfield.storage.errors import SchemaError
from hounsfield.storage.locks import LockKey, hold_until_commit
from hounsfield.storage.server_connections import CONNECT_SECONDS, watched
from hounsfield.storage.transactions import ANSWER_SECONDS, Transactions, make_engine, parse_url

_IS_THERE = text("SELECT to_regtype('procrastinate_job_to_defer_v1') IS NOT NULL")
# Ours, for those who look for the wake-ups of jobs.
_INDEX = (
    "CREATE INDEX IF NOT EXISTS hounsfield_wake_ups_of_jobs ON procrastinate_jobs ((args ->> 'job_id'))"
    " WHERE status = 'todo'"
)
_ELSEWHERE = 'queue.engine = "procrastinate" needs PostgreSQL: set storage.database_url, or queue.engine = "embedded"'
_MARK = "schema"

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSchema:
    """Tables and functions of the queue, as its library ships them."""

    script: str
    """SQL that makes everything in a database without them."""
    version: Version
    """Of the newest change that ``script`` contains."""
    changes: tuple[tuple[Version, str], ...]
    """Versions, and the SQL that leads there, in order."""


def install(url: str, schema: QueueSchema) -> None:
    """Make the tables of the queue, or bring them up to date, in one transaction; several processes may do it at once.

    Which version they have is written into the comment on the table of its jobs: the library keeps no record.
    Raise SchemaError for tables that another program or a newer version made.
    """
    engine = make_engine(parse_url(url))
    try:
        with Transactions(engine).write() as connection:
            _require_postgresql(connection)
            hold_until_commit(connection, LockKey.QUEUE_TABLES)
            for script in _scripts(schema, _version(connection)):
                # several statements, with % in them
                connection.execution_options(no_parameters=True).exec_driver_sql(script)
            version = ".".join(str(number) for number in schema.version)
            connection.execute(text(f"COMMENT ON TABLE procrastinate_jobs IS '{_MARK} {version}'"))
            connection.execute(text(_INDEX))
    finally:
        engine.dispose()


def version_of(url: str) -> Version | None:
    """Return the version of the tables in a database, None if there are none.

    Raise SchemaError for those of another program, DatabaseUnavailable.
    """
    engine = make_engine(parse_url(url), answer_seconds=ANSWER_SECONDS)
    try:
        with Transactions(engine).read() as connection:
            _require_postgresql(connection)
            return _version(connection)
    finally:
        engine.dispose()


def require_installed(connection: Connection) -> None:
    """Raise SchemaError where the tables of the queue are not there."""
    _require_postgresql(connection)
    if not connection.execute(_IS_THERE).scalar_one():
        raise SchemaError(
            'the tables that queue.engine = "procrastinate" needs are missing: run `hounsfield db upgrade`'
        )


def connection_arguments(url: str) -> dict[str, Any]:
    """Return what libpq is given to reach the database of a URL: ``host``, ``dbname``, ``password`` and others.

    A server that is out of reach without a word is noticed (:mod:`hounsfield.storage.server_connections`).
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise SchemaError(_ELSEWHERE)
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    return watched({"connect_timeout": CONNECT_SECONDS, **arguments})


def _require_postgresql(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        raise SchemaError(_ELSEWHERE)


def _scripts(schema: QueueSchema, version: Version | None) -> list[str]:
    if version is None:
        return [schema.script]
    if version > schema.version:
        raise SchemaError("the tables of the queue were made by a newer hounsfield: install the newer version")
    return [script for number, script in schema.changes if number > version]


def _version(connection: Connection) -> Version | None:
    """Return the version of the tables, None if there are none."""
    if not connection.execute(_IS_THERE).scalar_one():
        return None
    comment = connection.execute(text("SELECT obj_description('procrastinate_jobs'::regclass)")).scalar_one()
    mark, _, version = str(comment).partition(" ")
    if mark != _MARK:
        raise SchemaError("the tables named procrastinate_* are another program's: use a database of our own")
    return tuple(int(number) for number in version.split("."))
