"""Homes that released versions left behind, killed amid their work: what an upgrade finds in the field.

They were made by those versions themselves (:mod:`support.make_released_home`) and lie in tests/migration/data, so that
the tests need neither an old version nor the history of the source.
"""

import hashlib
import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.postgres import PostgreSQL
from support.revisions import downgrade

from hounsfield.storage import schema
from hounsfield.storage.copying import copy_site
from hounsfield.storage.engine import default_url, upgrade
from hounsfield.storage.spool import Spool
from hounsfield.storage.tables import UtcDateTime, metadata

DATA = Path(__file__).resolve().parent.parent / "migration" / "data"
LAST = "0006"
"""The schema of the last release."""
_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True)
class ReleasedHome:
    """One of them, unpacked."""

    home: Path
    acknowledged: dict[str, str]
    """SHA-256 of every data set that a sender got an answer for, by SOP Instance UID."""
    series: dict[str, str]
    """Series Instance UIDs by what became of them: analysed, skipped, held, running, receiving, unregistered."""

    @property
    def url(self) -> str:
        return default_url(self.home)


def unpack(home: Path, release: str = LAST) -> ReleasedHome:
    """Put a home in place as if its service had been killed a minute ago."""
    home.mkdir(parents=True)
    with tarfile.open(DATA / release / "files.tar.xz") as archive:
        archive.extractall(home, filter="data")
    ledger = json.loads((DATA / release / "ledger.json").read_text())
    since = datetime.now(UTC) - timedelta(minutes=1) - datetime.fromisoformat(ledger["ended_at"])
    with closing(sqlite3.connect(home / "hounsfield.db")) as connection:
        connection.executescript((DATA / release / "hounsfield.sql").read_text())
        _move_times(connection, since)
        connection.commit()
    return ReleasedHome(home, ledger["acknowledged"], ledger["series"])


def _move_times(connection: sqlite3.Connection, by: timedelta) -> None:
    for table in metadata.sorted_tables:
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
        for name in (column.name for column in table.columns if isinstance(column.type, UtcDateTime)):
            if name in there:
                times = connection.execute(f"SELECT rowid, {name} FROM {table.name} WHERE {name} IS NOT NULL")
                moved = [((datetime.fromisoformat(text) + by).strftime(_FORMAT), row) for row, text in times.fetchall()]
                connection.executemany(f"UPDATE {table.name} SET {name} = ? WHERE rowid = ?", moved)


def on_server(found: ReleasedHome, cluster: PostgreSQL, name: str) -> str:
    """Move the database of a home to a server, at the same schema; return its URL there."""
    revision, _ = schema.check(found.url)
    assert revision is not None
    upgrade(found.url)
    url = cluster.create_database(name)
    upgrade(url)
    copy_site(found.url, url, now=datetime.now(UTC), person="")
    downgrade(url, revision)
    for file in found.home.glob("hounsfield.db*"):
        file.unlink()
    return url


def lost(spool: Spool, digests: set[str], acknowledged: dict[str, str]) -> set[str]:
    """Return which acknowledged images have no row, or no file with the bytes that were sent."""
    there = {}
    for digest in digests:
        head, path = spool.head(digest), spool.path(digest)
        there[head.provenance.sop_instance_uid] = hashlib.sha256(path.read_bytes()[head.length :]).hexdigest()
    return {uid for uid, sha256 in acknowledged.items() if there.get(uid) != sha256}
