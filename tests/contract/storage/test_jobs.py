"""The job log: claims, fences, results in the transaction that ends the job, and an event for every change."""

import math
from datetime import timedelta

import pytest
from support.recording import register
from support.stored import (
    BUNDLE,
    GIVE_UP,
    LEASE,
    SERIES,
    WHOLE,
    analysed,
    at,
    claimed,
    closed,
    present,
    receipt,
    result,
    to,
)

from hounsfield.storage.engine import Database
from hounsfield.storage.errors import StorageError
from hounsfield.storage.records import Claim, DeliveryRequest, InferRequest, JobFilter, JobRecord, ObjectDelivery
from hounsfield.storage.states import JobKind, JobState, Outcome, Proof, Reason, Stage

INFER, DELIVER = JobKind.INFER, JobKind.DELIVER


def the_job(database: Database, kind: JobKind = INFER) -> JobRecord:
    (job,) = database.jobs.page(JobFilter(kind=kind))
    return job


def changes(database: Database, job_id: int) -> list[tuple[str | None, str, Reason | None]]:
    return [(e.from_state, e.to_state, e.reason) for e in database.jobs.events(job_id=job_id)]


def requested(database: Database, priority: int, series: str) -> None:
    request = InferRequest(bundle="b", bundle_version="1", bundle_sha256="c" * 64, priority=priority)
    closed(database, 1, series, requests=[request])


def test_a_claim_counts_the_attempt_before_the_start(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    assert (claim.job.state, claim.job.attempts, claim.job.worker) == (JobState.RUNNING, 1, "worker-1")
    assert (claim.job.lease_until, claim.job.updated_at) == (at(90), at(30))
    assert database.jobs.get(claim.job.id) == claim.job
    event = database.jobs.events()[-1]
    assert (event.from_state, event.to_state, event.attempt, event.worker) == ("AVAILABLE", "RUNNING", 1, "worker-1")
    assert database.jobs.claim([INFER], "worker-2", LEASE, at(31)) is None


def test_the_job_of_highest_priority_is_taken_and_the_oldest_of_those(database: Database) -> None:
    for number, priority in enumerate((0, 5, 5, 9)):
        requested(database, priority, f"1.2.{number}")
    order = [claimed(database).job.series_uid for _ in range(4)]
    assert order == ["1.2.3", "1.2.1", "1.2.2", "1.2.0"]


def test_a_claim_takes_only_the_kinds_and_destinations_asked_for(database: Database) -> None:
    analysed(database, "pacs", "archive")
    assert database.jobs.claim([INFER], "w", LEASE, at(40)) is None
    assert database.jobs.claim([DELIVER], "w", LEASE, at(40), destinations=["nowhere"]) is None
    assert database.jobs.claim([DELIVER], "w", LEASE, at(40), destinations=[]) is None
    claim = present(database.jobs.claim([INFER, DELIVER], "w", LEASE, at(40), destinations=["archive"]))
    assert claim.job.destination == "archive"
    assert present(database.jobs.claim([DELIVER], "w", LEASE, at(40))).job.destination == "pacs"


def test_a_job_is_not_due_before_its_time(database: Database) -> None:
    closed(database)
    assert database.jobs.retry_later(claimed(database), Reason.MODEL_FAILED, at(60), at(31), {"attempt": "first"})
    job = the_job(database)
    assert (job.state, job.reason, job.available_at) == (JobState.RETRYABLE, Reason.MODEL_FAILED, at(60))
    assert (job.lease_until, job.attempts) == (None, 1)
    assert database.jobs.claim([INFER], "w", LEASE, at(59.9)) is None
    again = claimed(database, seconds=60)
    assert (again.job.attempts, again.job.reason) == (2, None)
    assert database.jobs.events()[-2].detail == {"attempt": "first"}


def test_completing_writes_result_objects_and_deliveries_at_once(database: Database) -> None:
    series = closed(database)
    claim = claimed(database)
    assert database.jobs.complete_infer(claim, result(), to("pacs", "archive"), at(33.5), {"infer": 1.25})
    job = the_job(database)
    assert (job.state, job.outcome, job.score, job.reason) == (JobState.COMPLETED, Outcome.POSITIVE, 0.93, None)
    assert (job.device, job.timings, job.lease_until) == ("/device:CPU:0", {"infer": 1.25}, None)
    stored = present(database.jobs.result_set(present(job.result_set_id)))
    assert (stored.objects, stored.detail) == (result().objects, result().detail)
    assert (stored.identity, stored.job_id, stored.series_id) == ("1" * 64, job.id, series.id)
    assert (stored.outcome, stored.revision, stored.created_at) == (Outcome.POSITIVE, 1, at(33.5))
    deliveries = database.jobs.page(JobFilter(kind=DELIVER))
    assert [(d.destination, d.state, d.proof) for d in deliveries] == [
        ("pacs", JobState.AVAILABLE, Proof.NONE),
        ("archive", JobState.AVAILABLE, Proof.NONE),
    ]
    assert {(d.result_set_id, d.give_up_at, d.revision) for d in deliveries} == {(stored.id, GIVE_UP, 1)}
    assert {(d.outcome, d.score) for d in deliveries} == {(None, None)}
    done = next(e for e in database.jobs.events() if e.to_state == "COMPLETED")
    assert (done.seconds, done.detail["outcome"], done.detail["timings"]) == (3.5, "positive", {"infer": 1.25})
    assert [e.stage for e in database.jobs.events()[-2:]] == [Stage.DELIVER, Stage.DELIVER]


def test_a_completed_job_may_be_not_analysed(database: Database) -> None:
    closed(database)
    assert database.jobs.complete_infer(claimed(database), result(Outcome.NOT_ANALYSED), to("pacs"), at(31), {})
    job = the_job(database)
    assert (job.state, job.outcome, job.reason) == (JobState.COMPLETED, Outcome.NOT_ANALYSED, Reason.INCOMPLETE)
    assert the_job(database, DELIVER).state is JobState.AVAILABLE


def test_a_discarded_infer_job_leaves_a_report_on_its_way(database: Database) -> None:
    closed(database)
    bad = result(Outcome.NOT_ANALYSED, reason=Reason.MODEL_CRASHED)
    assert database.jobs.discard_infer(claimed(database), Reason.MODEL_CRASHED, bad, to("pacs"), at(31))
    job = the_job(database)
    assert (job.state, job.outcome, job.reason) == (JobState.DISCARDED, Outcome.NOT_ANALYSED, Reason.MODEL_CRASHED)
    delivery = the_job(database, DELIVER)
    assert (delivery.state, delivery.result_set_id) == (JobState.AVAILABLE, job.result_set_id)


def test_an_infer_job_cannot_end_in_silence(database: Database) -> None:
    closed(database)
    with pytest.raises(StorageError, match="discard_infer"):
        database.jobs.discard(claimed(database), Reason.INTERNAL, at(31))
    assert the_job(database).state is JobState.RUNNING


def test_a_delivery_cannot_leave_a_result(database: Database) -> None:
    analysed(database)
    with pytest.raises(StorageError):
        database.jobs.complete_infer(claimed(database, DELIVER, 40), result(), (), at(41), {})


@pytest.mark.parametrize("wrong", ["deliveries", "score", "objects"])
def test_a_result_that_cannot_be_written_leaves_the_job_as_it_was(database: Database, wrong: str) -> None:
    closed(database)
    claim, events = claimed(database), database.jobs.last_event_id()
    bad = result(detail={"score": math.nan}) if wrong == "score" else result()
    if wrong == "objects":
        bad = result(objects=(result().objects[0], result().objects[0]))
    with pytest.raises(StorageError):
        database.jobs.complete_infer(claim, bad, to("pacs", "pacs") if wrong == "deliveries" else (), at(31), {})
    assert the_job(database) == claim.job
    assert database.jobs.page(JobFilter(kind=DELIVER)) == []
    assert not database.jobs.is_own_result("2.25.1.1")
    assert database.jobs.last_event_id() == events


def test_a_delivery_is_complete_with_what_was_sent(database: Database) -> None:
    analysed(database)
    claim = claimed(database, DELIVER, 40)
    sent = [ObjectDelivery(sop_instance_uid=f"2.25.1.{n}", status=0, at=at(41)) for n in (1, 2)]
    assert database.jobs.complete_delivery(claim, sent, at(42), {"deliver": 0.2}, Proof.SENT)
    job = the_job(database, DELIVER)
    assert (job.state, job.proof, job.timings) == (JobState.COMPLETED, Proof.SENT, {"deliver": 0.2})
    assert database.jobs.delivered_objects(job.id) == sent


def test_what_was_sent_before_a_failure_is_remembered_with_its_last_status(database: Database) -> None:
    analysed(database)
    first = [ObjectDelivery(sop_instance_uid=f"2.25.1.{n}", status=status, at=at(41)) for n, status in ((1, 0), (2, 9))]
    claim = claimed(database, DELIVER, 40)
    assert database.jobs.retry_later(claim, Reason.REFUSED_STATUS, at(50), at(42), None, first)
    again = [ObjectDelivery(sop_instance_uid="2.25.1.2", status=0xA700, at=at(51))]
    assert database.jobs.discard(claimed(database, DELIVER, 50), Reason.DEADLINE, at(52), {"tries": 2}, again)
    job = the_job(database, DELIVER)
    assert (job.state, job.reason, job.proof) == (JobState.DISCARDED, Reason.DEADLINE, Proof.NONE)
    assert [(o.sop_instance_uid, o.status) for o in database.jobs.delivered_objects(job.id)] == [
        ("2.25.1.1", 0),
        ("2.25.1.2", 0xA700),
    ]


def every_write(database: Database, claim: Claim) -> dict[str, bool]:
    jobs, now = database.jobs, at(200)
    bad = result(Outcome.NOT_ANALYSED)
    return {
        "heartbeat": jobs.heartbeat(claim, at(300)),
        "complete_infer": jobs.complete_infer(claim, result(), to("pacs"), now, {}),
        "discard_infer": jobs.discard_infer(claim, Reason.MODEL_CRASHED, bad, to("pacs"), now),
        "complete_delivery": jobs.complete_delivery(claim, [], now, {}, Proof.SENT),
        "retry_later": jobs.retry_later(claim, Reason.INTERNAL, now, now),
        "give_back": jobs.give_back(claim, now),
    }


def test_a_worker_that_lost_its_claim_writes_nothing(database: Database) -> None:
    closed(database)
    lost = claimed(database)
    (rescued,) = database.jobs.expired(at(90))
    before, events = database.jobs.get(lost.job.id), database.jobs.last_event_id()
    database.jobs.record_progress(lost, "infer", 1.0, at(200))
    assert not any(every_write(database, lost).values())
    assert database.jobs.get(lost.job.id) == before
    assert database.jobs.page(JobFilter(kind=DELIVER)) == []
    assert database.jobs.last_event_id() == events
    assert database.jobs.retry_later(rescued, Reason.LEASE_EXPIRED, at(100), at(91))


def test_a_job_that_ended_takes_no_second_end(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    assert database.jobs.complete_infer(claim, result(), to("pacs"), at(31), {})
    assert not any(every_write(database, claim).values())
    assert the_job(database).state is JobState.COMPLETED


def test_a_heartbeat_keeps_the_lease(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    assert database.jobs.heartbeat(claim, at(150))
    assert database.jobs.expired(at(149)) == []
    (rescued,) = database.jobs.expired(at(150))
    assert (rescued.fence, rescued.job.attempts, rescued.job.state) == (claim.fence + 1, 1, JobState.RUNNING)


def test_an_expired_job_is_handed_out_once_and_again_if_its_rescuer_dies(database: Database) -> None:
    closed(database)
    claimed(database)
    assert len(database.jobs.expired(at(90))) == 1
    assert database.jobs.expired(at(91)) == []
    assert len(database.jobs.expired(at(9000))) == 1


def test_a_job_given_back_at_shutdown_does_not_count_the_attempt(database: Database) -> None:
    closed(database)
    assert database.jobs.give_back(claimed(database), at(31))
    job = the_job(database)
    assert (job.state, job.attempts, job.available_at, job.lease_until) == (JobState.AVAILABLE, 0, at(31), None)
    assert claimed(database, seconds=31).job.attempts == 1


def test_progress_is_an_event_and_no_change(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    database.jobs.record_progress(claim, "report", 0.75, at(31))
    event = database.jobs.events()[-1]
    assert (event.from_state, event.to_state, event.stage, event.seconds) == ("RUNNING", "RUNNING", Stage.REPORT, 0.75)
    assert event.detail == {"step": "report"}
    database.jobs.record_progress(claim, "preprocess", 0.5, at(31))
    assert (database.jobs.events()[-1].stage, database.jobs.events()[-1].detail) == (
        Stage.INFER,
        {"step": "preprocess"},
    )
    assert the_job(database) == claim.job


def test_a_person_can_cancel_what_has_not_ended(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    assert database.jobs.cancel(claim.job.id, at(31))
    assert (the_job(database).state, the_job(database).reason) == (JobState.CANCELLED, Reason.OPERATOR)
    assert not database.jobs.heartbeat(claim, at(100))
    assert not database.jobs.cancel(claim.job.id, at(32))
    assert not database.jobs.cancel(999, at(32))


def test_a_person_can_send_a_dead_job_round_again(database: Database) -> None:
    closed(database)
    bad = result(Outcome.NOT_ANALYSED)
    job_id = claimed(database).job.id
    assert not database.jobs.requeue(job_id, at(31))
    claim = present(database.jobs.expired(at(90))[0])
    assert database.jobs.discard_infer(claim, Reason.MODEL_CRASHED, bad, to("pacs"), at(91))
    assert database.jobs.requeue(job_id, at(92))
    job = the_job(database)
    assert (job.state, job.attempts, job.available_at) == (JobState.AVAILABLE, 0, at(92))
    assert (job.outcome, job.reason, job.result_set_id) == (None, None, None)
    better = result(Outcome.NEGATIVE, "2.25.9")
    assert database.jobs.complete_infer(claimed(database, seconds=93), better, to("pacs"), at(94), {})
    assert [d.result_set_id for d in database.jobs.page(JobFilter(kind=DELIVER))] == [1, 2]
    assert not database.jobs.requeue(job_id, at(95))
    assert not database.jobs.requeue(999, at(95))


def test_a_later_revision_is_not_analysed_before_the_earlier_one_has_ended(database: Database) -> None:
    closed(database, 3)
    first = claimed(database)
    closed(database, 4, now=at(31))
    closed(database, 3, "1.2.9", now=at(32))
    assert claimed(database, seconds=33).job.series_uid == "1.2.9", "other series do not wait"
    assert database.jobs.retry_later(first, Reason.MODEL_FAILED, at(60), at(34))
    assert database.jobs.claim([INFER], "worker-2", LEASE, at(35)) is None
    again = claimed(database, seconds=61)
    assert again.job.id == first.job.id
    assert database.jobs.complete_infer(again, result(), to("pacs"), at(62), {})
    assert claimed(database, seconds=63).job.revision == 2


def test_what_a_later_revision_has_overtaken_is_not_sent_round_again(database: Database) -> None:
    closed(database, 3)
    claim = claimed(database)
    assert database.jobs.discard_infer(claim, Reason.MODEL_CRASHED, result(Outcome.NOT_ANALYSED), to("pacs"), at(31))
    closed(database, 4, now=at(32))
    assert not database.jobs.requeue(claim.job.id, at(33))
    delivery = claimed(database, DELIVER, 34)
    assert database.jobs.discard(delivery, Reason.DEADLINE, at(35))
    assert database.jobs.requeue(delivery.job.id, at(36)), "its report was never retracted"


def test_a_delivery_sent_round_again_gets_its_whole_time_anew(database: Database) -> None:
    analysed(database)
    late = 8 * 86400
    claim = claimed(database, DELIVER, late)
    assert database.jobs.discard(claim, Reason.DEADLINE, at(late))
    assert database.jobs.requeue(claim.job.id, at(late + 10))
    job = the_job(database, DELIVER)
    assert job.give_up_at == at(late + 10) + (GIVE_UP - at(31))
    assert (job.result_set_id, job.attempts) == (claim.job.result_set_id, 0)


def test_every_change_of_a_job_has_its_event(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    database.jobs.give_back(claim, at(31))
    database.jobs.retry_later(claimed(database, seconds=32), Reason.MODEL_FAILED, at(40), at(33))
    database.jobs.cancel(claim.job.id, at(34))
    database.jobs.requeue(claim.job.id, at(35))
    database.jobs.complete_infer(claimed(database, seconds=36), result(), (), at(37), {})
    assert changes(database, claim.job.id) == [
        (None, "AVAILABLE", None),
        ("AVAILABLE", "RUNNING", None),
        ("RUNNING", "AVAILABLE", Reason.SHUTDOWN),
        ("AVAILABLE", "RUNNING", None),
        ("RUNNING", "RETRYABLE", Reason.MODEL_FAILED),
        ("RETRYABLE", "CANCELLED", Reason.OPERATOR),
        ("CANCELLED", "AVAILABLE", None),
        ("AVAILABLE", "RUNNING", None),
        ("RUNNING", "COMPLETED", None),
    ]


def test_events_are_read_page_by_page_and_by_series(database: Database) -> None:
    closed(database, 1, "1.2.1")
    closed(database, 1, "1.2.2")
    events = database.jobs.events()
    assert [e.id for e in events] == sorted(e.id for e in events)
    assert database.jobs.last_event_id() == events[-1].id
    assert database.jobs.events(after_id=events[1].id, limit=2) == events[2:4]
    assert {e.series_uid for e in database.jobs.events(series_uid="1.2.2")} == {"1.2.2"}
    assert len(database.jobs.events(series_uid="1.2.2")) == 3
    assert database.jobs.events(after_id=events[-1].id) == []


def test_an_empty_log_ends_at_zero(database: Database) -> None:
    assert database.jobs.last_event_id() == 0
    assert database.jobs.get(1) is None
    assert database.jobs.result_set(1) is None


def test_jobs_are_filtered_and_paged(database: Database) -> None:
    analysed(database, "pacs", "archive", series="1.2.1")
    closed(database, 1, "1.2.2")
    assert len(database.jobs.page(JobFilter())) == 4
    assert [j.kind for j in database.jobs.page(JobFilter(series_uid="1.2.1", kind=DELIVER))] == [DELIVER] * 2
    assert [j.series_uid for j in database.jobs.page(JobFilter(state=JobState.AVAILABLE, kind=INFER))] == ["1.2.2"]
    first = database.jobs.page(JobFilter(), limit=3)
    assert len(database.jobs.page(JobFilter(), after_id=first[-1].id)) == 1


def test_our_own_results_are_known_by_their_uid(database: Database) -> None:
    analysed(database)
    assert database.jobs.is_own_result("2.25.1.2")
    assert not database.jobs.is_own_result(f"{SERIES}.1")


def test_a_later_revision_finds_the_results_before_it(database: Database) -> None:
    series = analysed(database)
    register(database.series, receipt(9, received_at=at(40)))
    reopened = present(database.series.get(series.id))
    ids = [i.id for i in database.series.instances(series.id)]
    assert database.series.close(reopened, ids, WHOLE, [BUNDLE], at(60))
    claim = claimed(database, seconds=61)
    assert [r.revision for r in database.jobs.predecessors(claim.job)] == [1]
    assert database.jobs.complete_infer(claim, result(Outcome.NEGATIVE, "2.25.2"), (), at(62), {})
    newest, oldest = database.jobs.predecessors(claim.job)
    assert (newest.revision, oldest.revision) == (2, 1), "its own, should it be sent round again"
    assert newest.objects[0].sop_instance_uid == "2.25.2.1"
    first = database.jobs.of_series(series.id)[0]
    assert [r.revision for r in database.jobs.predecessors(first)] == [1]


def test_a_claim_is_not_affected_by_clocks_that_run_backwards(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    assert database.jobs.complete_infer(claim, result(), (), at(30) - timedelta(hours=1), {})
    assert next(e for e in database.jobs.events() if e.to_state == "COMPLETED").seconds == 0


def test_who_serves_one_destination_or_notification_takes_no_job_of_another(database: Database) -> None:
    closed(database)
    give_up = at(7 * 86400)
    news = [DeliveryRequest(kind=JobKind.NOTIFY, destination=name, give_up_at=give_up) for name in ("ris", "hook")]
    assert database.jobs.complete_infer(claimed(database), result(), [*to("pacs"), *news], at(31), {})

    def take(kind: JobKind, name: str) -> Claim | None:
        return database.jobs.claim([kind], "w", LEASE, at(40), destinations=[name])

    assert take(JobKind.NOTIFY, "pacs") is None
    assert take(DELIVER, "ris") is None
    claim = present(take(JobKind.NOTIFY, "hook"))
    assert (claim.job.kind, claim.job.destination) == (JobKind.NOTIFY, "hook")
    assert take(JobKind.NOTIFY, "hook") is None
    assert database.jobs.complete_delivery(claim, (), at(41), {"notify": 0.1}, Proof.SENT)
    assert present(database.jobs.get(claim.job.id)).proof is Proof.SENT
    stages = {event.stage for event in database.jobs.events(job_id=claim.job.id)}
    assert stages == {Stage.NOTIFY}


def test_withheld_news_are_told_in_the_job_log_as_news(database: Database) -> None:
    closed(database)
    withheld = DeliveryRequest(kind=JobKind.NOTIFY, destination="ris", give_up_at=at(99), withheld=Reason.SHADOW)
    claim = claimed(database)
    assert database.jobs.complete_infer(claim, result(), [withheld], at(31), {})
    event = database.jobs.events(job_id=claim.job.id)[-1]
    assert (event.stage, event.reason) == (Stage.NOTIFY, Reason.SHADOW)
    assert database.jobs.page(JobFilter(kind=JobKind.NOTIFY)) == []
