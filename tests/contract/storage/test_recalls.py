"""Taking results back, on both engines: nothing of them goes out any more, and what takes them back always does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from support.stored import GIVE_UP, analysed, at, claimed, closed, present, result, to

from hounsfield.storage.engine import Database
from hounsfield.storage.recall import ResultFilter
from hounsfield.storage.records import JobRecord, ObjectDelivery, ResultSet
from hounsfield.storage.states import JobKind, JobState, Outcome, Proof, Reason, ResultKind

KINDS = [JobKind.DELIVER]


def deliveries(database: Database, result_set_id: int) -> dict[str, JobRecord]:
    return {str(job.destination): job for job in database.jobs.deliveries_of(result_set_id)}


def first_set(database: Database) -> int:
    return database.recalls.page(ResultFilter())[0].id


def retraction(of: int, **changes: Any) -> ResultSet:
    return result(name="2.25.9", kind=ResultKind.RETRACTION, replaces=of, reason=Reason.RETRACTED, **changes)


def sent(database: Database, seconds: float = 40) -> JobRecord:
    """Deliver what is due next."""
    claim = claimed(database, JobKind.DELIVER, seconds)
    objects = [ObjectDelivery(sop_instance_uid="2.25.1.1", status=0, at=at(seconds))]
    assert database.jobs.complete_delivery(claim, objects, at(seconds), {}, Proof.SENT)
    return claim.job


def retracted(database: Database, *to_whom: str) -> int:
    """Take the first result set back; return the id of the retraction."""
    taken = first_set(database)
    present(database.recalls.withdraw(taken, at(50)))
    infer = present(database.jobs.result_set(taken)).job_id
    return present(database.recalls.retract(infer, retraction(taken), to(*to_whom), at(51), "anna"))


def test_what_waits_is_cancelled_and_what_was_sent_is_named(database: Database) -> None:
    analysed(database, "pacs", "viewer")
    assert sent(database).destination == "pacs"
    withdrawal = present(database.recalls.withdraw(first_set(database), at(50)))
    assert (withdrawal.cancelled, withdrawal.reached, withdrawal.planned) == (1, ("pacs",), True)
    found = deliveries(database, first_set(database))
    assert found["pacs"].state is JobState.COMPLETED
    assert (found["viewer"].state, found["viewer"].reason) == (JobState.CANCELLED, Reason.RETRACTED)


def test_a_delivery_that_is_running_may_have_arrived_and_its_courier_writes_nothing_more(database: Database) -> None:
    analysed(database)
    claim = claimed(database, JobKind.DELIVER, 40)
    withdrawal = present(database.recalls.withdraw(first_set(database), at(50)))
    assert (withdrawal.cancelled, withdrawal.reached) == (1, ("pacs",))
    assert not database.jobs.complete_delivery(claim, [], at(51), {}, Proof.SENT)
    assert not database.jobs.retry_later(claim, Reason.UNREACHABLE, at(60), at(51))


def test_a_try_that_failed_may_have_arrived_also_after_it_was_queued_anew(database: Database) -> None:
    analysed(database)
    claim = claimed(database, JobKind.DELIVER, 40)
    assert database.jobs.discard(claim, Reason.DEADLINE, at(41))
    assert database.jobs.requeue(claim.job.id, at(42))
    assert present(database.recalls.withdraw(first_set(database), at(50))).reached == ("pacs",)


def test_a_held_delivery_is_cancelled_too_and_nothing_of_it_has_arrived(database: Database) -> None:
    analysed(database)
    assert database.jobs.hold_delivery(claimed(database, JobKind.DELIVER, 40), Reason.PATIENT_CHANGED, at(41))
    withdrawal = present(database.recalls.withdraw(first_set(database), at(50)))
    assert (withdrawal.cancelled, withdrawal.reached) == (1, ())


def test_one_try_of_many_that_may_have_arrived_is_enough(database: Database) -> None:
    analysed(database)
    for seconds, reason in ((40, Reason.REJECTED), (50, Reason.UNREACHABLE), (60, Reason.REJECTED)):
        claim = claimed(database, JobKind.DELIVER, seconds)
        assert database.jobs.retry_later(claim, reason, at(seconds + 1), at(seconds))
    assert present(database.recalls.withdraw(first_set(database), at(70))).reached == ("pacs",)


def test_a_look_says_what_a_withdrawal_would_do_and_changes_nothing(database: Database) -> None:
    analysed(database, "pacs", "viewer")
    sent(database)
    seen = database.recalls.outlook(first_set(database))
    assert deliveries(database, first_set(database))["viewer"].state is JobState.AVAILABLE
    assert database.recalls.withdraw(first_set(database), at(50)) == seen
    assert database.recalls.outlook(4711) is None


@pytest.mark.parametrize("tried", [False, True])
def test_notifications_are_cancelled_and_those_that_may_have_arrived_are_named_apart_from_objects(
    database: Database, tried: bool
) -> None:
    closed(database)
    told = replace(to("his")[0], kind=JobKind.NOTIFY)
    assert database.jobs.complete_infer(claimed(database), result(), [told], at(31), {})
    if tried:
        assert database.jobs.retry_later(claimed(database, JobKind.NOTIFY, 40), Reason.NO_ANSWER, at(60), at(41))
    withdrawal = present(database.recalls.withdraw(first_set(database), at(50)))
    assert (withdrawal.cancelled, withdrawal.reached, withdrawal.planned) == (1, (), True)
    assert withdrawal.told == (("his",) if tried else ())


def test_withdrawing_twice_does_nothing_the_second_time(database: Database) -> None:
    analysed(database)
    database.recalls.withdraw(first_set(database), at(50))
    assert present(database.recalls.withdraw(first_set(database), at(51))).cancelled == 0
    assert database.recalls.withdraw(4711, at(52)) is None


def test_a_retraction_is_recorded_with_who_did_it_and_delivered(database: Database) -> None:
    analysed(database)
    sent(database)
    made = retracted(database, "pacs")
    job = present(database.jobs.claim(KINDS, "courier", GIVE_UP - at(0), at(60))).job
    assert (job.result_set_id, job.destination) == (made, "pacs")
    assert database.recalls.is_retracted(first_set(database))
    assert not database.recalls.is_retracted(made)
    event = next(event for event in database.jobs.events() if event.reason is Reason.RETRACTED)
    assert event.detail == {"step": "retracted", "by": "anna", "result_set": first_set(database)}
    assert event.from_state == event.to_state == "COMPLETED"


def test_a_result_is_retracted_once_only(database: Database) -> None:
    analysed(database)
    retracted(database, "pacs")
    taken = first_set(database)
    infer = present(database.jobs.result_set(taken)).job_id
    assert database.recalls.retract(infer, retraction(taken), to("pacs"), at(60), "ben") is None
    assert len(database.recalls.page(ResultFilter())) == 2


def test_what_was_retracted_is_never_queued_again(database: Database) -> None:
    record = analysed(database, "pacs", "viewer")
    claim = claimed(database, JobKind.DELIVER, 40)
    assert database.jobs.discard(claim, Reason.DEADLINE, at(41))
    retracted(database)
    for job in deliveries(database, first_set(database)).values():
        assert job.state in (JobState.DISCARDED, JobState.CANCELLED)
        assert not database.jobs.requeue(job.id, at(60))
    assert database.jobs.claim(KINDS, "courier", GIVE_UP - at(0), at(61)) is None
    assert present(database.series.get(record.id)).revision == 1


def test_a_release_of_the_series_brings_no_retracted_delivery_back(database: Database) -> None:
    record = analysed(database)
    assert database.series.hold(record, Reason.CONFLICT, at(40))
    retracted(database)
    assert database.series.release(record.id, at(60))
    receiving = present(database.series.get(record.id))
    assert database.series.close_unchanged(receiving, [], at(61))
    assert database.jobs.claim(KINDS, "courier", GIVE_UP - at(0), at(62)) is None


def test_a_hold_of_the_series_stops_no_retraction_whenever_it_comes(database: Database) -> None:
    record = analysed(database)
    sent(database)
    assert database.series.hold(record, Reason.TWO_PATIENTS, at(45))
    made = retracted(database, "pacs")
    (job,) = deliveries(database, made).values()
    assert job.state is JobState.AVAILABLE
    claim = present(database.jobs.claim(KINDS, "courier", GIVE_UP - at(0), at(60)))
    assert claim.job.id == job.id
    assert database.jobs.discard(claim, Reason.DEADLINE, at(61))
    assert database.jobs.requeue(job.id, at(62))


def test_a_retraction_that_waits_goes_on_when_its_series_is_held(database: Database) -> None:
    record = analysed(database)
    sent(database)
    made = retracted(database, "pacs")
    assert database.series.hold(record, Reason.TWO_PATIENTS, at(60))
    assert present(database.jobs.claim(KINDS, "courier", GIVE_UP - at(0), at(61))).job.result_set_id == made


def test_a_retraction_is_no_predecessor_of_the_next_report(database: Database) -> None:
    record = analysed(database)
    retracted(database)
    (infer,) = [job for job in database.jobs.of_series(record.id) if job.kind is JobKind.INFER]
    assert [found.kind for found in database.jobs.predecessors(infer)] == [ResultKind.ANALYSIS]


def held(database: Database, *destinations: str) -> Sequence[int]:
    analysed(database, *destinations)
    ids = []
    for _ in destinations:
        claim = claimed(database, JobKind.DELIVER, 40)
        assert database.jobs.hold_delivery(claim, Reason.PATIENT_CHANGED, at(41))
        ids.append(claim.job.id)
    return ids


def anew(of: int) -> ResultSet:
    return result(name="2.25.7", kind=ResultKind.REISSUE, replaces=of)


def test_a_reissue_takes_the_place_of_held_deliveries(database: Database) -> None:
    (waiting,) = held(database, "pacs")
    made = present(database.recalls.reissue([waiting], anew(first_set(database)), to("pacs"), at(50), "anna"))
    old = present(database.jobs.get(waiting))
    assert (old.state, old.reason) == (JobState.CANCELLED, Reason.REISSUED)
    assert present(database.jobs.claim(KINDS, "courier", GIVE_UP - at(0), at(60))).job.result_set_id == made
    assert not database.jobs.requeue(waiting, at(61))


def test_a_reissue_leaves_other_destinations_as_they_are(database: Database) -> None:
    first, second = held(database, "pacs", "viewer")
    present(database.recalls.reissue([first], anew(first_set(database)), to("pacs"), at(50), "anna"))
    assert present(database.jobs.get(second)).state is JobState.HELD


def test_a_second_reissue_of_the_same_delivery_is_refused(database: Database) -> None:
    waiting = held(database, "pacs")
    taken = first_set(database)
    present(database.recalls.reissue(waiting, anew(taken), to("pacs"), at(50), "anna"))
    assert database.recalls.reissue(waiting, anew(taken), to("pacs"), at(51), "ben") is None
    assert database.recalls.reissue([], anew(taken), to("pacs"), at(52), "ben") is None


def test_what_was_retracted_is_not_written_anew(database: Database) -> None:
    waiting = held(database, "pacs")
    retracted(database)
    assert database.recalls.reissue(waiting, anew(first_set(database)), to("pacs"), at(60), "ben") is None


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (ResultFilter(), 3),
        (ResultFilter(with_retractions=False), 2),
        (ResultFilter(bundle="ich-demo"), 3),
        (ResultFilter(bundle="ich-demo", bundle_version="1.0.0"), 3),
        (ResultFilter(bundle="ich-demo", bundle_version="1.0.1"), 0),
        (ResultFilter(bundle="other"), 0),
        (ResultFilter(since=at(31)), 3),
        (ResultFilter(since=at(32)), 1),
        (ResultFilter(until=at(31)), 0),
        (ResultFilter(until=at(32)), 2),
        (ResultFilter(job_ids=()), 0),
        (ResultFilter(job_ids=(1,)), 2),
    ],
)
def test_result_sets_are_selected_and_paged(database: Database, selection: ResultFilter, count: int) -> None:
    analysed(database)
    retracted(database)
    analysed(database, series="1.2.3.9")
    found = database.recalls.page(selection)
    assert len(found) == count
    paged = []
    while page := database.recalls.page(selection, after_id=paged[-1].id if paged else 0, limit=1):
        paged += page
    assert paged == found


def test_a_line_tells_what_the_result_is_and_whether_it_was_retracted(database: Database) -> None:
    analysed(database)
    retracted(database)
    first, second = database.recalls.page(ResultFilter())
    assert (first.kind, first.outcome, first.score, first.bundle_version, first.is_retracted) == (
        ResultKind.ANALYSIS,
        Outcome.POSITIVE,
        0.93,
        "1.0.0",
        True,
    )
    assert (second.kind, second.replaces, second.is_retracted) == (ResultKind.RETRACTION, first.id, False)
