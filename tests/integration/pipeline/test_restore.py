"""A backup taken while images come in, put in place on a new home: the spool knows what the backup does not."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes import ManualClock
from support.spool_values import DATASET, SENT
from support.spooling import keeps, sealed_in

from hounsfield.daemon.reception.reconcile import reconcile
from hounsfield.storage import engine, upkeep
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import SeriesState

IMAGES = 120
SERIES = 6


@pytest.mark.parametrize("killed", [False, True])
def test_nothing_that_was_acknowledged_after_the_backup_is_lost(tmp_path: Path, killed: bool) -> None:
    old, new, copy = tmp_path / "old", tmp_path / "new", tmp_path / "copy.db"
    database, spool = engine.open_database(None, old), Spool(old / "spool")
    spool.prepare()
    told: set[str] = set()
    some = threading.Event()

    def receive() -> None:
        intake = spool.open_intake("receiver-1")
        for number in range(IMAGES):
            provenance = replace(SENT, sop_instance_uid=f"1.2.9.{number}", series_uid=f"1.2.{number % SERIES}")
            sealed = sealed_in(intake, provenance, DATASET + number.to_bytes(2, "little"))
            told.add(sealed.receipt.digest)
            if killed and number >= IMAGES - 5:
                continue  # the receiver dies between its answer and the row
            with intake.files_stay():
                intake.file(sealed)
                database.series.record([], [sealed.receipt], [])
            intake.settle([sealed])
            if number == IMAGES // 4:
                some.set()
        intake.close()

    receiver = threading.Thread(target=receive)
    receiver.start()
    assert some.wait(60)
    engine.backup(engine.default_url(old), copy)
    receiver.join()
    assert len(database.series.digests("")) == IMAGES - (5 if killed else 0)
    database.close()

    shutil.copytree(old / "spool", new / "spool")
    done = upkeep.restore(copy, new / "hounsfield.db", "before")
    assert (done.kept, done.series) == (None, SERIES)
    restored, moved = engine.open_database(None, new), Spool(new / "spool")
    known = restored.series.digests("")
    assert IMAGES // 4 < len(known) < IMAGES, "the backup was taken under way"
    found = reconcile(moved, restored.series, ManualClock())
    assert (found.missing, found.unreadable) == (0, 0)
    assert restored.series.digests("") == told
    assert all(keeps(moved, digest) for digest in told)
    assert {series.state for series in restored.series.receiving()} == {SeriesState.RECEIVING}
    assert sum(series.instances for series in restored.series.page()) == IMAGES
    restored.close()
