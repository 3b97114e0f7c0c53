"""The version of the database schema: checking, upgrading, backing up.

Alembic is imported only when there is something to upgrade, so that a start with a current database stays fast.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from hounsfield.storage.errors import DatabaseUnavailable, SchemaError, StorageError
from hounsfield.storage.locks import LockKey, hold_until_commit
from hounsfield.storage.transactions import ANSWER_SECONDS, Transactions, make_engine, parse_url

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0008"
"""The schema this program needs; a test compares it with the migration scripts."""

NAMES_PROCESSES = "0006"
"""The first schema in which the processes of the service say that they live."""
_UPGRADE = "stop the service and run `hounsfield db upgrade`"
_ANOTHER = "the database's schema version is none of ours: is it another program's database?"


def check(url: str) -> tuple[str | None, str]:
    """Return (schema of the database, schema needed); None for an empty database. Creates nothing.

    Raise DatabaseUnavailable when the database cannot be reached.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return None, HEAD
    with engine_of(url, ANSWER_SECONDS) as engine, Transactions(engine).read() as connection:
        return current_revision(connection), HEAD


def upgrade(url: str) -> None:
    """Bring the database to :data:`HEAD`; a SQLite database with something in it is backed up beside itself first.

    One transaction: it is done or nothing is changed. Several processes may do it at once. Raise SchemaError for a
    database that a newer program made.
    """
    path = sqlite_path(url)
    with nullcontext() if path is None else one_at_a_time(path):
        _upgrade(url, path)


def prepare_sqlite(url: str, path: Path, *, may_upgrade: bool = True) -> None:
    """Create an embedded database if it is not there; upgrade an older one if it may be. Raises as :func:`upgrade`."""
    with one_at_a_time(path):
        revision = check(url)[0]
        if revision != HEAD and (may_upgrade or revision is None):
            _upgrade(url, path)


def _upgrade(url: str, path: Path | None) -> None:
    with engine_of(url) as engine, Transactions(engine).write() as connection:
        hold_until_commit(connection, LockKey.SCHEMA)
        revision = current_revision(connection)
        if revision == HEAD:
            return
        refuse_newer(revision)
        if path is not None and revision is not None:
            copy_sqlite(path, path.with_name(f"{path.name}.backup-{revision}"))
        run_migrations(connection)


def backup(url: str, path: Path) -> None:
    """Copy a SQLite database, also one in use, to ``path`` (0600), whole or not at all.

    Raise StorageError for PostgreSQL (use pg_dump), a missing database, or a target that cannot be written.
    """
    source = sqlite_path(url)
    if source is None:
        raise StorageError("a PostgreSQL database is backed up with its own tool: pg_dump")
    if not source.exists():
        raise StorageError("there is no database to back up yet")
    copy_sqlite(source, path)


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL, None for another engine; raise StorageError for what is no URL of ours."""
    parsed = parse_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def current_revision(connection: Connection) -> str | None:
    """Return the schema version that the database says it has, None if it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision


def require_head(connection: Connection) -> None:
    """Raise SchemaError unless the database is at :data:`HEAD`."""
    revision = current_revision(connection)
    if revision == HEAD:
        return
    refuse_newer(revision)
    raise SchemaError(f"the database is at schema {revision or 'none'}, this program needs {HEAD}: {_UPGRADE}")


def refuse_newer(revision: str | None) -> None:
    """Raise SchemaError for a schema that only a newer program can have made."""
    if revision is not None and revision > HEAD:
        raise SchemaError(
            f"the database is at schema {revision}, made by a newer hounsfield; this one knows up to {HEAD}:"
            f" install the newer version again, or let it go back with `hounsfield db downgrade --to {HEAD}` first"
        )


def run_migrations(connection: Connection) -> None:
    """Bring the database to :data:`HEAD` in the connection's transaction. Raise SchemaError for another's database."""
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(migrations_of(connection), HEAD)
    except CommandError:
        raise SchemaError(_ANOTHER) from None


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema."""

    revision: str
    words: str
    """What it brings."""


def steps_from(revision: str | None) -> list[Step]:
    """Return what leads from a schema to :data:`HEAD`, the first step first; all for a database without one.

    Raise SchemaError for a schema that is none of ours.
    """
    from alembic.script import ScriptDirectory

    scripts = [*ScriptDirectory.from_config(migrations_of()).walk_revisions()][::-1]
    known = [script.revision for script in scripts]
    if revision is not None and revision not in known:
        raise SchemaError(_ANOTHER)
    first = 0 if revision is None else known.index(revision) + 1
    return [Step(script.revision, script.doc.splitlines()[0]) for script in scripts[first:]]


def migrations_of(connection: Connection | None = None) -> "Config":
    """Return what alembic is given to find our migrations, and the connection to run them in."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database, also one in use, whole or not at all. Raise StorageError."""
    part = target.with_name(target.name + ".part")
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(part)) as new,
        ):
            old.backup(new)
        part.replace(target)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            part.unlink()
        raise StorageError(f"the database could not be backed up ({type(error).__name__}): check the target") from error


@contextmanager
def engine_of(url: str, answer_seconds: float | None = None) -> Iterator[Engine]:
    """Give an engine that is disposed of with the block; ``answer_seconds`` as :func:`make_engine` takes it."""
    engine = make_engine(parse_url(url), answer_seconds=answer_seconds)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process at a time create or upgrade a SQLite file: switching to WAL does not wait for locks."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(f"the folder of the database cannot be used ({error.strerror})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
