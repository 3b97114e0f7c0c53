"""What people count: queues, what ended, how long it took, what came in."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from support.recording import register
from support.stored import BUNDLE, SERIES, analysed, at, claimed, closed, receipt, received, result, to

from hounsfield.storage.engine import Database
from hounsfield.storage.errors import StorageError
from hounsfield.storage.log_book import Intake, Latencies, Queue, Tally
from hounsfield.storage.states import JobKind, Outcome, Proof, Reason
from hounsfield.storage.tables import job

FIRST, SECOND, THIRD = (f"{SERIES}.{number}" for number in range(1, 4))
NONE = [Queue(kind=kind) for kind in JobKind]


def test_an_empty_log_has_empty_queues_and_counts(database: Database) -> None:
    book = database.log_book
    assert book.queues(at(0)) == NONE
    assert set(book.counts().values()) == {0}
    assert book.tallies("scanner", at(0), at(9)) == []
    assert book.latencies(JobKind.INFER, at(0), at(9)) == Latencies(kind=JobKind.INFER, count=0)
    assert book.intake(at(0)) == []
    assert book.last_results(at(0)) == []


def test_a_queue_tells_what_waits_since_when_what_runs_and_what_is_for_later(database: Database) -> None:
    for number, uid in enumerate((FIRST, SECOND, THIRD)):
        closed(database, 1, uid, now=at(20 + number))
    assert database.log_book.queues(at(30))[0] == Queue(kind=JobKind.INFER, waiting=3, oldest_waiting_since=at(20))
    claimed(database, seconds=30)
    assert database.jobs.retry_later(claimed(database, seconds=31), Reason.MODEL_CRASHED, at(60), at(32))
    soon, then = database.log_book.queues(at(40))[0], database.log_book.queues(at(60))[0]
    assert soon == Queue(kind=JobKind.INFER, waiting=1, later=1, running=1, oldest_waiting_since=at(22))
    assert then == Queue(kind=JobKind.INFER, waiting=2, running=1, oldest_waiting_since=at(22))


def test_a_queue_holds_nothing_that_has_ended(database: Database) -> None:
    analysed(database, "pacs", "archive", "viewer")
    assert database.jobs.complete_delivery(claimed(database, JobKind.DELIVER, 40), (), at(41), {}, Proof.SENT)
    assert database.jobs.hold_delivery(claimed(database, JobKind.DELIVER, 40), Reason.PATIENT_CHANGED, at(42))
    assert database.jobs.discard(claimed(database, JobKind.DELIVER, 40), Reason.DEADLINE, at(43))
    infer, deliver, _ = database.log_book.queues(at(50))
    assert infer == Queue(kind=JobKind.INFER)
    assert deliver == Queue(kind=JobKind.DELIVER, held=1)


def test_what_waits_for_a_person_is_counted(database: Database) -> None:
    analysed(database, "pacs", "archive")
    assert database.jobs.hold_delivery(claimed(database, JobKind.DELIVER, 40), Reason.PATIENT_CHANGED, at(42))
    assert database.jobs.discard(claimed(database, JobKind.DELIVER, 40), Reason.DEADLINE, at(43))
    received(database, 1, SECOND)
    assert database.series.hold(received(database, 1, THIRD), Reason.TWO_PATIENTS, at(44))
    assert database.log_book.counts() == {
        "held_series": 1,
        "receiving_series": 1,
        "discarded_jobs": 1,
        "held_deliveries": 1,
    }


@pytest.fixture
def ended(database: Database) -> Database:
    """Three analyses that ended at 31, 40 and 50, and one that waits."""
    analysed(database, series=FIRST)
    closed(database, 1, SECOND)
    not_analysed = result(Outcome.NOT_ANALYSED, "2.25.2")
    assert database.jobs.discard_infer(claimed(database), Reason.INCOMPLETE, not_analysed, to("pacs"), at(40))
    closed(database, 1, THIRD, requests=[replace(BUNDLE, bundle="other")])
    negative = result(Outcome.NEGATIVE, "2.25.3")
    assert database.jobs.complete_infer(claimed(database), negative, (), at(50), {"infer": 1.5, "report": 0.25})
    closed(database, 1, f"{SERIES}.4", now=at(30))
    return database


def test_what_ended_is_counted_by_scanner_bundle_or_reason(ended: Database) -> None:
    book = ended.log_book
    assert book.tallies("scanner", at(0), at(99)) == [
        Tally(group="CT1", jobs=3, positive=1, negative=1, not_analysed=1, discarded=1)
    ]
    assert book.tallies("bundle", at(0), at(99)) == [
        Tally(group="ich-demo", jobs=2, positive=1, not_analysed=1, discarded=1),
        Tally(group="other", jobs=1, negative=1),
    ]
    assert book.tallies("reason", at(0), at(99)) == [Tally(group="incomplete", jobs=1, not_analysed=1, discarded=1)]
    assert [one.jobs for one in book.tallies("scanner", at(40), at(50))] == [1]


def test_deliveries_are_counted_by_destination(ended: Database) -> None:
    assert ended.jobs.complete_delivery(claimed(ended, JobKind.DELIVER, 60), (), at(61), {}, Proof.SENT)
    assert ended.jobs.cancel(4, at(62))
    assert ended.log_book.tallies("destination", at(0), at(99), JobKind.DELIVER) == [
        Tally(group="pacs", jobs=2, cancelled=1)
    ]


def test_jobs_are_counted_by_nothing_else(ended: Database) -> None:
    with pytest.raises(StorageError, match="allowed: scanner, bundle, destination, reason"):
        ended.log_book.tallies("series_uid; --", at(0), at(99))


def test_latencies_are_of_those_that_were_completed_in_the_time_asked_for(ended: Database) -> None:
    assert ended.log_book.latencies(JobKind.INFER, at(0), at(99)) == Latencies(
        kind=JobKind.INFER,
        count=2,
        percentiles={50: 11.0, 90: 30.0, 95: 30.0, 99: 30.0},
        stages={"infer": {50: 0.5, 90: 1.5, 95: 1.5, 99: 1.5}, "report": dict.fromkeys((50, 90, 95, 99), 0.25)},
    )
    assert ended.log_book.latencies(JobKind.INFER, at(50), at(99)).count == 1
    assert ended.log_book.latencies(JobKind.DELIVER, at(0), at(99)).count == 0


def test_a_percentile_is_the_nearest_rank(database: Database) -> None:
    for number in range(1, 21):
        closed(database, 1, f"{SERIES}.{number}")
        assert database.jobs.complete_infer(claimed(database), result(name=f"2.25.{number}"), (), at(20 + number), {})
    found = database.log_book.latencies(JobKind.INFER, at(0), at(99))
    assert found.percentiles == {50: 10.0, 90: 18.0, 95: 19.0, 99: 20.0}


def test_the_last_result_of_a_scanner_is_its_newest_analysis_with_an_outcome(ended: Database) -> None:
    assert [(one.scanner, one.job.id) for one in ended.log_book.last_results(at(-60))] == [("CT1", 5)]
    assert ended.log_book.last_results(at(3600)) == []


def test_a_scanner_of_which_nothing_was_analysed_has_no_last_result(database: Database) -> None:
    closed(database, 1, FIRST)
    assert database.log_book.last_results(at(0)) == []
    assert [one.scanner for one in database.log_book.intake(at(0))] == ["CT1"]


def test_intake_counts_what_began_and_what_goes_on(database: Database) -> None:
    received(database, 2, FIRST)
    day = timedelta(days=1)
    for uid, scanner, begun in ((SECOND, "CT2", day), (THIRD, "CT1", 2 * day)):
        register(database.series, receipt(1, series=uid, calling_ae=scanner, received_at=at(0) + begun))
    assert database.log_book.intake(at(0)) == [
        Intake(scanner="CT1", series=2, instances=3, last_at=at(0) + 2 * day),
        Intake(scanner="CT2", series=1, instances=1, last_at=at(0) + day),
    ]
    assert [one.series for one in database.log_book.intake(at(0) + day)] == [1, 1]
    register(database.series, receipt(9, series=FIRST, received_at=at(0) + 3 * day))
    assert database.log_book.intake(at(0) + 3 * day) == [
        Intake(scanner="CT1", series=1, instances=3, last_at=at(0) + 3 * day)
    ]


def test_a_clock_that_ran_backwards_makes_no_negative_latency(ended: Database) -> None:
    with ended.transactions.write() as connection:
        connection.execute(update(job).where(job.c.id == 1).values(updated_at=at(19)))
    assert ended.log_book.latencies(JobKind.INFER, at(0), at(20)).percentiles[50] == 0.0
