"""A receiver whose PostgreSQL is gone, or silent, answers A700 in time, and goes on by itself when it is back."""

import hashlib
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.datasets import tiny
from support.kills import OUT_OF_RESOURCES, STORED, Ledger, image
from support.pdu_wire import associate_request
from support.postgres import PostgreSQL, postgresql, promote, standby_of
from support.reception import Reception, receiving
from support.tcp_proxy import proxy
from support.waiting import wait_until
from support.wire import ALLOWED, CT, Connection, associated

from hounsfield.daemon.reception import registrar
from hounsfield.storage import advisory_lock, engine, intake
from hounsfield.storage.database_lock import DatabaseLock
from hounsfield.storage.engine import Database, open_database, upgrade
from hounsfield.storage.spool import Spool

AGAIN_SECONDS = 30.0
PATIENCE_SECONDS = 10.0
"""Of a sender that is in a hurry, for one answer."""
SERIES = "1.2.3.5"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""Whether it is a result of ours is asked of the database before the answer."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_SLOTS_AHEAD", 4)
    monkeypatch.setattr(registrar, "STALE_SECONDS", 0.5)
    monkeypatch.setattr(registrar, "_TROUBLE_SECONDS", 0.1)
    monkeypatch.setattr(engine, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(advisory_lock, "_PATIENCE_SECONDS", 0.5)


@pytest.fixture(scope="module")
def first() -> Iterator[PostgreSQL]:
    with postgresql() as node:
        yield node


@pytest.fixture
def name(first: PostgreSQL, request: pytest.FixtureRequest) -> str:
    """Return the name of a database of this test's own."""
    name = f"of_{abs(hash(request.node.name))}"
    first.execute(f"CREATE DATABASE {name}")
    upgrade(first.url(name))
    return name


@dataclass
class Sender:
    """One association, and what its sender knows."""

    connection: Connection
    ledger: Ledger = field(default_factory=Ledger)
    choice: random.Random = field(default_factory=lambda: random.Random(1))
    slowest: float = 0.0

    def store(self) -> int:
        """Send a new image; return the status."""
        instance, data = image(self.choice, SERIES, 200)
        self.ledger.sha256[instance] = hashlib.sha256(data).hexdigest()
        began = time.monotonic()
        status = self.connection.store(data, instance)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if status == STORED:
            self.ledger.acknowledged.add(instance)
        return status

    def until(self, status: int) -> None:
        """Send new images until one is answered so."""
        wait_until(lambda: self.store() == status, AGAIN_SECONDS)


@contextmanager
def storing(folder: Path, url: str) -> Iterator[tuple[Reception, Sender, Database]]:
    """Run a receiver on a database; in the end all has a row that was acknowledged, and no answer took long."""
    database, lock = open_database(url, folder), DatabaseLock(url)
    spool = Spool(folder / "spool", lock=lock)
    try:
        with (
            receiving(folder, store=database.series, own_results=database.jobs, spool=spool) as reception,
            associated(reception.port, ALLOWED, request=associate_request(CT, CAPTURE)) as connection,
        ):
            sender = Sender(connection)
            yield reception, sender, database
            wait_until(lambda: reception.receiver.unregistered == 0, AGAIN_SECONDS)
            series = database.series.find(SERIES)
            assert series is not None
            rows = [one.sop_instance_uid for one in database.series.instances(series.id)]
            assert sorted(rows) == sorted(sender.ledger.acknowledged)
            assert sender.slowest < PATIENCE_SECONDS
    finally:
        database.close()
        lock.close()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_server_that_ends_is_a700_until_it_is_back(
    first: PostgreSQL, name: str, tmp_path: Path, by: signal.Signals
) -> None:
    with storing(tmp_path, first.url(name)) as (_, sender, _):
        sender.until(STORED)
        first.end(by)
        sender.until(OUT_OF_RESOURCES)
        assert {sender.store() for _ in range(5)} == {OUT_OF_RESOURCES}
        first.start()
        sender.until(STORED)


def test_a_server_that_falls_silent_is_a700_until_it_is_heard_again(
    first: PostgreSQL, name: str, tmp_path: Path
) -> None:
    with proxy(first.port) as between:
        url = first.url(name).replace(str(first.port), str(between.port))
        with storing(tmp_path, url) as (_, sender, _):
            sender.until(STORED)
            between.fall_silent()
            sender.until(OUT_OF_RESOURCES)
            assert {sender.store() for _ in range(5)} == {OUT_OF_RESOURCES}
            between.lose()
            sender.until(STORED)


def test_an_object_that_the_database_is_asked_about_is_answered_in_time_too(
    first: PostgreSQL, name: str, tmp_path: Path
) -> None:
    with proxy(first.port) as between:
        url = first.url(name).replace(str(first.port), str(between.port))
        with storing(tmp_path, url) as (_, sender, _):
            sender.until(STORED)
            between.fall_silent()
            began = time.monotonic()
            data = tiny(instance="2.25.77", series="1.2.3.6", sop_class=CAPTURE)
            status = sender.connection.store(data, "2.25.77", context_id=3, sop_class=CAPTURE)
            assert status == OUT_OF_RESOURCES
            assert time.monotonic() - began < PATIENCE_SECONDS
            between.lose()
            sender.until(STORED)


def test_a_standby_that_is_put_in_charge_takes_over(tmp_path: Path) -> None:
    with postgresql() as node, standby_of(node) as second:
        node.execute("CREATE DATABASE jobs")
        hosts = f"127.0.0.1:{node.port},127.0.0.1:{second.port}"
        url = f"postgresql://postgres@{hosts}/jobs?target_session_attrs=read-write"
        upgrade(url)
        with storing(tmp_path, url) as (_, sender, _):
            sender.until(STORED)
            node.end(signal.SIGQUIT)
            sender.until(OUT_OF_RESOURCES)
            promote(second)
            sender.until(STORED)
        assert second.execute("SELECT count(*) > 1 FROM instance", "jobs") == "t"
