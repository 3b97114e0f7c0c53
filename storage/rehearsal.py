"""What an upgrade of the schema would do, found out without doing it: how much there is, and how long it takes."""

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from hounsfield.storage import schema
from hounsfield.storage.bundle_choice import BundleChoice
from hounsfield.storage.bundle_choice_store import SqlBundleChoiceStore
from hounsfield.storage.errors import DatabaseUnavailable, StorageError
from hounsfield.storage.transactions import ANSWER_SECONDS, Transactions

_COUNTED = ("series", "instance", "job", "event")
_SIDE_FILES = ("-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How large a database is."""

    size: int
    """Bytes on the disk, the journal of a SQLite file with it."""
    rows: dict[str, int]
    """Of the tables that grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How long a copy of the database took, in seconds on this machine."""

    copying: float
    """What the backup before the upgrade takes."""
    changing: float


def weigh(url: str) -> Weight:
    """Return how large the database is, at whatever schema. Raise DatabaseUnavailable."""
    path = schema.sqlite_path(url)
    with schema.engine_of(url, ANSWER_SECONDS) as engine, Transactions(engine).read() as connection:
        rows = {
            name: int(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one())  # noqa: S608 - constants
            for name in _COUNTED
        }
        if path is None:
            size = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
            return Weight(size=size, rows=rows)
    return Weight(size=size_of(path), rows=rows)


def bundle_choices(url: str) -> list[BundleChoice]:
    """Return which bundles are chosen, by a database of whatever schema; none where it cannot say."""
    try:
        if schema.check(url)[0] is None:
            return []
        with schema.engine_of(url, ANSWER_SECONDS) as engine:
            return SqlBundleChoiceStore(Transactions(engine)).current()
    except DatabaseUnavailable:  # it is down, or of before there were choices
        return []


def size_of(path: Path) -> int:
    """Return the bytes of a SQLite file and its journal."""
    parts = (path, *(path.with_name(path.name + side) for side in _SIDE_FILES))
    return sum(part.stat().st_size for part in parts if part.exists())


def rehearse(path: Path) -> Rehearsed:
    """Upgrade a copy of a SQLite database, which may be in use, and throw it away.

    The copy lies beside it for as long as that takes: check the room before. Raise StorageError where it cannot be
    made, SchemaError where it cannot be upgraded.
    """
    try:
        with TemporaryDirectory(dir=path.parent, prefix=".rehearsal-") as folder:
            return _rehearse(path, Path(folder) / path.name)
    except OSError as error:
        raise StorageError(f"the upgrade could not be tried on a copy ({error.strerror})") from error


def _rehearse(path: Path, copy: Path) -> Rehearsed:
    began = time.monotonic()
    schema.copy_sqlite(path, copy)
    copied = time.monotonic()
    with schema.engine_of(f"sqlite:///{copy}") as engine, Transactions(engine).write() as connection:
        schema.run_migrations(connection)
    return Rehearsed(copying=copied - began, changing=time.monotonic() - copied)
