"""Finished results reach their destination, once each, byte for byte."""

from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench
from support.couriers import courier
from support.couriers import reported as result_waiting
from support.peers import free_port

from hounsfield.daemon.delivery import dicom_transport
from hounsfield.daemon.demo.store_listener import FolderStore
from hounsfield.storage.states import JobKind, JobState, Proof, Reason


def reported(folder: Path, port: int, **more: Any) -> Bench:
    """A bench with one result waiting for a PACS on ``port``."""
    destination = {"name": "pacs", "ae_title": "FOLDER", "host": "127.0.0.1", "port": port, **more}
    return result_waiting(Bench(folder / "home", [destination]))


@pytest.fixture
def pacs(tmp_path: Path):
    with FolderStore(tmp_path / "pacs") as store:
        yield store


def test_a_result_set_is_delivered_once_and_byte_for_byte(pacs: FolderStore, tmp_path: Path) -> None:
    bench = reported(tmp_path, pacs.port)
    sender = courier(bench)
    assert sender.work_one()
    assert not sender.work_one()
    (job,) = bench.jobs(JobKind.DELIVER)
    assert (job.state, job.proof) == (JobState.COMPLETED, Proof.SENT)
    assert {path.name for path in pacs.files()} == {path.name for path in bench.app.files.folder.glob("*.dcm")}
    for path in pacs.files():
        ours = (bench.app.files.folder / path.name).read_bytes()
        assert data_set(path.read_bytes()) == data_set(ours)


def test_a_destination_gets_only_the_objects_it_asks_for(pacs: FolderStore, tmp_path: Path) -> None:
    bench = reported(tmp_path, pacs.port, results=["sc"], flagged_pages=0)
    courier(bench).work_one()
    assert len(pacs.files()) == 1


def test_a_pacs_that_is_down_is_asked_again_until_the_time_is_up(tmp_path: Path) -> None:
    bench = reported(tmp_path, free_port(), give_up_days=0.02, probe_seconds=120)
    sender = courier(bench)
    for _ in range(60):
        sender.work_one()
        (job,) = bench.jobs(JobKind.DELIVER)
        if job.state.is_final:
            break
        bench.clock.advance(60)
    assert (job.state, job.reason) == (JobState.DISCARDED, Reason.DEADLINE)
    assert (job.updated_at - job.created_at).total_seconds() == pytest.approx(0.02 * 86400, abs=960)
    assert job.attempts == 2, "once before it was known to be away, and once to end it"


def test_a_result_is_offered_for_seven_days_unless_configured_otherwise(tmp_path: Path) -> None:
    bench = reported(tmp_path, free_port())
    (job,) = bench.jobs(JobKind.DELIVER)
    assert job.give_up_at is not None
    assert (job.give_up_at - job.created_at).days == 7


def test_a_result_changed_on_disk_is_never_sent(pacs: FolderStore, tmp_path: Path) -> None:
    bench = reported(tmp_path, pacs.port)
    changed = next(iter(bench.app.files.folder.glob("*.dcm")))
    changed.write_bytes(changed.read_bytes() + b"\0\0")
    courier(bench).work_one()
    (job,) = bench.jobs(JobKind.DELIVER)
    assert (job.state, job.reason) == (JobState.DISCARDED, Reason.RESULT_CHANGED)
    assert pacs.files() == []


def test_a_delivery_that_fails_in_an_unknown_way_is_tried_again(
    pacs: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = reported(tmp_path, pacs.port)
    sender = courier(bench)

    def broken(*_: object) -> None:
        raise LookupError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(dicom_transport, "send", broken)
        assert sender.work_one()
    (job,) = bench.jobs(JobKind.DELIVER)
    assert (job.state, job.reason) == (JobState.RETRYABLE, Reason.INTERNAL)
    bench.clock.advance(60)
    assert sender.work_one()
    assert bench.jobs(JobKind.DELIVER)[0].state is JobState.COMPLETED
    assert len(pacs.files()) == len(list(bench.app.files.folder.glob("*.dcm")))


def test_a_delivery_that_goes_on_failing_in_an_unknown_way_ends_in_the_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = reported(tmp_path, free_port(), give_up_days=0.1)
    sender = courier(bench)

    def broken(*_: object) -> None:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr(dicom_transport, "send", broken)
    for _ in range(100):
        bench.clock.advance(900)
        sender.work_one()
    (job,) = bench.jobs(JobKind.DELIVER)
    assert (job.state, job.reason) == (JobState.DISCARDED, Reason.DEADLINE)


def test_a_result_without_the_object_a_destination_wants_now_is_not_called_sent(
    pacs: FolderStore, tmp_path: Path
) -> None:
    bench = reported(tmp_path, pacs.port, results=["sc"], flagged_pages=0)
    wants_reports = bench.app.settings.destination[0].model_copy(update={"results": ("sr",)})
    courier(bench, wants_reports).work_one()
    (job,) = bench.jobs(JobKind.DELIVER)
    assert (job.state, job.reason, job.proof) == (JobState.DISCARDED, Reason.NO_SUCH_RESULT, Proof.NONE)
    assert pacs.files() == []


def data_set(part10: bytes) -> bytes:
    """What stands behind the file meta information, which each side writes for itself."""
    length = int.from_bytes(part10[140:144], "little")
    return part10[144 + length :]
