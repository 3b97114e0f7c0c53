"""What destinations do to a delivery, and what its job says: nothing is lost, nothing is called sent that is not."""

import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from support.bench import Bench
from support.couriers import FakeProver, FakeTransport, courier, delivery, reported, success, until
from support.ct_factory import ct_series, write_series
from support.raw_scu import associated, store
from support.reception import receiving
from support.scripted import scripted
from support.storage_peers import Request, StorageScript, stored
from support.waiting import wait_until

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.plugs import Lost, NotYet, Unobtainable
from hounsfield.daemon.delivery.retry import PERMANENT_ATTEMPTS
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.daemon.errors import DeliveryError
from hounsfield.storage.records import JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind, JobState, Proof, Reason

SR, SC = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.7"
COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"
HOUR = timedelta(hours=1)


@pytest.fixture
def waiting(bench: Bench) -> Bench:
    """Return a bench with one result that waits for the PACS."""
    return reported(bench)


def result_of(bench: Bench) -> StoredResultSet:
    result = bench.app.database.jobs.result_set(delivery(bench).result_set_id or 0)
    assert result is not None
    return result


class Patients:
    """Says whether a merge has overtaken us; None: gives no answer."""

    def __init__(self, changed: bool | None) -> None:
        self.changed = changed

    def has_changed(self, job: JobRecord, objects: Sequence[ResultObject]) -> bool:
        if self.changed is None:
            raise DeliveryError("no answer")
        return self.changed


def test_an_archive_without_room_for_an_hour_gets_the_result_afterwards(waiting: Bench) -> None:
    full = FakeTransport(answer=lambda objects: success(objects, 0xA700))
    sender = courier(waiting, transport=full)
    until(waiting, sender, HOUR)
    job = delivery(waiting)
    assert (job.state, job.reason) == (JobState.RETRYABLE, Reason.REFUSED_STATUS)
    assert job.attempts <= 16
    assert full.probes == 0, "it answers, so it is not out of reach"
    full.answer = success
    until(waiting, sender, timedelta(minutes=16))
    assert (delivery(waiting).state, delivery(waiting).proof) == (JobState.COMPLETED, Proof.SENT)


def test_what_was_lost_after_success_is_sent_again_as_it_was_and_proven(waiting: Bench) -> None:
    uids = tuple(one.sop_instance_uid for one in result_of(waiting).objects)
    sr = uids[0]
    transport, prover = FakeTransport(), FakeProver([Lost({sr: 0x0112})])
    sender = courier(waiting, transport=transport, prover=prover)
    sender.work_one()
    assert (delivery(waiting).state, delivery(waiting).reason) == (JobState.RETRYABLE, Reason.PROOF_FAILED)
    until(waiting, sender, timedelta(minutes=2))
    job = delivery(waiting)
    assert (job.state, job.proof) == (JobState.COMPLETED, Proof.PROVEN)
    assert [sent for _, sent in transport.sent] == [uids, (sr,)]
    assert prover.asked == [uids, uids]
    objects = waiting.app.database.jobs.delivered_objects(job.id)
    assert {one.sop_instance_uid: one.status for one in objects} == dict.fromkeys(uids, 0)
    assert all(one.proven_at is not None for one in objects)


def test_a_result_counts_as_sent_only_when_the_proof_is_there_or_its_time_is_over(waiting: Bench) -> None:
    soon = waiting.clock.now() + timedelta(minutes=5)
    transport, prover = FakeTransport(), FakeProver([NotYet(soon), Unobtainable()])
    sender = courier(waiting, transport=transport, prover=prover)
    sender.work_one()
    job = delivery(waiting)
    assert (job.state, job.reason, job.proof) == (JobState.RETRYABLE, Reason.AWAITING_PROOF, Proof.NONE)
    assert job.available_at == soon
    until(waiting, sender, timedelta(minutes=6))
    job = delivery(waiting)
    assert (job.state, job.reason, job.proof) == (JobState.COMPLETED, Reason.NO_PROOF, Proof.SENT)
    assert len(transport.sent) == 1, "asking for proof sends nothing"


def test_nothing_is_sent_when_the_study_belongs_to_another_patient_by_now(waiting: Bench) -> None:
    transport, patients = FakeTransport(), Patients(changed=None)
    sender = courier(waiting, transport=transport, patient_check=patients)
    sender.work_one()
    assert delivery(waiting).state is JobState.RETRYABLE, "without an answer it waits"
    patients.changed = True
    until(waiting, sender, timedelta(minutes=2))
    job = delivery(waiting)
    assert (job.state, job.reason) == (JobState.HELD, Reason.PATIENT_CHANGED)
    assert transport.sent == []


def test_an_archive_that_is_away_is_tested_also_where_its_patients_are_asked_for_first(bench: Bench) -> None:
    reported(bench, count=5)
    transport, patients = FakeTransport(alive=False), Patients(changed=None)
    sender = courier(bench, transport=transport, patient_check=patients)
    until(bench, sender, timedelta(days=1), timedelta(minutes=10))
    assert {(job.state, job.reason) for job in bench.jobs(JobKind.DELIVER)} <= {
        (JobState.RETRYABLE, Reason.UNREACHABLE),
        (JobState.AVAILABLE, None),
    }
    assert sum(job.attempts for job in bench.jobs(JobKind.DELIVER)) < 10, "tests do not count as tries"
    transport.alive, patients.changed = True, False
    until(bench, sender, timedelta(minutes=1))
    assert {job.state for job in bench.jobs(JobKind.DELIVER)} == {JobState.COMPLETED}


def test_a_study_of_the_same_patient_is_sent(waiting: Bench) -> None:
    transport = FakeTransport()
    courier(waiting, transport=transport, patient_check=Patients(changed=False)).work_one()
    assert delivery(waiting).state is JobState.COMPLETED
    assert len(transport.sent) == 1


def test_an_archive_that_rejects_our_associations_is_tried_for_days(waiting: Bench) -> None:
    stranger = FakeTransport(answer=lambda _: SendReport(failure=Failure.REJECTED), alive=False)
    sender = courier(waiting, transport=stranger)
    until(waiting, sender, timedelta(days=2), timedelta(minutes=10))
    job = delivery(waiting)
    assert (job.state, job.reason) == (JobState.RETRYABLE, Reason.REJECTED)
    assert job.attempts == 1, "tests do not count as tries"
    stranger.answer, stranger.alive = success, True
    until(waiting, sender, timedelta(minutes=1))
    assert delivery(waiting).state is JobState.COMPLETED


def test_what_an_archive_refuses_for_good_ends_after_some_hours_and_says_why(waiting: Bench) -> None:
    transport = FakeTransport(answer=lambda _: SendReport(failure=Failure.UNREACHABLE), alive=True)
    sender = courier(waiting, transport=transport)
    until(waiting, sender, timedelta(minutes=30))
    away = delivery(waiting).attempts
    assert away > PERMANENT_ATTEMPTS, "tries at an archive that is away do not count"
    transport.answer = lambda objects: success(objects, 0xA900)
    until(waiting, sender, timedelta(hours=3))
    assert delivery(waiting).state is JobState.RETRYABLE
    until(waiting, sender, timedelta(hours=9))
    job = delivery(waiting)
    assert (job.state, job.reason) == (JobState.DISCARDED, Reason.REFUSED_STATUS)
    assert job.attempts == away + PERMANENT_ATTEMPTS
    assert waiting.app.database.jobs.events(job_id=job.id)[-1].detail["statuses"] == ["A900"]
    assert waiting.app.database.jobs.requeue(job.id, waiting.clock.now())
    sender.work_one()
    assert delivery(waiting).state is JobState.RETRYABLE, "a new start counts from the beginning"


def test_an_object_that_breaks_every_association_keeps_no_other_back(bench: Bench) -> None:
    reported(bench, count=3)
    poison, *others = bench.jobs(JobKind.DELIVER)
    poisoned = bench.app.database.jobs.result_set(poison.result_set_id or 0)
    assert poisoned is not None
    names = {one.sop_instance_uid for one in poisoned.objects}

    def answer(objects: Sequence[ResultObject]) -> SendReport:
        return SendReport(failure=Failure.BROKEN_OFF) if objects[0].sop_instance_uid in names else success(objects)

    transport = FakeTransport(answer=answer)
    until(bench, courier(bench, transport=transport), timedelta(hours=2))
    by_id = {job.id: job for job in bench.jobs(JobKind.DELIVER)}
    assert [by_id[job.id].state for job in others] == [JobState.COMPLETED] * 2
    assert by_id[poison.id].state is JobState.RETRYABLE
    assert len(transport.sent) <= 25, "the one that fails waits longer each time"


def test_an_archive_that_refuses_the_class_of_reports_gets_another_one_once_and_for_all(waiting: Bench) -> None:
    refused: list[str] = []

    def answer(asked: Request) -> bytes:
        refused.append(asked.instance)
        return stored(asked, 0xA700 if len(refused) == 1 else 0)

    script = StorageScript(answer=answer, takes=(SC, COMPREHENSIVE))
    with scripted(script) as port:
        served = waiting.app.settings.destination[0].model_copy(update={"port": port})
        sender = courier(waiting, served)
        sender.work_one()
        assert delivery(waiting).state is JobState.RETRYABLE
        first = dict(script.data)
        until(waiting, sender, timedelta(minutes=1), timedelta(seconds=10))
    (variant,) = (one for one in result_of(waiting).objects if one.variant_of is not None)
    report, *pages = (one for one in result_of(waiting).objects if one.variant_of is None)
    assert (variant.sop_class_uid, variant.role, variant.variant_of) == (COMPREHENSIVE, "sr", report.sop_instance_uid)
    assert waiting.app.files.verify(variant.sop_instance_uid, variant.sha256)
    assert refused == [
        variant.sop_instance_uid,
        *(page.sop_instance_uid for page in pages),
        variant.sop_instance_uid,
    ]
    assert script.data == first, "the same bytes again"
    assert delivery(waiting).state is JobState.COMPLETED


def test_an_archive_that_takes_no_report_has_the_page_and_the_job_says_what_is_missing(waiting: Bench) -> None:
    script = StorageScript(takes=(SC,))
    with scripted(script) as port:
        served = waiting.app.settings.destination[0].model_copy(update={"port": port})
        sender = courier(waiting, served)
        until(waiting, sender, timedelta(minutes=3))
        job = delivery(waiting)
        assert (job.state, job.reason) == (JobState.RETRYABLE, Reason.NOT_ACCEPTED)
        assert list(script.data) == [one.sop_instance_uid for one in result_of(waiting).objects if one.role == "sc"]
        assert script.proposed[0] == [SR, COMPREHENSIVE, "1.2.840.10008.5.1.4.1.1.88.22", SC]
        assert SC not in script.proposed[-1], "what it has is not sent again"
        script.takes = None
        until(waiting, sender, timedelta(minutes=10))
    assert delivery(waiting).state is JobState.COMPLETED


@pytest.mark.parametrize(("then", "now"), [("en", "de"), ("de", "en")])
def test_what_waits_while_a_destination_gets_another_profile_is_sent_as_it_is(
    tmp_path: Path, then: str, now: str
) -> None:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242, "language": then}
    bench = reported(Bench(tmp_path / "home", [pacs]))
    changed = bench.app.settings.destination[0].model_copy(update={"language": now})
    transport = FakeTransport()
    courier(bench, changed, transport=transport).work_one()
    assert delivery(bench).state is JobState.COMPLETED
    assert transport.sent[0][1] == tuple(one.sop_instance_uid for one in result_of(bench).objects), (
        "a result made before the profile existed is sent as it is"
    )


def test_intake_goes_on_while_a_courier_hangs_on_an_archive_that_says_nothing(waiting: Bench, tmp_path: Path) -> None:
    reached, left = threading.Event(), threading.Event()

    def black_hole(connection: socket.socket) -> None:
        StorageScript().accept(connection)
        reached.set()
        left.wait(20)

    path = write_series(tmp_path / "arrives", ct_series(1, name="late"))[0]
    content = path.read_bytes()
    data = content[144 + int.from_bytes(content[140:144], "little") :]
    database = waiting.app.database
    with scripted(black_hole) as port, receiving(tmp_path, store=database.series, own_results=database.jobs) as intake:
        served = waiting.app.settings.destination[0].model_copy(update={"port": port, "dimse_timeout_seconds": 15.0})
        stuck = threading.Thread(target=courier(waiting, served).work_one, daemon=True)
        stuck.start()
        assert reached.wait(10)
        with associated(intake.port) as association:
            assert store(association, data, str(dcmread(path).SOPInstanceUID)) == 0
        wait_until(lambda: intake.receiver.unregistered == 0)
        assert delivery(waiting).state is JobState.RUNNING, "the courier still hangs"
        left.set()
        stuck.join(20)
    assert (delivery(waiting).state, delivery(waiting).reason) == (JobState.RETRYABLE, Reason.UNREACHABLE)
