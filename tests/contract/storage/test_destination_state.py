"""What the store keeps of destinations, and who may test one that is away."""

from dataclasses import replace
from datetime import timedelta

from support.stored import analysed, at, claimed

from hounsfield.storage.destination_state import Backlog, DestinationState
from hounsfield.storage.engine import Database
from hounsfield.storage.states import JobKind, Proof, Reason

AWAY = DestinationState(
    name="pacs", is_open=True, since=at(0), reason=Reason.UNREACHABLE, failures=3, probe_at=at(30), answered_at=at(-5)
)


def test_a_destination_nobody_spoke_of_has_no_state(database: Database) -> None:
    assert database.destination_states.get("pacs") is None
    assert database.destination_states.all() == []


def test_the_latest_state_takes_the_place_of_the_earlier(database: Database) -> None:
    states = database.destination_states
    states.put(AWAY)
    assert states.get("pacs") == AWAY
    back = DestinationState(name="pacs", is_open=False, since=at(60), answered_at=at(60))
    states.put(back)
    states.put(replace(AWAY, name="archive"))
    assert [one.name for one in states.all()] == ["archive", "pacs"]
    assert states.get("pacs") == back


def test_of_two_who_want_to_test_a_destination_one_may(database: Database) -> None:
    states = database.destination_states
    states.put(AWAY)
    assert states.take_probe("pacs", at(30), at(60))
    assert not states.take_probe("pacs", at(30), at(61)), "the other one has it"
    taken = states.get("pacs")
    assert taken is not None
    assert taken.probe_at == at(60)


def test_a_destination_that_answers_again_is_not_tested(database: Database) -> None:
    states = database.destination_states
    states.put(replace(AWAY, is_open=False))
    assert not states.take_probe("pacs", at(30), at(30) + timedelta(seconds=30))
    assert not states.take_probe("nobody", at(30), at(60))


def test_the_jobs_of_each_destination_are_counted(database: Database) -> None:
    assert database.destination_states.backlogs() == {}
    analysed(database, "pacs", "archive", "folder", "viewer")
    delivered = claimed(database, JobKind.DELIVER, 40)
    assert database.jobs.complete_delivery(delivered, (), at(41), {}, Proof.SENT)
    held = claimed(database, JobKind.DELIVER, 42)
    assert database.jobs.hold_delivery(held, Reason.PATIENT_CHANGED, at(43))
    given_up = claimed(database, JobKind.DELIVER, 44)
    assert database.jobs.discard(given_up, Reason.DEADLINE, at(45))
    counts = database.destination_states.backlogs(at(41))
    assert counts[delivered.job.destination or ""] == Backlog(delivered=1)
    assert counts[held.job.destination or ""] == Backlog(held=1)
    assert counts[given_up.job.destination or ""] == Backlog(given_up=1)
    assert list(counts.values()).count(Backlog(waiting=1)) == 1
    lately, never = database.destination_states.backlogs(at(42)), database.destination_states.backlogs()
    assert lately == never
    assert lately == {name: one for name, one in counts.items() if not one.delivered}
