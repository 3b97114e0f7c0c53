"""Deliveries that wait: woken when their destination is back, ended when their time is over, held for a person."""

import pytest
from support.stored import GIVE_UP, LEASE, analysed, at, claimed, present, result

from hounsfield.storage.engine import Database
from hounsfield.storage.records import ObjectDelivery, ResultObject
from hounsfield.storage.states import JobKind, JobState, Reason

DELIVER = JobKind.DELIVER
VARIANT = ResultObject(
    role="sr", sop_class_uid="1.2.9", sop_instance_uid="2.25.1.1.9", sha256="4" * 64, size=11, variant_of="2.25.1.1"
)


def put_off(database: Database, seconds: float, until: float, reason: Reason = Reason.UNREACHABLE) -> int:
    """Let the next delivery wait; return its job."""
    claim = claimed(database, DELIVER, seconds)
    assert database.jobs.retry_later(claim, reason, at(until), at(seconds))
    return claim.job.id


def test_waiting_deliveries_of_a_destination_are_made_due_and_no_others(database: Database) -> None:
    analysed(database, "pacs", "archive")
    pacs, archive = put_off(database, 40, 900), put_off(database, 41, 900)
    assert database.jobs.wake_deliveries("pacs", at(60)) == 1
    assert database.jobs.wake_deliveries("pacs", at(61)) == 0, "it is due already"
    assert present(database.jobs.get(pacs)).available_at == at(60)
    assert present(database.jobs.get(archive)).available_at == at(900)
    assert claimed(database, DELIVER, 60).job.id == pacs


@pytest.mark.parametrize("reason", [Reason.AWAITING_PROOF, Reason.REFUSED_STATUS, Reason.NOT_ACCEPTED])
def test_deliveries_that_wait_for_something_else_keep_their_time(database: Database, reason: Reason) -> None:
    analysed(database)
    put_off(database, 40, 900, reason)
    assert database.jobs.wake_deliveries("pacs", at(60)) == 0
    assert database.jobs.claim([DELIVER], "courier-1", LEASE, at(60)) is None


def test_only_a_delivery_whose_time_is_over_is_taken_to_be_ended(database: Database) -> None:
    analysed(database, "pacs", "archive")
    assert database.jobs.claim_overdue("pacs", "courier-1", LEASE, at(60)) is None
    overdue = present(database.jobs.claim_overdue("pacs", "courier-1", LEASE, GIVE_UP))
    assert (overdue.job.destination, overdue.job.state, overdue.job.attempts) == ("pacs", JobState.RUNNING, 1)
    assert database.jobs.claim_overdue("pacs", "courier-1", LEASE, GIVE_UP) is None


def test_a_held_delivery_waits_for_a_person_and_keeps_what_was_sent(database: Database) -> None:
    analysed(database)
    claim = claimed(database, DELIVER, 40)
    sent = ObjectDelivery(sop_instance_uid="2.25.1.1", status=0, at=at(40))
    assert database.jobs.hold_delivery(claim, Reason.PATIENT_CHANGED, at(41), [sent])
    held = present(database.jobs.get(claim.job.id))
    assert (held.state, held.reason) == (JobState.HELD, Reason.PATIENT_CHANGED)
    assert database.jobs.wake_deliveries("pacs", at(42)) == 0
    assert database.jobs.claim([DELIVER], "courier-1", LEASE, GIVE_UP) is None
    assert database.jobs.delivered_objects(held.id) == [sent]
    assert database.jobs.requeue(held.id, at(50))
    assert claimed(database, DELIVER, 50).job.id == held.id


def test_an_object_in_another_class_is_kept_once_beside_its_original(database: Database) -> None:
    analysed(database)
    job = claimed(database, DELIVER, 40).job
    for _ in range(2):
        database.jobs.add_variant(job.result_set_id or 0, VARIANT)
    stored = present(database.jobs.result_set(job.result_set_id or 0))
    assert stored.objects == (*result().objects, VARIANT)
    assert database.jobs.is_own_result(VARIANT.sop_instance_uid)
