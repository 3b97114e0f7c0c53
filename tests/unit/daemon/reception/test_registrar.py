"""The thread that brings durable instances into the database, with a database and a disk that fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.datasets import tiny
from support.fake_series_store import FakeSeriesStore
from support.file_operations import WatchedFileOperations
from support.spool_story import provenance
from support.spooling import sealed_in
from support.stored import association
from support.waiting import wait_until

from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.reception import registrar as module
from hounsfield.daemon.reception.registrar import Registrar
from hounsfield.storage.errors import DatabaseUnavailable, StorageError
from hounsfield.storage.spool import Intake, Spool


class Script(FakeSeriesStore):
    """Raises what ``errors`` holds, one at a call."""

    def __init__(self, *errors: Exception | None) -> None:
        super().__init__()
        self.errors = list(errors)

    def record(self, *batch: Any) -> list[str]:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return super().record(*batch)


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TROUBLE_SECONDS", 0.01)
    monkeypatch.setattr(module, "_SETTLE_SECONDS", 0.01)


@contextmanager
def registering(
    folder: Path, store: FakeSeriesStore, disk: WatchedFileOperations
) -> Iterator[tuple[Registrar, Intake]]:
    spool = Spool(folder / "spool", disk)
    spool.prepare()
    intake = spool.open_intake("receiver-1")
    registrar = Registrar(store, intake, SystemClock())
    try:
        yield registrar, intake
    finally:
        intake.close()


def store_three(registrar: Registrar, intake: Intake) -> None:
    """Hand over an association and three instances, and only then begin: they are one batch."""
    registrar.opened(association("receiver-1"))
    for number in range(3):
        instance = f"1.2.3.4.{number}"
        registrar.stored(sealed_in(intake, provenance(instance, "receiver-1"), tiny(instance=instance)))
    registrar.start()


def test_a_database_that_goes_while_a_batch_is_recorded_singly_gets_the_rest_when_it_is_back(tmp_path: Path) -> None:
    contradiction = StorageError("one of the batch contradicts what is there")
    store = Script(contradiction, None, None, DatabaseUnavailable("gone"), contradiction, None, contradiction)
    with registering(tmp_path, store, WatchedFileOperations()) as (registrar, intake):
        store_three(registrar, intake)
        wait_until(lambda: registrar.waiting == 0)
        assert registrar.stop(5.0)
    found = [receipt.sop_instance_uid for receipt in store.receipts]
    assert found == ["1.2.3.4.0", "1.2.3.4.1"], "the third contradicts"
    assert len(list(tmp_path.rglob("*.slot"))) == 1, "and keeps its slot"


def test_a_disk_that_cannot_be_tidied_up_does_not_hold_up_the_end(tmp_path: Path) -> None:
    disk = WatchedFileOperations()
    with registering(tmp_path, FakeSeriesStore(), disk) as (registrar, intake):
        disk.fail_at = "remove"
        store_three(registrar, intake)
        assert registrar.stop(5.0)
        assert not registrar._thread.is_alive()
    assert len([path for path in tmp_path.rglob("*.slot") if path.stat().st_size]) == 3
