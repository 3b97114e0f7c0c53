"""Two hosts share a spool by way of NFS: nothing acknowledged is lost, whoever dies, and no receiver meets another."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from contract.spool.conftest import Time
from support.fake_series_store import FakeSeriesStore
from support.fake_spool_writers import FakeSpoolWriters
from support.fakes import ManualClock
from support.nfs import NfsHost
from support.spool_values import DATASET, SENT
from support.spooling import keeps, sealed_in, spooled
from support.stored import EXPLICIT, at

from hounsfield.daemon.reception.reconcile import reconcile, take_up
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.intake import Intake
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.spool import Spool
from hounsfield.storage.spool_files import Patience, PatientFiles
from hounsfield.storage.writer_book import SharedBook

CLOCK = ManualClock()
Hosts = tuple[NfsHost, NfsHost]


class Site:
    """Two hosts, their spools and the database between them."""

    def __init__(self, hosts: Hosts, time: Time) -> None:
        self.time = time
        self.hosts = hosts
        self.writers = FakeSpoolWriters()
        self.series = FakeSeriesStore()
        self.a, self.b = (self._spool(host) for host in hosts)
        self.files = PatientFiles(self.b, Patience(monotonic=time.now, sleep=time.sleep))
        self.a.prepare()
        self.b.prepare()

    def _spool(self, host: NfsHost) -> Spool:
        book = SharedBook(
            self.writers,
            process=f"{host.view.name}-judge",
            machine=host.view.name,
            now=lambda: at(0) + timedelta(seconds=self.time.seconds),
            is_judge=lambda: True,
        )
        return Spool(host.view / "spool", writers=book)

    def record(self, intake: Intake, number: int = 0) -> str:
        sealed = sealed_in(intake, SENT, DATASET + bytes([number, 0]))
        with intake.files_stay():
            intake.file(sealed)
            self.series.record([association()], [sealed.receipt], [])
        intake.settle([sealed])
        return sealed.receipt.digest

    def at_server(self, pattern: str) -> list[Path]:
        return sorted((self.hosts[0].server / "spool").glob(pattern))


def association() -> AssociationRecord:
    return AssociationRecord(
        id=SENT.association_id,
        receiver="a-1",
        calling_ae="CT1",
        called_ae="HOUNSFIELD",
        peer_address="192.0.2.7",
        opened_at=at(0),
    )


@pytest.fixture
def site(two_hosts: Hosts, time: Time) -> Site:
    return Site(two_hosts, time)


def test_receivers_of_two_hosts_do_not_meet(site: Site) -> None:
    first, second = site.a.open_intake("a-1"), site.b.open_intake("b-1")
    digests = {site.record(intake, number) for number in range(6) for intake in (first, second)}
    assert len(digests) == 6, "the same images through both of them"
    assert {path.stem for path in site.at_server("objects/*/*.dcm")} == digests
    assert all(keeps(site.b, digest) for digest in digests if site.files.path(digest))
    first.close()
    second.close()


def test_a_receiver_that_stops_leaves_no_folder_though_nfs_keeps_what_is_open(site: Site) -> None:
    intake = site.a.open_intake("a-1")
    site.record(intake)
    intake.close()
    assert site.at_server("incoming/*") == []
    assert site.writers.all() == []


def test_what_a_host_had_acknowledged_when_it_died_is_taken_up_by_another_one(site: Site) -> None:
    intake = site.a.open_intake("a-1")
    acknowledged = sealed_in(intake, SENT, DATASET)
    half = intake.begin(EXPLICIT)
    half.write([DATASET])
    site.hosts[0].crash()
    assert take_up(site.b, site.series, CLOCK) == 0, "it may live: its lock says nothing here"
    site.time.seconds += 101
    assert take_up(site.b, site.series, CLOCK) == 1
    assert [receipt.digest for receipt in site.series.receipts] == [acknowledged.receipt.digest]
    assert keeps(site.b, acknowledged.receipt.digest)
    assert site.at_server("incoming/*") == []
    assert site.writers.all() == []


def test_the_folder_of_a_receiver_that_lives_is_left_alone(site: Site) -> None:
    intake = site.a.open_intake("a-1")
    sealed = sealed_in(intake, SENT, DATASET)
    for _ in range(30):
        site.time.seconds += 10
        site.writers.seen("a-1", at(0) + timedelta(seconds=site.time.seconds))
        assert take_up(site.b, site.series, CLOCK) == 0
    assert site.b.writers() == {"a-1"}
    assert reconcile(site.b, site.series, CLOCK).adopted == 0
    assert sealed.slot.exists()
    intake.close()


def test_a_receiver_that_comes_back_from_the_dead_finds_its_files_gone(site: Site) -> None:
    intake = site.a.open_intake("a-1")
    slot = intake.begin(EXPLICIT)
    slot.write([DATASET])
    site.time.seconds += 200
    take_up(site.b, site.series, CLOCK)
    assert not site.writers.seen("a-1", at(500))
    with pytest.raises(SpoolError):
        slot.seal(SENT)
    assert site.series.receipts == []


def test_an_image_that_another_host_deleted_is_kept_when_it_comes_again(site: Site) -> None:
    intake = site.a.open_intake("a-1")
    digest = site.record(intake)
    assert site.a.path(digest).exists(), "this host remembers the name"
    site.time.seconds += 61
    site.b.remove(lambda: [digest], lambda _: set())
    assert site.at_server("objects/*/*.dcm") == []
    assert site.record(intake) == digest
    assert [path.stem for path in site.at_server("objects/*/*.dcm")] == [digest]
    assert site.files.path(digest).exists()


def test_a_stale_handle_is_asked_once_more(site: Site) -> None:
    digest = spooled(site.a, SENT, DATASET)
    site.hosts[1].stale_once.add(f"{digest}.dcm")
    assert site.files.path(digest).read_bytes().endswith(DATASET)
    assert site.time.slept == [0.02]


def test_an_image_whose_absence_a_host_remembers_is_waited_for(site: Site) -> None:
    digest = spooled(site.a, SENT, DATASET)
    assert site.files.path(digest).exists()
    shard, number = digest[:2], 0
    while True:  # another one in the same folder, which the other host has just looked at
        number += 1
        later = spooled(site.a, SENT, DATASET + number.to_bytes(2, "little"))
        if later[:2] == shard:
            break
    assert not site.b.path(later).exists()
    assert site.files.path(later).exists()
    assert 50 < sum(site.time.slept) < 65


def test_a_result_of_one_host_is_sent_by_another_one(two_hosts: Hosts, time: Time) -> None:
    worker = ResultFiles(two_hosts[0].view)
    courier = ResultFiles(two_hosts[1].view, patience=Patience(monotonic=time.now, sleep=time.sleep))
    worker.prepare(spare_seconds=3600)
    courier.prepare(spare_seconds=3600)
    sha256 = worker.write("2.25.1", b"a report")
    assert not courier.path("2.25.1").exists(), "it remembers a folder without it"
    assert courier.verify("2.25.1", sha256)
    assert courier.path("2.25.1").read_bytes() == b"a report"
    two_hosts[1].stale_once.add("2.25.1.dcm")
    assert courier.verify("2.25.1", sha256)
    assert not courier.verify("2.25.2", sha256)


def test_what_another_host_is_writing_just_now_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    part = tmp_path / "results" / "0123.part"
    part.write_bytes(b"half")
    assert ResultFiles(tmp_path).prepare(spare_seconds=3600) == 0
    os.utime(part, (0, 0))
    assert ResultFiles(tmp_path).prepare(spare_seconds=3600) == 1


class Losable:
    """A lock in a database that goes away when told."""

    can_be_lost = True

    def __init__(self) -> None:
        self.is_lost = False

    @contextmanager
    def files_stay(self) -> Iterator[None]:
        yield
        self._check()

    @contextmanager
    def files_may_go(self) -> Iterator[Callable[[], None]]:
        yield self._check

    def _check(self) -> None:
        if self.is_lost:
            raise SpoolError("the lock is lost")


def test_a_host_that_loses_the_lock_deletes_nothing_and_what_came_meanwhile_is_put_back(tmp_path: Path) -> None:
    lock = Losable()
    spool = Spool(tmp_path / "spool", lock=lock)
    spool.prepare()
    came_again, gone = (spooled(spool, SENT, DATASET + bytes([number, 0])) for number in range(2))
    rows: set[str] = set()

    def registered(_: Sequence[str]) -> set[str]:
        return set(rows)

    lock.is_lost = True
    with pytest.raises(SpoolError):
        spool.remove(lambda: [came_again, gone], registered)
    assert len(list((tmp_path / "spool" / "leaving").iterdir())) == 2
    rows.add(came_again)
    lock.is_lost = False
    assert spool.finish_removal(registered) == 1
    assert list((tmp_path / "spool" / "leaving").iterdir()) == []
    assert list(spool.digests()) == [came_again]
    assert keeps(spool, came_again)
    assert spool.finish_removal(registered) == 0


def test_files_that_go_under_a_lock_that_was_held_are_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", lock=Losable())
    spool.prepare()
    digests = [spooled(spool, replace(SENT), random.Random(number).randbytes(40)) for number in range(3)]
    assert spool.remove(lambda: digests, lambda _: set()) == 3
    assert list(spool.digests()) == []
    assert list((tmp_path / "spool" / "leaving").iterdir()) == []
