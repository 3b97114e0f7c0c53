"""What an administrator does to the embedded database as a file: giving room back, and putting a backup in place."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hounsfield.storage import schema
from hounsfield.storage.durable import sync_path
from hounsfield.storage.errors import DatabaseUnavailable, SchemaError, StorageError

_WAIT_SECONDS = 15.0
_MOST_PROBLEMS = 3
_SIDE_FILES = ("-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes of a SQLite file, and of them what is not in use."""

    size: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was done."""

    kept: Path | None
    """Where the database lies that was there before; None: there was none."""
    revision: str
    """Schema of the backup; the next start brings it up to date."""
    series: int
    jobs: int


def room(path: Path) -> Room:
    """Return how large a SQLite file is and how much of it is free. Raise DatabaseUnavailable."""
    with _opened(path, "ro") as connection:
        size, pages, free = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_size", "page_count", "freelist_count")
        )
    return Room(size=size * pages, free=size * free)


def vacuum(path: Path) -> float:
    """Write a SQLite file anew without free pages, also beside a running service; return the seconds it took.

    Whoever writes waits meanwhile, readers do not. It needs as much free disk as the file twice over. Raise
    DatabaseUnavailable where that is missing, or another process writes for longer than 15 s.
    """
    needed = 2 * room(path).size
    if shutil.disk_usage(path.parent).free < needed:
        raise DatabaseUnavailable(f"the disk of the database needs {needed // 2**20 + 1} MB free for this: make room")
    began = time.monotonic()
    with _opened(path, "rw") as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return time.monotonic() - began


def restore(backup: Path, path: Path, suffix: str) -> Restored:
    """Put a backup in the place of the database at ``path``, which is kept beside it under ``suffix``.

    The backup is checked first and only copied. Raise StorageError for a file that is damaged or not ours, SchemaError
    for one of a newer program, DatabaseUnavailable where any process has the database open. Nothing is changed then.
    """
    revision, series, jobs = _examined(backup)
    kept = path.with_name(f"{path.name}.{suffix}")
    fresh = path.with_name(f"{path.name}.restoring")
    with schema.one_at_a_time(path):  # a service that starts now waits here
        try:
            schema.copy_sqlite(backup, fresh)
            sync_path(fresh)
            had_one = path.exists()
            if had_one:
                _close_for_good(path)
                path.rename(kept)
            for side in _SIDE_FILES:
                path.with_name(path.name + side).unlink(missing_ok=True)
            fresh.rename(path)
            sync_path(path.parent)
        except OSError as error:
            raise StorageError(f"the backup could not be put in place ({error.strerror})") from error
        finally:
            fresh.unlink(missing_ok=True)
    return Restored(kept=kept if had_one else None, revision=revision, series=series, jobs=jobs)


def _examined(backup: Path) -> tuple[str, int, int]:
    """Return schema, series and jobs of a backup that is whole."""
    if not backup.is_file():
        raise StorageError("there is no such backup")
    with _opened(backup, "ro") as connection:
        problems = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})")]
        if problems != ["ok"]:
            raise StorageError(f"the backup is damaged ({len(problems)} or more faults found): use another one")
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise StorageError("the backup is damaged (rows speak of rows that are not there): use another one")
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"alembic_version", "series", "job", "instance"} <= names:
            raise StorageError("the file is no backup of a job database")
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if found is None:
            raise SchemaError("the backup names no schema version")
        schema.refuse_newer(found[0])
        counts = [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("series", "job")]  # noqa: S608
    return found[0], counts[0], counts[1]


def _close_for_good(path: Path) -> None:
    """Bring the journal into the file. SQLite allows that to the only process that has it open, and to no other."""
    with _opened(path, "rw", wait_seconds=0.5) as connection:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    if mode != "delete":
        raise DatabaseUnavailable("the database is in use: stop the service, and every command that reads it")


@contextmanager
def opened_alone(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file that nobody else has open, nor can open meanwhile, not even to read.

    One transaction, rolled back at its end. Raise DatabaseUnavailable where another process has it open.
    """
    with _opened(path, "rw", wait_seconds=0.5) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN IMMEDIATE")
        yield connection


@contextmanager
def _opened(path: Path, mode: str, wait_seconds: float = _WAIT_SECONDS) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=wait_seconds, isolation_level=None)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        if code == "SQLITE_NOTADB":
            raise StorageError("the file is no SQLite database") from None
        if code.startswith("SQLITE_CORRUPT"):
            raise StorageError("the database file is damaged") from None
        if code in ("SQLITE_BUSY", "SQLITE_LOCKED"):
            raise DatabaseUnavailable(
                "the database is in use: stop the service, and every command that reads it"
            ) from None
        raise DatabaseUnavailable(f"the database file refused the work ({code})") from None
