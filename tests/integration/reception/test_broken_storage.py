"""Disks and databases that fail for a while under a real receiver: A700, nothing acknowledged lost, then as before."""

import errno
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import event
from support.file_operations import WatchedFileOperations
from support.kills import OUT_OF_RESOURCES, STORED, Ledger, audit, image
from support.reception import Reception, receiving
from support.waiting import wait_until
from support.wire import ALLOWED, Connection, associated

from hounsfield.daemon.reception import registrar
from hounsfield.storage import intake, transactions
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.spool import Spool

AGAIN_SECONDS = 30.0
"""From the end of the trouble until images have to be accepted again."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_SLOTS_AHEAD", 4)
    monkeypatch.setattr(registrar, "STALE_SECONDS", 0.3)
    monkeypatch.setattr(registrar, "_TROUBLE_SECONDS", 0.05)
    monkeypatch.setattr(registrar, "_SETTLE_SECONDS", 0.05)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a new database; making one takes longer than most of what is done with it here."""
    folder = tmp_path_factory.mktemp("database")
    open_database(None, folder).close()
    return folder / "hounsfield.db"


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Path:
    """Return a folder with an empty database."""
    (tmp_path / "home").mkdir()
    shutil.copy(empty_database, tmp_path / "home")
    return tmp_path / "home"


@dataclass
class Sender:
    """One association, and what its sender knows."""

    connection: Connection
    ledger: Ledger
    choice: random.Random

    def store(self) -> int:
        """Send a new image; return the status."""
        instance, data = image(self.choice, "1.2.3.5", 200)
        self.ledger.sha256[instance] = hashlib.sha256(data).hexdigest()
        status = self.connection.store(data, instance)
        if status == STORED:
            self.ledger.acknowledged.add(instance)
        return status

    def until(self, status: int) -> None:
        """Send new images until one is answered so."""
        wait_until(lambda: self.store() == status, AGAIN_SECONDS)


@contextmanager
def storing(folder: Path, disk: WatchedFileOperations | None = None) -> Iterator[tuple[Reception, Sender, Database]]:
    """Run a receiver with a database of its own under ``folder``; in the end all is there that was acknowledged."""
    database = open_database(None, folder)
    ledger = Ledger()
    spool = Spool(folder / "spool", disk)
    try:
        with (
            receiving(folder, store=database.series, own_results=database.jobs, spool=spool) as reception,
            associated(reception.port, ALLOWED) as connection,
        ):
            yield reception, Sender(connection, ledger, random.Random(1)), database
    finally:
        database.close()
    assert ledger.acknowledged
    found = audit(folder, ledger)
    assert (found.lost, found.changed, found.orphans, found.incoming) == (frozenset(), frozenset(), (), 0)


def why_not_ready(reception: Reception) -> str | None:
    """What operators are told."""
    readiness = reception.opened.readiness
    assert readiness is not None
    readiness.look()
    return readiness.reason


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("create", errno.ENOSPC),
        ("write_at", errno.ENOSPC),
        ("write_at", errno.EIO),
        ("fsync", errno.ENOSPC),
        ("fsync", errno.EIO),
        ("fsync_directory", errno.EIO),
        ("link", errno.ENOSPC),
    ],
)
def test_a_disk_that_fails_while_images_come_refuses_and_accepts_again(home: Path, step: str, code: int) -> None:
    disk = WatchedFileOperations()
    with storing(home, disk) as (_, sender, _):
        for _ in range(6):
            assert sender.store() == STORED
        disk.error, disk.fail_at = code, step
        sender.until(OUT_OF_RESOURCES)
        assert {sender.store() for _ in range(6)} <= {STORED, OUT_OF_RESOURCES}
        disk.fail_at = None
        sender.until(STORED)
        assert {sender.store() for _ in range(6)} == {STORED}


@pytest.mark.parametrize("step", ["remove", "fsync_directory"])
def test_a_disk_that_does_not_let_slots_go_keeps_them_until_it_does(home: Path, step: str) -> None:
    disk = WatchedFileOperations()
    with storing(home, disk) as (reception, sender, _):
        sender.until(STORED)
        wait_until(lambda: reception.receiver.unregistered == 0)
        disk.error, disk.fail_at = errno.EIO, step
        assert sender.store() == STORED, "there is a slot"
        before = disk.calls.count(step)
        wait_until(lambda: disk.calls.count(step) > before + 1)
        assert [path for path in (home / "spool" / "incoming").rglob("*.slot") if path.stat().st_size]
        disk.fail_at = None
        sender.until(STORED)


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have another process hold the database."""
    with subprocess.Popen([sys.executable, "-c", LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        try:
            yield
        finally:
            other.kill()


@pytest.mark.parametrize("patience", [15.0, 0.1])
def test_a_locked_database_is_a700_and_not_ready_until_it_is_free(
    home: Path, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(transactions.make_engine.__kwdefaults__, "patience_seconds", patience)
    with storing(home) as (reception, sender, _):
        sender.until(STORED)
        with locked(home / "hounsfield.db"):
            assert sender.store() == STORED, "its file is durable"
            sender.until(OUT_OF_RESOURCES)
            assert "database" in str(why_not_ready(reception))
        sender.until(STORED)
        wait_until(lambda: why_not_ready(reception) is None)


def test_a_receiver_does_not_start_on_a_locked_database(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transactions.make_engine.__kwdefaults__, "patience_seconds", 0.1)
    database = open_database(None, home)
    with (
        locked(home / "hounsfield.db"),
        pytest.raises(DatabaseUnavailable),
        receiving(home, store=database.series, own_results=database.jobs),
    ):
        pass
    database.close()


def test_a_database_that_is_full_is_a700_until_there_is_room(home: Path) -> None:
    with storing(home) as (reception, sender, database):
        sender.until(STORED)
        wait_until(lambda: reception.receiver.unregistered == 0)
        room = [1]

        def limit(connection: sqlite3.Connection, *_: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {room[0]}")  # never less than there are

        event.listen(database.transactions._engine, "checkout", limit)
        sender.until(OUT_OF_RESOURCES)
        assert "database" in str(why_not_ready(reception))
        room[0] = 2**30
        sender.until(STORED)


def moved(folder: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for path in folder.glob("hounsfield.db*"):
        path.rename(target / path.name)


def test_a_database_file_that_is_gone_is_a700_and_not_ready_until_it_is_back(home: Path) -> None:
    with storing(home) as (reception, sender, _):
        sender.until(STORED)
        moved(home, home.parent / "away")
        sender.until(OUT_OF_RESOURCES)
        assert "database" in str(why_not_ready(reception))
        assert list(home.glob("hounsfield.db*")) == [], "none is made in its place"
        moved(home.parent / "away", home)
        sender.until(STORED)
        wait_until(lambda: why_not_ready(reception) is None)


def test_a_database_file_that_is_garbage_is_a700_and_a_new_one_gets_all_that_was_acknowledged(home: Path) -> None:
    database = open_database(None, home)
    ledger = Ledger()
    with (
        receiving(home, store=database.series, own_results=database.jobs) as reception,
        associated(reception.port, ALLOWED) as connection,
    ):
        sender = Sender(connection, ledger, random.Random(1))
        sender.until(STORED)
        (home / "garbage").write_bytes(os.urandom(20_000))
        (home / "garbage").rename(home / "hounsfield.db")
        sender.until(OUT_OF_RESOURCES)
        assert "database" in str(why_not_ready(reception))
    database.close()
    moved(home, home.parent / "away")
    with storing(home) as (_, sender, _):
        sender.ledger.sha256 |= ledger.sha256
        sender.ledger.acknowledged |= ledger.acknowledged
        sender.until(STORED)
