"""A result is taken back from the page of its job."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.console import console_parts
from support.fakes import ManualClock
from support.recalled import result_files
from support.stored import at, claimed, closed, present, result, to

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console.pages.recalling import take_back
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.console.problems import BadRequest
from hounsfield.storage.engine import open_database
from hounsfield.storage.records import JobRecord, ObjectDelivery, ResultObject
from hounsfield.storage.states import JobKind, JobState, Proof, ResultKind

WHY = "wrong threshold"


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[ConsoleParts]:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1, "allow_demonstration": True}
    settings = Settings.model_validate({"storage": {"home": str(tmp_path)}, "destination": [pacs]})
    database = open_database(None, tmp_path)
    yield console_parts(database, tmp_path, settings, ManualClock(at(100)))
    database.close()


def delivered(parts: ConsoleParts, *, with_files: bool) -> tuple[JobRecord, JobRecord]:
    """Return the analysis, and the delivery that brought its result to the PACS."""
    jobs = parts.database.jobs
    closed(parts.database)
    paths = result_files(parts.home / "results") if with_files else (Path("2.25.1.dcm"),)
    objects = tuple(
        ResultObject(role=role, sop_class_uid="1.2.3", sop_instance_uid=path.stem, sha256="a" * 64, size=1)
        for role, path in zip(("sr", "sc"), paths, strict=False)
    )
    claim = claimed(parts.database)
    assert jobs.complete_infer(claim, result(objects=objects), to("pacs"), at(31), {})
    delivery = claimed(parts.database, JobKind.DELIVER, 32)
    sent = [ObjectDelivery(sop_instance_uid=one.sop_instance_uid, status=0, at=at(33)) for one in objects]
    assert jobs.complete_delivery(delivery, sent, at(33), {}, Proof.SENT)
    return present(jobs.get(claim.job.id)), present(jobs.get(delivery.job.id))


def test_who_has_the_result_gets_a_note_and_the_log_says_who_took_it_back(parts: ConsoleParts) -> None:
    job, _ = delivered(parts, with_files=True)
    take_back(parts, job, "anna", WHY)
    jobs = parts.database.jobs
    newest = jobs.result_sets_of_job(job.id)[-1]
    assert (newest.kind, newest.detail["by"], newest.detail["words"]) == (ResultKind.RETRACTION, "anna", WHY)
    assert [(one.destination, one.state) for one in jobs.deliveries_of(newest.id)] == [("pacs", JobState.AVAILABLE)]
    with pytest.raises(BadRequest, match="not taken back"):
        take_back(parts, job, "anna", WHY)


def test_a_note_that_cannot_be_written_is_told_in_words(parts: ConsoleParts) -> None:
    job, _ = delivered(parts, with_files=False)
    with pytest.raises(BadRequest):
        take_back(parts, job, "anna", WHY)


def test_a_delivery_has_no_result_of_its_own(parts: ConsoleParts) -> None:
    _, delivery = delivered(parts, with_files=False)
    with pytest.raises(BadRequest, match="no result of its own"):
        take_back(parts, delivery, "anna", WHY)
