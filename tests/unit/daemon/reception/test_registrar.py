"""The thread that brings durable instances into the database: in order, in batches, and nothing is forgotten."""

import errno
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.datasets import tiny
from support.fake_series_store import FakeSeriesStore
from support.fakes import ManualClock
from support.file_operations import WatchedFileOperations
from support.spooling import keeps, sealed_in
from support.waiting import wait_until

from hounsfield.daemon.reception import registrar as module
from hounsfield.daemon.reception.registrar import MOST_WAITING, STALE_SECONDS, Registrar
from hounsfield.storage import spool_lock
from hounsfield.storage.errors import DatabaseUnavailable, StorageError
from hounsfield.storage.records import AssociationEnd, AssociationRecord, InstanceReceipt
from hounsfield.storage.spool import Provenance, Sealed, Spool
from hounsfield.storage.states import AssociationEnding, InstanceRole

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Store(FakeSeriesStore):
    """Remembers each call, refuses certain instances, and goes down when told."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, int, int]] = []
        self.refused: set[str] = set()
        self.down_at: str | None = None
        """The instance at which the database goes down."""

    def record(
        self,
        opened: Sequence[AssociationRecord],
        receipts: Sequence[InstanceReceipt],
        ended: Sequence[AssociationEnd],
    ) -> list[str]:
        uids = {receipt.sop_instance_uid for receipt in receipts}
        if uids & self.refused:
            raise StorageError("the same bytes were registered as another instance")
        if self.down_at in uids:
            self.is_down = True
        registrations = super().record(opened, receipts, ended)
        self.batches.append((len(opened), len(receipts), len(ended)))
        return registrations

    @property
    def uids(self) -> list[str]:
        return [receipt.sop_instance_uid for receipt in self.receipts]


class Bench:
    """A registrar on a real spool."""

    def __init__(self, folder: Path) -> None:
        self.store, self.clock, self.disk = Store(), ManualClock(), WatchedFileOperations()
        self.spool = Spool(folder, self.disk)
        self.spool.prepare()
        self.intake = self.spool.open_intake("receiver-1")
        self.registrar = Registrar(self.store, self.intake, self.clock)

    def seal(self, instance: str, association: str = "a1") -> Sealed:
        provenance = Provenance(
            sop_instance_uid=instance,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            series_uid="1.2.3.5",
            study_uid="1.2.3",
            transfer_syntax="1.2.840.10008.1.2.1",
            role=InstanceRole.SOURCE,
            calling_ae="CT1",
            called_ae="HOUNSFIELD",
            peer_address="10.1.2.3",
            association_id=association,
            receiver="receiver-1",
            received_at=AT,
        )
        return sealed_in(self.intake, provenance, tiny(instance=instance))

    def send(self, *instances: str, association: str = "a1") -> list[Sealed]:
        """One association with these instances, from its beginning to its end."""
        self.registrar.opened(
            AssociationRecord(
                id=association,
                receiver="receiver-1",
                calling_ae="CT1",
                called_ae="HOUNSFIELD",
                peer_address="10.1.2.3",
                opened_at=AT,
            )
        )
        sealed = [self.seal(instance, association) for instance in instances]
        for one in sealed:
            self.registrar.stored(one)
        self.registrar.ended(association, AssociationEnding.RELEASED, AT)
        return sealed

    def ending(self, association: str = "a1") -> str:
        return str(self.store.known[association].ending)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER_SECONDS", 0.01)
    monkeypatch.setattr(module, "_TROUBLE_SECONDS", 0.02)
    monkeypatch.setattr(module, "_SETTLE_SECONDS", 0.02)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "spool")
    yield made
    if made.registrar._thread.ident is not None:
        made.registrar.stop(5)
    made.intake.close()


def test_what_was_given_before_the_start_is_one_batch_in_its_order(bench: Bench) -> None:
    bench.send("1.1", "1.2", "1.3")
    bench.registrar.start()
    assert bench.registrar.stop(5)
    assert bench.store.batches == [(1, 3, 1)]
    assert bench.store.uids == ["1.1", "1.2", "1.3"]
    assert bench.ending() == "released"


def test_many_entries_are_taken_in_batches_of_bounded_size(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 4)
    bench.send(*(f"1.{number}" for number in range(10)))
    bench.registrar.start()
    assert bench.registrar.stop(5)
    assert bench.store.batches == [(1, 3, 0), (0, 4, 0), (0, 3, 1)]


def test_a_whole_batch_waits_for_no_other_entries(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER_SECONDS", 60)
    monkeypatch.setattr(module, "_BATCH", 4)
    bench.send(*(f"1.{number}" for number in range(10)))
    bench.registrar.start()
    wait_until(lambda: len(bench.store.batches) == 3)
    assert bench.registrar.waiting == 0


def test_instances_are_filed_before_they_are_registered_and_settled_when_nothing_else_comes(bench: Bench) -> None:
    bench.registrar.start()
    (sealed,) = bench.send("1.1")
    assert sealed.slot.exists()
    wait_until(lambda: not sealed.slot.exists())
    assert keeps(bench.spool, sealed.receipt.digest)
    assert bench.store.uids == ["1.1"]
    assert bench.registrar.waiting == 0


def test_slots_are_let_go_in_bulk_under_load(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SETTLE_SECONDS", 60)
    monkeypatch.setattr(module, "_SETTLE_AT", 3)
    bench.registrar.start()
    first = bench.send("1.1", "1.2")
    wait_until(lambda: bench.ending() == "released" if bench.store.known else False)
    assert all(one.slot.exists() for one in first), "two of three"
    second = bench.send("1.3", association="a2")
    wait_until(lambda: not any(one.slot.exists() for one in (*first, *second)))


def test_a_database_that_is_down_loses_nothing_and_stops_intake_until_it_is_back(bench: Bench) -> None:
    bench.store.is_down = True
    with capture_logs() as logs:
        bench.registrar.start()
        sealed = bench.send("1.1", "1.2")
        wait_until(lambda: not bench.registrar.is_keeping_up)
        assert bench.registrar.waiting == 4
        assert all(one.slot.exists() for one in sealed)
        bench.store.is_down = False
        wait_until(lambda: bench.registrar.is_keeping_up)
    assert bench.store.uids == ["1.1", "1.2"]
    assert bench.ending() == "released"
    assert [line["log_level"] for line in logs] == ["error", "info"], "told once, not at each try"


def test_a_disk_that_takes_no_links_is_waited_for_too(bench: Bench) -> None:
    bench.disk.fail_at, bench.disk.error = "link", errno.ENOSPC
    bench.registrar.start()
    bench.send("1.1")
    wait_until(lambda: not bench.registrar.is_keeping_up)
    assert bench.store.uids == []
    bench.disk.fail_at = None
    wait_until(lambda: bench.registrar.waiting == 0)
    assert bench.store.uids == ["1.1"]


def test_files_that_are_just_deleted_are_waited_for_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_lock, "_WAIT_SECONDS", 0.2)

    def forget() -> list[str]:
        (sealed,) = bench.send("1.1")
        bench.registrar.start()
        wait_until(lambda: not bench.registrar.is_keeping_up)
        return [sealed.receipt.digest]

    bench.spool.remove(forget, bench.store.registered_digests)
    wait_until(lambda: bench.store.uids == ["1.1"])
    wait_until(lambda: bench.registrar.is_keeping_up)
    assert keeps(bench.spool, bench.store.receipts[0].digest)


def test_a_store_that_hangs_counts_as_down_after_some_seconds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, asked = threading.Event(), threading.Event()
    record = bench.store.record

    def hang(*batch: Sequence[object]) -> list[str]:
        asked.set()
        gate.wait(10)
        return record(*batch)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "record", hang)
    bench.registrar.start()
    bench.send("1.1")
    assert asked.wait(5)
    assert bench.registrar.is_keeping_up
    bench.clock.advance(STALE_SECONDS)
    assert not bench.registrar.is_keeping_up
    gate.set()
    wait_until(lambda: bench.registrar.is_keeping_up)


def test_a_step_of_the_wall_clock_does_not_count_as_a_store_that_hangs(bench: Bench) -> None:
    bench.send("1.1")
    for step in (3600, -7200):
        bench.clock.step(step)
        assert bench.registrar.is_keeping_up


def test_no_more_are_accepted_than_may_wait(bench: Bench) -> None:
    sealed = bench.seal("1.1")
    for _ in range(MOST_WAITING - 1):
        bench.registrar.stored(sealed)
    assert bench.registrar.is_keeping_up
    bench.registrar.stored(sealed)
    assert not bench.registrar.is_keeping_up


def test_an_instance_that_contradicts_the_database_does_not_take_its_batch_with_it(bench: Bench) -> None:
    bench.store.refused = {"1.2"}
    sealed = bench.send("1.1", "1.2", "1.3")
    bench.registrar.start()
    assert bench.registrar.stop(5)
    assert bench.store.uids == ["1.1", "1.3"]
    assert bench.ending() == "released"
    assert [one.slot.exists() for one in sealed] == [False, True, False], "its file is kept"


@pytest.mark.parametrize("down_at", ["1.1", "1.3", "1.4"])
def test_a_database_that_goes_down_while_entries_are_recorded_one_by_one_loses_none(bench: Bench, down_at: str) -> None:
    bench.store.refused, bench.store.down_at = {"1.2"}, down_at
    bench.send("1.1", "1.2", "1.3", "1.4")
    bench.registrar.start()
    wait_until(lambda: not bench.registrar.is_keeping_up)
    bench.store.is_down, bench.store.down_at = False, None
    wait_until(lambda: bench.registrar.waiting == 0)
    assert bench.store.uids == ["1.1", "1.3", "1.4"]
    assert bench.ending() == "released"


def test_a_disk_that_fails_while_entries_are_recorded_one_by_one_loses_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store.refused = {"1.1"}
    record = bench.store.record

    def fill_the_disk(*batch: Sequence[object]) -> list[str]:
        bench.disk.fail_at = "link" if len(bench.store.batches) == 1 else bench.disk.fail_at
        return record(*batch)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "record", fill_the_disk)
    bench.send("1.1", "1.2", "1.3")
    bench.registrar.start()
    wait_until(lambda: not bench.registrar.is_keeping_up)
    bench.disk.fail_at = None
    monkeypatch.undo()
    wait_until(lambda: bench.registrar.waiting == 0)
    assert bench.store.uids == ["1.2", "1.3"]


def test_stopping_records_what_waits_and_settles_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER_SECONDS", 60)
    bench.registrar.start()
    sealed = bench.send("1.1", "1.2")
    assert bench.registrar.stop(5)
    assert bench.store.uids == ["1.1", "1.2"]
    assert not any(one.slot.exists() for one in sealed)


def test_stopping_does_not_wait_for_a_database_that_is_down_and_says_so(bench: Bench) -> None:
    bench.store.is_down = True
    bench.registrar.start()
    sealed = bench.send("1.1")
    assert not bench.registrar.stop(5)
    assert not bench.registrar._thread.is_alive()
    assert sealed[0].slot.exists(), "the next start finds it"
    with pytest.raises(DatabaseUnavailable):
        bench.store.digests("")


def test_stopping_with_a_disk_that_cannot_settle_ends_all_the_same(bench: Bench) -> None:
    bench.disk.fail_at, bench.disk.error = "remove", errno.EIO
    bench.send("1.1")
    with capture_logs() as logs:
        bench.registrar.start()
        assert bench.registrar.stop(5)
    assert bench.store.uids == ["1.1"]
    assert len(logs) == 1, "one warning, not a flood"
