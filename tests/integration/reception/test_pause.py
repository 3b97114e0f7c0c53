"""Intake paused, over real sockets: who comes is told to come again later, who sends may end, nothing is lost."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.association import Association
from support.datasets import tiny
from support.peers import run_tool
from support.raw_scu import CT, associated, store
from support.reception import receiving
from support.waiting import wait_until

from hounsfield.daemon.association.reactor import requested
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.reception import intake_gate
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import Database, open_database

TRANSIENT_LOCAL_LIMIT = (2, 3, 2)
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path / "home")
    yield opened
    opened.close()


def answer(port: int, *classes: str, title: str = "SCANNER") -> tuple[int, int, int] | None:
    """Ask for an association; return how it was rejected, None if it was not."""
    entity = AE(ae_title=title)
    entity.acse_timeout = 10
    for sop_class in classes:
        entity.add_requested_context(sop_class)
    made = requested(entity, "127.0.0.1", port, ae_title="HOUNSFIELD")
    if made.is_established:
        made.release()
    return codes(made)


def codes(association: Association) -> tuple[int, int, int] | None:
    if not association.is_rejected:
        return None
    said = association.acceptor.primitive
    return int(said.result), int(said.result_source), int(said.diagnostic)


def running(folder: Path, database: Database, **more: Any) -> Any:
    stores = {"store": database.series, "own_results": database.jobs, "peer_store": database.peers}
    return receiving(folder, **stores, control=database.control, **more)


def pause(database: Database) -> None:
    database.control.pause(Pause(part=Part.INTAKE, since=SystemClock().now()))


def test_a_running_receiver_rejects_new_senders_within_a_second_until_it_is_resumed(
    tmp_path: Path, database: Database
) -> None:
    with running(tmp_path, database) as reception:
        assert answer(reception.port, CT) is None
        pause(database)
        began = time.monotonic()
        wait_until(lambda: answer(reception.port, CT) == TRANSIENT_LOCAL_LIMIT)
        assert time.monotonic() - began < 1.5
        database.control.resume(Part.INTAKE, database.now())
        wait_until(lambda: answer(reception.port, CT) is None)


def test_a_pause_outlives_a_restart_and_shuts_before_anybody_comes(tmp_path: Path, database: Database) -> None:
    pause(database)
    with running(tmp_path, database) as reception:
        assert answer(reception.port, CT) == TRANSIENT_LOCAL_LIMIT
        assert answer(reception.port, CT, VERIFICATION) == TRANSIENT_LOCAL_LIMIT
        wait_until(lambda: bool(database.peers.sightings()))
    assert {(seen.reason.value, seen.admitted) for seen in database.peers.sightings()} == {("paused", False)}


def test_known_peers_may_ask_whether_we_live_and_report_commitment(tmp_path: Path, database: Database) -> None:
    pause(database)
    with running(tmp_path, database, peers=(Peer(ae_title="SCANNER", host="127.0.0.1"),)) as reception:
        echo = run_tool("echoscu", "-aec", "HOUNSFIELD", "-aet", "SCANNER", "127.0.0.1", str(reception.port))
        assert (echo.returncode, echo.stderr) == (0, "")
        assert answer(reception.port, COMMITMENT, VERIFICATION) is None
        assert answer(reception.port, VERIFICATION, title="STRANGER") == (1, 1, 3)
        assert answer(reception.port, CT, title="STRANGER") == (1, 1, 3)


def test_who_sends_already_goes_on_and_each_image_is_stored(tmp_path: Path, database: Database) -> None:
    with running(tmp_path, database) as reception:
        with associated(reception.port) as association:
            assert store(association, tiny()) == 0
            pause(database)
            wait_until(lambda: answer(reception.port, CT) == TRANSIENT_LOCAL_LIMIT)
            assert store(association, tiny(instance="1.2.3.5"), "1.2.3.5") == 0
        assert len(reception.digests()) == 2


def test_who_never_hangs_up_is_answered_a700_in_the_end_and_loses_nothing(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_gate, "GRACE_SECONDS", 0.0)
    with running(tmp_path, database) as reception, associated(reception.port) as association:
        assert store(association, tiny()) == 0
        pause(database)
        wait_until(lambda: answer(reception.port, CT) == TRANSIENT_LOCAL_LIMIT)
        second = tiny(instance="1.2.3.5")
        assert store(association, second, "1.2.3.5") == 0xA700
        database.control.resume(Part.INTAKE, database.now())
        wait_until(lambda: answer(reception.port, CT) is None)
        assert store(association, second, "1.2.3.5") == 0
        assert len(reception.digests()) == 2
